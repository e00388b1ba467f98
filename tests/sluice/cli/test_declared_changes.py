"""What differs between two projects is told by table, with what would be lost."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from sluice.cli.declared_changes import TableChange, project_of_template, table_changes


def column(name: str, kind: str = "int", precision: int = 0, scale: int = 0, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": {"name": kind, "precision": precision, "scale": scale}, **more}


def project(*columns: dict[str, Any], sql: str = "SELECT 1", stream: bool = False) -> dict[str, Any]:
    visits = {"kind": "landing", "database": "bronze", "name": "visits", "columns": list(columns)}
    derived = {"kind": "derived", "database": "gold", "name": "days", "columns": [column("day", "date")]}
    arrival = {"arrival": {"format": "json", "stream": True}} if stream else {}
    return {"contracts": [visits | arrival, derived], "transforms": [{"table": "gold.days", "sql": sql}]}


def without(found: dict[str, Any], name: str) -> dict[str, Any]:
    return found | {"contracts": [each for each in found["contracts"] if each["name"] != name]}


def test_the_same_declarations_change_nothing() -> None:
    assert table_changes(project(column("a")), copy.deepcopy(project(column("a")))) == []


def test_what_is_new_loses_nothing() -> None:
    before, now = project(column("a")), project(column("a"), column("b"), sql="SELECT 2")
    assert [(each.table, each.loses) for each in table_changes(before, now)] == [
        ("bronze.visits", ""),
        ("gold.days", ""),
    ]
    assert table_changes(without(now, "days"), now)[0] == TableChange("gold.days", "new table")


@pytest.mark.parametrize(
    ("old", "new", "possible"),
    [
        (column("a", "int"), column("a", "bigint"), True),
        (column("a", "bigint"), column("a", "int"), True),  # the table stays as wide as it is
        (column("a", "float"), column("a", "double"), True),
        (column("a", "decimal", 5, 2), column("a", "decimal", 9, 2), True),
        (column("a", "decimal", 5, 2), column("a", "decimal", 9, 3), False),
        (column("a", "int"), column("a", "string"), False),
        (column("a", "timestamp"), column("a", "date"), False),
    ],
)
def test_a_type_changes_as_far_as_no_value_is_lost(old: dict[str, Any], new: dict[str, Any], possible: bool) -> None:
    (change,) = table_changes(project(old), project(new))
    assert (change.possible, bool(change.loses)) == (possible, not possible)


def test_what_is_no_longer_declared_says_what_stays_and_what_is_lost() -> None:
    for stream, lost in ((False, "delivered to it from now on"), (True, "in its stream")):
        whole = project(column("a"), stream=stream)
        (change,) = table_changes(whole, without(whole, "visits"))
        assert "its rows stay" in change.what
        assert lost in change.loses
    (gone,) = table_changes(project(column("a"), column("b")), project(column("a")))
    assert "column b is no longer declared: it stays" in gone.what
    assert not gone.loses


def test_any_other_change_of_a_contract_is_told() -> None:
    before, now = project(column("a")), project(column("a", description="Another."))
    assert [each.what for each in table_changes(before, now)] == ["another contract"]


def test_the_project_is_found_by_the_content_that_the_template_names(tmp_path: Any) -> None:
    (tmp_path / "asset.abc").mkdir()
    (tmp_path / "asset.abc" / "project.json").write_text(json.dumps(project(column("a"))))
    code = {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"S3Bucket": "b", "S3Key": "abc.zip"}}}
    role = {"Type": "AWS::IAM::Role", "Properties": {}}
    found = project_of_template({"Resources": {"Role": role, "F": code}}, [tmp_path / "no", tmp_path])
    assert found == project(column("a"))
    assert project_of_template({"Resources": {"Role": role}}, [tmp_path]) is None
