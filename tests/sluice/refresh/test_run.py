"""Plan, run, audit and publish on local files: readers only ever see what its contract allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from sluice.compiled import CompiledTransform
from sluice.contracts import (
    Arrival,
    Check,
    Column,
    DerivedContract,
    LandingContract,
    Reference,
    Rules,
    parse_type,
)
from sluice.errors import CheckFailed
from sluice.project import Project
from sluice.refresh.duckdb.engine import DuckDbEngine
from sluice.refresh.plan import plan_refresh
from sluice.storage import LocalStore
from sluice.tables.commit import append, write_data_files
from sluice.tables.manage import ensure_tables
from sluice.transforms.checks import compile_checks
from tests.sluice.ingestion.reading import column, contract
from tests.sluice.ingestion.test_commit import LocalSettings

THINGS = contract(column("id"), column("n", "int"))
OTHERS = LandingContract("others", "bronze", (column("id"),), arrival=Arrival("csv"))


def derived(name: str, database: str, **more: Any) -> DerivedContract:
    columns = (
        Column("id", parse_type("string"), required=True),
        Column("total", parse_type("bigint"), rules=Rules(minimum="0")),
    )
    return DerivedContract(name=name, database=database, columns=columns, key=("id",), **more)


def sums(table: str, source: str, column_: str = "n") -> CompiledTransform:
    sql = f"SELECT id, CAST(sum({column_}) AS BIGINT) AS total FROM {source} GROUP BY id"
    return CompiledTransform(table, {"source": source}, sql, f"of {sql}")


class World:
    def __init__(self, catalog: Catalog, tmp_path: Path, *checks: Check) -> None:
        contracts = (THINGS, OTHERS, derived("per_id", "silver", checks=checks), derived("again", "gold"))
        transforms = (sums("silver.per_id", "bronze.things"), sums("gold.again", "silver.per_id", "total"))
        audit_target = [replace(t, audit=compile_checks(c)) for t, c in zip(transforms, contracts[2:], strict=True)]
        self.project = Project(contracts, tuple(audit_target))
        self.catalog = catalog
        ensure_tables(catalog, self.project, LocalSettings(folder=str(tmp_path / "lake")))
        others = self.load("bronze.others")
        append(others, write_data_files(others, pa.table({"id": ["a", "b"]})), summary={}, properties={})

    def load(self, name: str) -> Table:
        return self.catalog.load_table(tuple(name.split(".")))

    def add(self, *rows: tuple[str | None, int]) -> None:
        table = self.load("bronze.things")
        data = pa.table(
            {"id": pa.array([r[0] for r in rows], pa.string()), "n": pa.array([r[1] for r in rows], pa.int32())}
        )
        append(table, write_data_files(table, data), summary={}, properties={})

    def run(self, table: str, **given: Any) -> Any:
        return DuckDbEngine(self.project, self.load, LocalStore()).run(table, run_id="r1", **given)

    def rows(self, table: str) -> dict[str, int]:
        found = self.load(table).scan().to_arrow().to_pylist()
        return {row["id"]: row["total"] for row in found}

    def plan(self, **given: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        plan = plan_refresh(self.project, self.load, **given)
        return tuple(choice.table for choice in plan.ready), plan.waiting


@pytest.fixture
def world(catalog: Catalog, tmp_path: Path) -> World:
    return World(catalog, tmp_path)


def test_waves_follow_the_inputs_and_nothing_new_means_nothing_to_do(world: World) -> None:
    world.add(("a", 1), ("a", 2), ("b", 5))
    assert world.plan() == (("silver.per_id",), ("gold.again",))
    world.run("silver.per_id")
    assert world.plan() == (("gold.again",), ())
    world.run("gold.again")
    assert world.plan() == ((), ())
    assert world.rows("gold.again") == {"a": 3, "b": 5}


def test_tables_of_empty_inputs_are_made_once(world: World) -> None:
    world.run("silver.per_id")
    world.run("gold.again")
    assert world.plan() == ((), ())
    assert world.rows("gold.again") == {}


def test_a_failed_table_stops_what_depends_on_it_and_nothing_else(world: World) -> None:
    world.add(("a", 1))
    assert world.plan(failed={"silver.per_id"}) == ((), ("gold.again",))


def test_a_run_reads_the_pinned_snapshot_whatever_comes_meanwhile(world: World) -> None:
    world.add(("a", 1))
    pinned = plan_refresh(world.project, world.load).pinned
    world.add(("a", 10))
    world.run("silver.per_id", pinned=pinned)
    assert world.rows("silver.per_id") == {"a": 1}
    assert world.plan(pinned=pinned)[0] == ("gold.again",)
    assert world.plan()[0] == ("silver.per_id",)


def test_a_changed_transform_rebuilds_what_it_makes(world: World) -> None:
    world.add(("a", 1))
    world.run("silver.per_id")
    world.run("gold.again")
    first = world.project.transforms[0]
    changed = CompiledTransform(first.table, first.inputs, first.sql, "another")
    world.project = Project(world.project.contracts, (changed, world.project.transforms[1]))
    assert world.plan() == (("silver.per_id",), ("gold.again",))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", -1)], "total is at least 0: 1 row; for example -1"),
        ([(None, 1)], "id is never null: 1 row"),
    ],
)
def test_rows_that_break_the_contract_are_never_published(
    world: World, rows: list[tuple[str | None, int]], said: str
) -> None:
    world.add(("good", 1))
    world.run("silver.per_id")
    before = world.load("silver.per_id").metadata_location
    world.add(*rows)
    with pytest.raises(CheckFailed) as caught:
        world.run("silver.per_id")
    assert said in str(caught.value)
    assert "previous snapshot" in str(caught.value)
    assert world.load("silver.per_id").metadata_location == before


@pytest.mark.parametrize(
    ("check", "rows", "said"),
    [
        (
            Check("known", "foreignKey", ("mustBe", 0), ("id",), references=Reference("bronze.others", ("id",))),
            [("a", 1), ("z", 2), ("z", 3)],
            "known: 1 row; for example 'z'",
        ),
        (
            Check("known", "foreignKey", ("mustBe", 0), ("total",), references=Reference("silver.per_id", ("id",))),
            [("1", 1), ("2", 3)],
            "known: 1 row; for example 3",
        ),
        (Check("steady", "rowCountChange", ("mustBeBetween", [-10, 50])), [("a", 1), ("b", 1)], "steady: found 100.0"),
        (
            Check("few", "sql", ("mustBeLessThan", 3), query="SELECT approx_distinct(id) + 1 FROM {table}"),
            [("a", 1), ("b", 1)],
            "few: found 3, mustBeLessThan 3",
        ),
    ],
)  # fmt: skip
def test_a_check_that_does_not_hold_is_explained(
    catalog: Catalog, tmp_path: Path, check: Check, rows: list[tuple[str | None, int]], said: str
) -> None:
    world = World(catalog, tmp_path, check)
    first = ("1", 1) if check.columns == ("total",) else ("a", 1)
    world.add(first)
    world.run("silver.per_id")
    world.add(*rows)
    with pytest.raises(CheckFailed) as caught:
        world.run("silver.per_id")
    assert said in str(caught.value)
    assert world.rows("silver.per_id") == {first[0]: 1}


def test_a_table_waits_for_what_its_foreign_keys_refer_to(catalog: Catalog, tmp_path: Path) -> None:
    check = Check("known", "foreignKey", ("mustBe", 0), ("id",), references=Reference("bronze.others", ("id",)))
    world = World(catalog, tmp_path, check)
    assert world.project.transform("silver.per_id").needs == {"bronze.things", "bronze.others"}


def test_a_warning_is_reported_and_published(catalog: Catalog, tmp_path: Path) -> None:
    check = Check("few rows", "rowCount", ("mustBeGreaterThan", 10), severity="warning")
    world = World(catalog, tmp_path, check)
    world.add(("a", 1))
    run = world.run("silver.per_id")
    assert run.warnings == ("few rows: found 1, mustBeGreaterThan 10",)
    assert world.rows("silver.per_id") == {"a": 1}


def test_a_writer_that_was_faster_makes_the_step_run_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import sluice.refresh.duckdb.attempt as module

    world.add(("a", 1))
    real, raced = module.replace, []

    def replace(*args: Any, **given: Any) -> Any:
        if not raced:
            raced.append(True)
            world.run("silver.per_id")
        return real(*args, **given)

    monkeypatch.setattr(module, "replace", replace)
    world.run("silver.per_id")
    assert world.rows("silver.per_id") == {"a": 1}
    assert len(raced) == 1


def test_a_snapshot_says_what_it_was_made_from(world: World) -> None:
    world.add(("a", 1))
    world.run("silver.per_id")
    snapshot = world.load("silver.per_id").current_snapshot()
    assert snapshot is not None
    assert snapshot.summary is not None
    said = snapshot.summary.additional_properties
    assert said["sluice.run-id"] == "r1"
    assert said["sluice.engine"] == "duckdb"
    assert said["sluice.rows"] == "1"
    assert "bronze.things" in said["sluice.inputs"]
