"""Whatever a check of a contract says acts: what would do nothing is refused where it stands."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluice.contracts import Check, DerivedContract
from sluice.errors import ContractError
from sluice.load import load_contract
from tests.sluice.contracts.test_odcs import DERIVED

NULLS: dict[str, Any] = {"metric": "nullValues", "arguments": {"properties": ["id"]}, "mustBeLessThan": 5}
TWICE: dict[str, Any] = {**NULLS, "metric": "duplicateValues"}
ROWS: dict[str, Any] = {"metric": "rowCount", "mustBeGreaterThan": 0}
SQL: dict[str, Any] = {"type": "sql", "query": "SELECT count(*) FROM {table}", "mustBe": 1}
OWN: dict[str, Any] = {"type": "custom", "engine": "sluice"}
CHANGE: dict[str, Any] = {**OWN, "implementation": "rowCountChange", "mustBeBetween": [-50, 50]}
FRESH: dict[str, Any] = {**OWN, "implementation": "freshness", "mustBeLessThan": 1}


def read(
    folder: Path, check: dict[str, Any], *, of_column: bool = False, relationships: list[dict[str, Any]] | None = None
) -> Check:
    """Return the last check that a contract states, of its table or of its column ``at``."""
    contract = deepcopy(DERIVED)
    (table,) = contract["schema"]
    table["properties"] = [
        {"name": "id", "physicalType": "string"},
        {"name": "at", "physicalType": "timestamp", **({"quality": [check]} if of_column else {})},
    ]
    table["quality"] = [] if of_column else [check]
    table["relationships"] = relationships or []
    path = folder / "things.yaml"
    path.write_text(yaml.safe_dump(contract))
    found = load_contract(path)
    assert isinstance(found, DerivedContract)
    return found.checks[-1]


@pytest.mark.parametrize("unit", ["rows", "percent"])
@pytest.mark.parametrize("check", [NULLS, TWICE], ids=["nulls", "duplicates"])
def test_nulls_and_duplicates_are_counted_in_the_unit_that_is_stated(
    check: dict[str, Any], unit: str, tmp_path: Path
) -> None:
    stated = read(tmp_path, {**check, "unit": unit})
    assert (stated.unit, stated.must) == (unit, ("mustBeLessThan", 5))
    assert read(tmp_path, check).unit is None
    assert stated != read(tmp_path, check)


def test_the_unit_that_a_measure_has_anyway_may_be_said(tmp_path: Path) -> None:
    assert read(tmp_path, {**ROWS, "unit": "rows"}) == read(tmp_path, ROWS)
    assert read(tmp_path, {**CHANGE, "unit": "percent"}) == read(tmp_path, CHANGE)
    assert read(tmp_path, {**FRESH, "unit": "h"}, of_column=True).must == ("mustBeLessThan", 3600)


@pytest.mark.parametrize(
    ("check", "field", "said"),
    [
        ({**NULLS, "unit": "permille"}, "unit", "allowed: rows, percent"),
        ({**NULLS, "unit": "Percent"}, "unit", "allowed: rows, percent"),
        ({**NULLS, "unit": ""}, "unit", "allowed: rows, percent"),
        ({**ROWS, "unit": "percent"}, "unit", "allowed: rows"),
        ({**CHANGE, "unit": "rows"}, "unit", "allowed: percent"),
        ({**SQL, "unit": "percent"}, "unit", "unit does nothing in a check of sql; remove it"),
        ({**ROWS, "arguments": {"x": 1}}, "arguments", "arguments does nothing in a check of rowCount"),
        ({**ROWS, "arguments": {}}, "arguments", "arguments does nothing in a check of rowCount"),
        ({**SQL, "arguments": {"x": 1}}, "arguments", "arguments does nothing in a check of sql"),
        ({**CHANGE, "arguments": {"x": 1}}, "arguments", "arguments does nothing in a check of rowCountChange"),
        ({**NULLS, "arguments": {"properties": ["id"], "x": 1}}, "arguments.x", "allowed: properties"),
        ({**NULLS, "arguments": {"properties": ["nope"]}}, "arguments", "'nope' is not allowed; allowed: id, at"),
        ({**NULLS, "arguments": {"properties": ["id", "id"]}}, "arguments", "properties names a column twice"),
        ({**NULLS, "arguments": {"properties": []}}, "arguments", r"\[\] is not allowed; properties is a list"),
        ({"metric": "nullValues", "mustBe": 0}, "arguments", "it is missing; properties is a list"),
        ({**ROWS, "query": "SELECT 1"}, "query", "query does nothing in a check of rowCount"),
        ({**ROWS, "engine": "soda"}, "engine", "engine does nothing in a check of rowCount"),
        ({**ROWS, "implementation": "x"}, "implementation", "implementation does nothing in a check of rowCount"),
        ({**SQL, "metric": "rowCount"}, "metric", "metric does nothing in a check of sql"),
        ({**CHANGE, "query": "SELECT 1"}, "query", "query does nothing in a check of rowCountChange"),
        ({**ROWS, "type": "text"}, "type", "allowed: library, sql, custom"),
        ({**ROWS, "type": "banana"}, "type", "allowed: library, sql, custom"),
        ({**NULLS, "unit": "percent", "mustBeLessThan": 101}, "mustBeLessThan", "a share is 0 to 100 percent"),
        ({**NULLS, "unit": "percent", "mustBeLessThan": -1}, "mustBeLessThan", "a share is 0 to 100 percent"),
        ({**NULLS, "unit": "percent", "mustBeLessThan": 0.00001}, "mustBeLessThan", "at most 4 digits"),
        ({"metric": "rowCount", "mustBe": "many"}, "mustBe", "'many' is not allowed; a number is wanted"),
        ({"metric": "rowCount", "mustBe": True}, "mustBe", "True is not allowed; a number is wanted"),
        ({"metric": "rowCount", "mustBeBetween": [5, 1]}, "mustBeBetween", "the smaller number stands first"),
    ],
)
def test_what_does_nothing_in_a_check_is_refused_where_it_stands(
    check: dict[str, Any], field: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ContractError, match=rf"things\.yaml:[0-9]+: schema\.0\.quality\.0\.{field}: .*{said}"):
        read(tmp_path, check)


@pytest.mark.parametrize("check", [ROWS, CHANGE], ids=["rowCount", "rowCountChange"])
def test_a_count_of_the_whole_table_is_not_said_of_a_column(check: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="counts the rows of the whole table; state it there, not of at"):
        read(tmp_path, check, of_column=True)


def test_a_check_of_one_column_names_no_others(tmp_path: Path) -> None:
    assert read(tmp_path, {"metric": "nullValues", "mustBe": 0}, of_column=True).columns == ("at",)
    with pytest.raises(ContractError, match="this check is of at; state one of other columns at the table"):
        read(tmp_path, NULLS, of_column=True)


@pytest.mark.parametrize("name", ["id", "things.id", "silver.things.id"])
def test_a_tables_relationship_is_from_its_own_columns(name: str, tmp_path: Path) -> None:
    to = "silver.others.id"
    assert read(tmp_path, ROWS, relationships=[{"from": name, "to": to}]).columns == ("id",)
    for broken, said in [
        (f"x{name}" if "." in name else "x.id", "is of another table; allowed: columns of silver.things"),
        ("nope", "'nope' is not allowed; allowed: id, at"),
        ([name, "id"], "id stands there twice"),
    ]:
        with pytest.raises(ContractError, match=rf"things\.yaml:[0-9]+: schema\.0\.relationships\.0\.from: .*{said}"):
            read(tmp_path, ROWS, relationships=[{"from": broken, "to": [to] * 2 if isinstance(broken, list) else to}])
