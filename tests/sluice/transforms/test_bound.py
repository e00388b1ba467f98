"""What a contract states in SQL is bound on empty tables: what is not there or does not fit is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.contracts import Check, Column, DerivedContract, Reference, parse_type
from sluice.errors import ContractError
from sluice.load import load_contracts
from sluice.transforms.bound import unbound_checks
from sluice.transforms.checks import compile_checks
from sluice.transforms.queries import declared_query

COLUMNS = tuple(
    Column(name, parse_type(kind))
    for name, kind in {
        "id": "string", "n": "int", "price": "decimal(10,2)", "day": "date", "at": "timestamp", "ok": "boolean"
    }.items()
)  # fmt: skip
OTHER = DerivedContract("others", "gold", COLUMNS)


def problems(*checks: Check) -> list[tuple[str, str]]:
    declared = DerivedContract("things", "silver", COLUMNS, checks=checks)
    return [(found.field, found.why) for found in unbound_checks([declared, OTHER])]


def query(text: str, operand: object = 0, operator: str = "mustBe") -> Check:
    return Check("it", "sql", (operator, operand), query=text)


@pytest.mark.parametrize(
    ("check", "field", "said"),
    [
        (query("SELECT count(*) FROM {table} WHERE nn > 1"), "query", '"nn" not found'),
        (query("SELECT count(*) FROM silver.thinks"), "query", "'silver.thinks' is no contracted table"),
        (query("SELECT count(*) FROM {table} t JOIN gold.others o ON t.id = o.idd"), "query", "idd"),
        (query("SELECT lower(n, 2) FROM {table}"), "query", ""),
        (query("SELECT sum(id) FROM {table}"), "query", "sum"),
        (
            query("SELECT frobnicate(id) FROM {table}"),
            "query",
            "the function 'frobnicate' is not allowed; allowed: abs",
        ),
        (query("SELECT max(day + n) > at FROM {table}"), "query", ""),
        (query("SELECT n FROM {table} GROUP BY day"), "query", "GROUP BY"),
        (query("SELECT n, id FROM {table}"), "query", "one column"),
        (query("SELECT max(day) FROM {table}"), "mustBe", "date, which cannot be compared with 0"),
        (query("SELECT max(id) FROM {table}"), "mustBe", "varchar, which cannot be compared with 0"),
        (query("SELECT count(*) FROM {table}", "many"), "mustBe", "cannot be compared with 'many'"),
        (query("SELECT count(*) FROM {table}", [1, 2]), "mustBe", "takes one value"),
        (query("SELECT count(*) FROM {table}", 1, "mustBeBetween"), "mustBeBetween", "the least and the greatest"),
        (
            Check("few", "nullValues", ("mustBe", 0), ("idd",)),
            "arguments",
            "column idd; did you mean 'id'? allowed: id",
        ),
        (Check("fresh", "freshness", ("mustBeLessThan", 9), ("ok",)), "query", ""),
        (
            Check("fk", "foreignKey", ("mustBe", 0), ("id",), references=Reference("gold.others", ("idd",))),
            "to",
            "gold.others has no column idd",
        ),
        (
            Check("fk", "foreignKey", ("mustBe", 0), ("id",), references=Reference("gold.nothing", ("id",))),
            "to",
            "no contract declares gold.nothing",
        ),
        (
            Check("fk", "foreignKey", ("mustBe", 0), ("ok",), references=Reference("gold.others", ("day",))),
            "to",
            "ok is boolean and day is date",
        ),
    ],
)
def test_what_does_not_bind_is_found(check: Check, field: str, said: str) -> None:
    ((place, why),) = problems(check)
    assert place == field
    assert said in why
    assert len(why) < 1200


@pytest.mark.parametrize(
    "check",
    [
        query("SELECT count(*) FROM {table} t LEFT JOIN gold.others o ON t.id = o.id WHERE o.id IS NULL"),
        query("SELECT count(*) - (SELECT count(*) FROM {previous}) FROM {table}", [-1, 1], "mustBeBetween"),
        query("WITH a AS (SELECT id FROM Gold.Others) SELECT count(*) FROM a"),
        query("SELECT max(day) FROM {table}", "2026-01-01", "mustBeGreaterThan"),
        query('SELECT count_if("at" > current_timestamp) FROM silver.things'),
        query("SELECT bool_and(ok) FROM {table}", True),
        query("SELECT max(id) FROM {table}", "x"),
        Check("fresh", "freshness", ("mustBeLessThan", 9), ("at",)),
        Check("many", "rowCount", ("mustBeGreaterThan", 9)),
    ],
)
def test_what_binds_is_left_alone(check: Check) -> None:
    assert problems(check) == []


def test_the_file_and_the_line_of_the_query_are_named(tmp_path: Path) -> None:
    (tmp_path / "things.yaml").write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: t\nname: t\nversion: 1.0.0\nstatus: active\nschema:\n"
        "  - name: things\n    physicalName: silver.things\n    properties:\n"
        "      - {name: id, physicalType: string}\n"
        "      - name: n\n        physicalType: int\n        quality:\n"
        "          - {metric: nullValues, mustBe: 0}\n"
        "          - type: sql\n            name: positive\n            query: SELECT min(m) FROM {table}\n"
        "            mustBeGreaterThan: 0\n"
    )
    with pytest.raises(ContractError) as caught:
        load_contracts([tmp_path])
    assert f"{tmp_path}/things.yaml:18: schema.0.properties.1.quality.1.query: " in caught.value.what
    assert '"m" not found' in caught.value.what


def test_a_check_that_looks_at_another_table_sees_it_under_a_placeholder_on_both_engines() -> None:
    check = query(
        "SELECT count(*) FROM {table} t JOIN Gold.Others o ON t.id = o.id JOIN silver.things s ON s.id = t.id"
    )
    declared = DerivedContract("things", "silver", COLUMNS, checks=(check,))
    compiled = compile_checks(declared, {"gold.others": OTHER})[-1]
    assert compiled.reads == ("gold.others",)
    assert compiled.duckdb == (
        'SELECT count(*) AS "_col_0" FROM {table} AS "t" JOIN {gold.others} AS "o" ON ("t"."id" = "o"."id") '
        'JOIN {table} AS "s" ON ("s"."id" = "t"."id")'
    )
    assert compiled.spark == compiled.duckdb.replace('"', "`")


@pytest.mark.parametrize(
    "value", ["it's", "back\\slash", "end\\", "two\\\\", "new\nline", "a' OR 'b' = 'b", "`", '"', "--", "/*", "\\'"]
)
def test_a_text_in_a_query_stays_that_text_on_both_engines(value: str) -> None:
    literal = "'" + value.replace("'", "''") + "'"
    types = {"id": "string"}
    declared = declared_query(f"SELECT count(*) FROM {{table}} AS t WHERE id = {literal}", ())
    duckdb, spark = declared.spelled({"table": types, "previous": types})
    assert duckdb.endswith(f'("t"."id" = {literal})')
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    assert spark.endswith(f"(`t`.`id` = '{escaped}')")
