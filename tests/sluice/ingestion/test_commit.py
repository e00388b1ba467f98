"""The committer on local files: nothing lost, nothing doubled, whatever happens in between."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog import Catalog

from sluice.contracts import LandingContract
from sluice.ingestion.aside import units_aside
from sluice.ingestion.commit import Call, Lake, drain
from sluice.ingestion.ingest import stage_source
from sluice.ingestion.stage import UnitWriter
from sluice.ledger import Delivery
from sluice.project import Project
from sluice.settings import Settings
from sluice.storage import LocalStore
from sluice.tables.manage import ensure_tables
from sluice.tables.schema import arrow_with_field_ids
from tests.laws import some
from tests.sluice.ingestion.reading import column, contract, source
from tests.sluice.tables.lost_answers import lose_answers

THINGS = contract(column("id", required=True), column("n", "int", minimum="0"))
NOW = datetime(2026, 1, 1)


class LocalSettings(Settings, frozen=True):
    folder: str = ""

    @property
    def lake(self) -> str:
        return self.folder


@dataclass
class World:
    lake: Lake
    ledger: list[Delivery] = field(default_factory=list)
    announced: list[Mapping[str, int]] = field(default_factory=list)

    def stage(self, deliveries: dict[str, bytes], *, adopt: bool = False) -> None:
        table = self.lake.table("bronze", "things")
        schema = arrow_with_field_ids(table.schema()) if adopt else None
        folder = f"{table.location().removeprefix('file://')}/data/" if adopt else None
        writer = UnitWriter(
            THINGS, self.lake.store, self.lake.settings.lake, now=NOW, data_folder=folder, data_schema=schema
        )
        for name, data in deliveries.items():
            stage_source(source(data), THINGS, writer.delivery(name, f"s3://x/{name}", version_id="v", size=len(data)))
        writer.finish()

    def drain(self, contract: LandingContract = THINGS) -> None:
        drain(contract, self.lake, record=self._record, announce=self.announced.append)

    def _record(self, deliveries: Iterable[Delivery]) -> None:
        self.ledger += deliveries

    def rows(self, database: str = "bronze") -> list[dict[str, Any]]:
        found = self.lake.table(database, "things").scan().to_arrow().to_pylist()
        return sorted(found, key=lambda row: (row["_delivery_id"], row["_position"] or 0))

    def ids(self) -> list[str]:
        return [row["id"] for row in self.rows()]

    def staged(self) -> list[str]:
        return self.lake.store.list(f"{self.lake.settings.lake}/staging")


@pytest.fixture
def world(catalog: Catalog, tmp_path: Path) -> World:
    settings = LocalSettings(folder=str(tmp_path / "lake"))
    ensure_tables(catalog, Project((THINGS,)), settings)
    return World(Lake(catalog, LocalStore(), settings))


def csv(*ids: str) -> bytes:
    return ("id,n\n" + "".join(f"{i},1\n" for i in ids)).encode()


def test_accepted_and_quarantined_add_up_and_staging_is_empty_afterwards(world: World) -> None:
    world.stage({"d1": b"id,n\na,1\n,1\nb,-1\nc,x\n", "d2": csv("d")})
    world.drain()
    assert world.ids() == ["a", "d"]
    assert [(r["_position"], r["reason"], r["record"]) for r in world.rows("quarantine")] == [
        (2, "missing_required", b",1"),
        (3, "out_of_range", b"b,-1"),
        (4, "unparseable", b"c,x"),
    ]
    assert {d.delivery_id: (d.status, d.accepted, d.quarantined) for d in world.ledger} == {
        "d1": ("committed", 1, 3),
        "d2": ("committed", 1, 0),
    }
    assert world.staged() == []


@pytest.mark.parametrize("adopt", [False, True])
def test_a_commit_whose_answer_is_lost_keeps_its_rows(
    world: World, monkeypatch: pytest.MonkeyPatch, adopt: bool
) -> None:
    world.stage({"d1": b"id,n\na,1\n,1\n"}, adopt=adopt)
    lost = lose_answers(monkeypatch, count=2)
    world.drain()
    assert sorted(lost) == ["bronze.things", "quarantine.things"]
    assert world.ids() == ["a"]
    assert [row["record"] for row in world.rows("quarantine")] == [b",1"]
    assert [(each.accepted, each.quarantined) for each in world.ledger] == [(1, 1)]


def test_the_same_delivery_staged_again_changes_nothing(world: World) -> None:
    world.stage({"d1": csv("a"), "d2": csv("b")})
    world.stage({"d1": csv("a")})
    world.drain()
    before = world.rows()
    snapshots = len(world.lake.table("bronze", "things").snapshots())
    world.stage({"d2": csv("b"), "d1": csv("a")})
    world.drain()
    assert world.rows() == before
    assert len(world.lake.table("bronze", "things").snapshots()) == snapshots
    assert world.staged() == []


def test_overlapping_units_commit_only_what_is_new(world: World) -> None:
    world.stage({"d1": csv("a"), "d2": csv("b")})
    world.drain()
    world.stage({"d2": csv("b"), "d3": csv("c")})
    world.drain()
    assert world.ids() == ["a", "b", "c"]


def test_a_delivery_without_rows_carries_its_token_in_both_tables(world: World) -> None:
    world.stage({"d1": b"id,n\n"})
    world.drain()
    world.stage({"d1": csv("late")})
    world.drain()
    assert world.ids() == []
    assert world.rows("quarantine") == []


@pytest.mark.slow
def test_a_file_that_breaks_midway_commits_nothing_and_is_quarantined_whole(world: World) -> None:
    import gzip

    data = gzip.compress(b"id,n\n" + b"".join(b"k%07d,%d\n" % (n, -(n % 2)) for n in range(900_000)), 1)
    world.stage({"bad": data[:-100], "good": csv("a")})
    world.drain()
    assert world.ids() == ["a"]
    (whole,) = world.rows("quarantine")
    assert (whole["reason"], whole["_position"], whole["record"]) == ("truncated", None, None)
    assert [(d.delivery_id, d.status, d.quarantined) for d in world.ledger if d.delivery_id == "bad"] == [
        ("bad", "rejected", None)
    ]


def test_large_files_of_one_dataset_do_not_take_each_others_place(world: World) -> None:
    world.stage({"big": csv("a", "b")}, adopt=True)
    world.drain()
    world.stage({"bigger": csv("c", "d", "e")}, adopt=True)
    world.drain()
    assert world.ids() == ["a", "b", "c", "d", "e"]
    world.stage({"one": csv("f")}, adopt=True)
    world.stage({"other": csv("g")}, adopt=True)
    world.drain()
    assert sorted(world.ids()) == ["a", "b", "c", "d", "e", "f", "g"]


def test_adopted_files_are_not_copied_and_not_deleted(world: World) -> None:
    world.stage({"big": csv("a", "b")}, adopt=True)
    world.stage({"big": csv("a", "b")}, adopt=True)
    world.drain()
    assert world.ids() == ["a", "b"]
    files = list(Path(world.lake.table("bronze", "things").location().removeprefix("file://")).glob("data/*"))
    assert len(files) == 1


def test_two_committers_that_overlap_lose_and_double_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import sluice.ingestion.commit as module

    world.stage({f"d{n}": csv(f"k{n}") for n in range(5)})
    real, raced = module.append, []

    def append(table: Any, files: Any, **given: Any) -> Any:
        if not raced:
            raced.append(True)
            world.drain()  # another committer is faster, between our look and our commit
        return real(table, files, **given)

    monkeypatch.setattr(module, "append", append)
    world.drain()
    assert world.ids() == [f"k{n}" for n in range(5)]


def test_a_change_is_told_of_though_who_committed_it_died_before_it_said_so(world: World) -> None:
    world.stage({"d1": csv("a")})

    def die(changed: Mapping[str, int]) -> None:
        raise Killed

    with pytest.raises(Killed):
        drain(THINGS, world.lake, record=world._record, announce=die)
    assert world.ids() == ["a"]
    world.drain()
    assert set(world.announced[0]) == {"bronze.things", "quarantine.things"}
    assert world.ids() == ["a"]


@pytest.mark.parametrize("broken", ["rows", "quarantine"])
def test_a_unit_whose_files_are_no_parquet_holds_up_no_other(world: World, broken: str) -> None:
    world.stage({"d1": b"id,n\na,1\n,1\n"})
    (path,) = [
        each for each in world.staged() if ("quarantine" in each) == (broken == "quarantine") and ".parq" in each
    ]
    world.lake.store.put(path, b"PAR1 no more")
    world.stage({"d2": csv("b")})
    world.drain()
    assert "b" in world.ids()
    assert {d.delivery_id: d.status for d in world.ledger} == {"d1": "set_aside", "d2": "committed"}
    (error,) = {d.error for d in world.ledger if d.error}
    assert "Parquet" in error
    assert [aside.files for aside in units_aside(world.lake.store, world.lake.settings.lake)] == [("s3://x/d1",)]


def test_a_drain_without_time_says_that_it_has_not_finished(world: World) -> None:
    world.stage({"d1": csv("a")})
    drained = drain(
        THINGS, world.lake, record=world._record, announce=world.announced.append, call=Call(time_left=lambda: 20.0)
    )
    assert not drained.finished
    assert world.ids() == []


class Killed(BaseException):
    """Stands for the process's end."""


@pytest.mark.parametrize("seed", some(range(12), 3))
@pytest.mark.slow
def test_killed_anywhere_and_run_again_the_tables_are_as_if_undisturbed(world: World, seed: int) -> None:
    rng = random.Random(seed)
    store, calls = world.lake.store, [rng.randint(1, 25)]

    class Dying(LocalStore):
        def _count(self) -> None:
            calls[0] -= 1
            if calls[0] == 0:
                raise Killed

        def put(self, address: str, body: Any) -> None:
            self._count()
            store.put(address, body)
            self._count()

        def get_bytes(self, address: str) -> bytes:
            self._count()
            return store.get_bytes(address)

        def delete(self, addresses: Iterable[str]) -> None:
            for address in addresses:
                self._count()
                store.delete([address])

    tries = 0
    expected = {f"d{n}": [f"k{n}-{i}" for i in range(rng.randint(0, 4))] for n in range(8)}
    todo = dict(expected)
    lake = world.lake
    while todo:
        world.lake = Lake(lake.catalog, Dying(), lake.settings)
        batch = dict(rng.sample(sorted(expected.items()), 3))
        try:
            world.stage({name: csv(*ids) for name, ids in batch.items()})
            world.drain()
        except Killed:
            # Each death leaves more to read: let the next life be a little longer, so that the test ends.
            tries += 1
            calls[0] = rng.randint(1, 25) + 6 * tries
            continue
        todo = {name: ids for name, ids in todo.items() if name not in batch}
    world.lake = lake
    world.drain()
    assert sorted(world.ids()) == sorted(i for ids in expected.values() for i in ids), f"seed {seed}"
    assert world.staged() == [] or all(not path.endswith(".json") for path in world.staged())
