"""A retracted delivery leaves both tables whole, once, whatever happens in between; nothing else does."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pyiceberg.catalog import Catalog

import sluice.ingestion.retract as module
from sluice.ingestion.commit import Lake
from sluice.ingestion.portions import manifests_of
from sluice.ingestion.retract import Retraction, request, retract_requested
from sluice.ledger import Delivery
from sluice.project import Project
from sluice.storage import LocalStore
from sluice.tables.manage import ensure_tables
from sluice.tables.tokens import read_tokens
from tests.sluice.ingestion.test_commit import THINGS, LocalSettings, World, csv
from tests.sluice.tables.lost_answers import lose_answers

pytestmark = pytest.mark.slow

BAD = b"id,n\nx,1\n,1\ny,-1\n"


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def world(catalog: Catalog, tmp_path: Path) -> World:
    settings = LocalSettings(folder=str(tmp_path / "lake"))
    ensure_tables(catalog, Project((THINGS,)), settings)
    return World(Lake(catalog, LocalStore(), settings))


def ask(world: World, *names: str) -> None:
    last = {delivery.delivery_id: delivery for delivery in world.ledger}
    for name in names:
        request(world.lake.store, world.lake.settings.lake, Retraction(last[name], "somebody"))


def retract(world: World, record: Any = None) -> tuple[Delivery, ...]:
    def keep(deliveries: Iterable[Delivery]) -> None:
        world.ledger += deliveries

    return retract_requested(THINGS, world.lake, record=record or keep, announce=world.announced.append)


def state(world: World, name: str) -> tuple[Any, ...]:
    last = [d for d in world.ledger if d.delivery_id == name][-1]
    return (last.status, last.accepted, last.quarantined, last.retracted)


def sources(world: World, database: str) -> set[str]:
    return {row["_delivery_id"] for row in world.rows(database)}


def test_its_rows_leave_bronze_and_quarantine_and_the_ledger_counts_them(world: World) -> None:
    world.stage({"d1": csv("a"), "d2": BAD, "d3": b"id,n\nb,1\n,2\n"})
    world.drain()
    ask(world, "d2")
    retract(world)
    assert sources(world, "bronze") == {"d1", "d3"}
    assert sources(world, "quarantine") == {"d3"}
    assert state(world, "d2") == ("retracted", 0, 0, 3)
    assert state(world, "d3") == ("committed", 1, 1, 0)
    assert world.staged() == []
    for table in ("bronze", "quarantine"):
        assert len(world.lake.table(table, "things").snapshots()) == 2, "one commit that brings, one that takes away"
    assert set(world.announced[-1]) == {"bronze.things", "quarantine.things"}


def test_the_same_delivery_does_not_come_back_and_stays_retracted_in_the_ledger(world: World) -> None:
    world.stage({"d1": csv("a"), "d2": BAD})
    world.drain()
    ask(world, "d2")
    retract(world)
    world.stage({"d2": BAD, "d4": csv("z")})
    world.drain()
    assert sources(world, "bronze") == {"d1", "d4"}
    assert sources(world, "quarantine") == set()
    assert state(world, "d2") == ("retracted", 0, 0, 3)


def test_asking_twice_changes_nothing(world: World) -> None:
    world.stage({"d1": csv("a"), "d2": BAD})
    world.drain()
    ask(world, "d2")
    retract(world)
    snapshots = len(world.lake.table("bronze", "things").snapshots())
    ask(world, "d2")
    (again,) = retract(world)
    assert len(world.lake.table("bronze", "things").snapshots()) == snapshots
    assert (again.status, again.retracted) == ("retracted", 3)


def test_many_are_retracted_one_after_another_as_far_as_there_is_time(world: World) -> None:
    world.stage({f"d{n}": csv(f"a{n}") for n in range(9)})
    world.drain()
    ask(world, "d1", "d3", "d5")
    left = iter([90.0, 31.0, 29.0])
    done = retract_requested(
        THINGS, world.lake, record=world.ledger.extend, announce=world.announced.append, time_left=lambda: next(left)
    )
    assert len(done) == 2
    retract(world)
    assert sources(world, "bronze") == {f"d{n}" for n in (0, 2, 4, 6, 7, 8)}
    assert len(world.lake.table("bronze", "things").snapshots()) == 4


def test_a_delivery_with_files_of_its_own_is_dropped_without_writing_any(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.stage({"d1": csv(*(f"a{n}" for n in range(50)))}, adopt=True)
    world.stage({"d2": csv("b")})
    world.drain()
    monkeypatch.setattr(module, "write_data_files", lambda *_: pytest.fail("a whole file was read"))
    ask(world, "d1")
    retract(world)
    assert world.ids() == ["b"]
    assert state(world, "d1") == ("retracted", 0, 0, 50)


def test_an_unreadable_file_is_taken_back_too_and_its_count_stays_unknown(world: World) -> None:
    world.stage({"d1": b"wrong header\n1\n", "d2": csv("b")})
    world.drain()
    assert state(world, "d1")[0] == "rejected"
    ask(world, "d1")
    retract(world)
    assert sources(world, "quarantine") == set()
    assert state(world, "d1") == ("retracted", 0, None, 0)


def test_rows_that_were_erased_before_are_counted_as_they_were_delivered(world: World) -> None:
    world.stage({"d1": csv("a", "b"), "d2": csv("c")})
    world.drain()
    world.lake.table("bronze", "things").delete("id = 'a'")
    ask(world, "d1")
    retract(world)
    assert world.ids() == ["c"]
    assert state(world, "d1") == ("retracted", 0, 0, 2)


def test_requests_are_no_staged_units(world: World) -> None:
    world.stage({"d1": csv("a")})
    world.drain()
    ask(world, "d1")
    assert manifests_of(world.lake.store, world.lake.settings.lake, "things") == []
    assert world.staged() == []
    assert len(waiting(world)) == 1


def waiting(world: World) -> list[str]:
    return list(world.lake.store.list(f"{world.lake.settings.lake}/{module.RETRACTIONS}things/"))


def test_what_is_no_request_is_put_beside_and_the_others_are_made(world: World) -> None:
    world.stage({"d1": csv("a"), "d2": csv("b"), "d3": csv("c")})
    world.drain()
    ask(world, "d2")
    store, folder = world.lake.store, f"{world.lake.settings.lake}/{module.RETRACTIONS}things/"
    (whole,) = waiting(world)
    known = {delivery.delivery_id: delivery for delivery in world.ledger}
    other = msgspec.structs.replace(known["d1"], dataset="payments")
    staged = msgspec.structs.replace(known["d1"], delivery_id="d9", at=time.time())
    store.put(f"{folder}d0.json", store.get_bytes(whole)[:-9])
    store.put(f"{folder}d1.json", msgspec.json.encode(Retraction(other, "somebody")))
    store.put(f"{folder}d3.json", msgspec.json.encode(Retraction(known["d1"], "somebody")))
    store.put(f"{folder}d9.json", msgspec.json.encode(Retraction(staged, "somebody")))

    (done,) = retract(world)

    assert done.delivery_id == "d2"
    assert sources(world, "bronze") == {"d1", "d3"}
    assert sorted(each.rpartition("/")[2] for each in waiting(world)) == [
        f"{name}.json.refused" for name in ("d0", "d1", "d3", "d9")
    ]
    assert retract(world) == ()


def test_files_that_were_adopted_stay_for_older_snapshots_when_the_delivery_is_retracted(world: World) -> None:
    world.stage({"d1": csv(*(f"a{n}" for n in range(50)))}, adopt=True)
    kept = {address: world.lake.store.get_bytes(address) for address in world.staged()}
    world.drain()
    ask(world, "d1")
    retract(world)
    for address, content in kept.items():  # as a committer leaves them that was killed before it cleared
        world.lake.store.put(address, content)
    world.drain()
    table = world.lake.table("bronze", "things")
    assert table.scan(snapshot_id=table.snapshots()[0].snapshot_id).to_arrow().num_rows == 50


def test_a_committer_that_loses_looks_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.stage({"d1": csv("a"), "d2": csv("b")})
    world.drain()
    real = module.replace

    def overtaken(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(module, "replace", real)
        world.stage({"d3": csv("c")})
        world.drain()
        return real(*given, **more)

    monkeypatch.setattr(module, "replace", overtaken)
    ask(world, "d1")
    retract(world)
    assert world.ids() == ["b", "c"]


def test_a_commit_that_is_said_to_have_failed_and_took_place_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.stage({"d1": csv("a"), "d2": csv("b")})
    world.drain()
    lost = lose_answers(monkeypatch)
    ask(world, "d1")
    retract(world)
    assert lost == ["bronze.things"]
    assert world.ids() == ["b"]
    assert len(world.lake.table("bronze", "things").snapshots()) == 2


@pytest.mark.parametrize("left", range(12))
def test_killed_at_any_call_it_goes_on_and_nothing_else_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    world.stage({"d1": csv("a"), "d2": BAD, "d3": csv("c")})
    world.drain()
    ask(world, "d2")
    steps = iter(range(left))

    def dying(real: Any) -> Any:
        def call(*given: Any, **more: Any) -> Any:
            if next(steps, None) is None:
                raise Killed
            done = real(*given, **more)
            if next(steps, None) is None:
                raise Killed
            return done

        return call

    store = type(world.lake.store)
    with monkeypatch.context() as mortal:
        mortal.setattr(module, "replace", dying(module.replace))
        mortal.setattr(module, "write_data_files", dying(module.write_data_files))
        mortal.setattr(store, "delete", dying(store.delete))
        recording = dying(world.ledger.extend)
        with contextlib.suppress(Killed):
            retract(world, record=recording)
    retract(world)
    assert sources(world, "bronze") == {"d1", "d3"}
    assert sources(world, "quarantine") == set()
    assert world.staged() == []
    assert state(world, "d2") == ("retracted", 0, 0, 3)
    tokens = read_tokens(world.lake.table("bronze", "things")).tokens
    assert {name for name, token in tokens.items() if token.retracted} == {"d2"}


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_and_goes_what_is_left_is_what_was_not_retracted(world: World, seed: int) -> None:
    chance = random.Random(seed)
    delivered: dict[str, bytes] = {}
    gone: set[str] = set()
    for turn in range(5):
        new = {f"d{turn}-{n}": chance.choice([csv("a", "b"), BAD, csv("c"), b"broken"]) for n in range(3)}
        again = {n: delivered[n] for n in chance.sample(sorted(delivered), min(2, len(delivered)))}
        first, *others = new
        world.stage({first: new[first]}, adopt=chance.random() < 0.4)
        world.stage({name: new[name] for name in others} | again)
        delivered |= new
        world.drain()
        if chance.random() < 0.8:
            some = chance.sample(sorted(delivered), 2)
            ask(world, *some)
            gone.update(some)
            retract(world)
    for name in delivered:
        status, accepted, quarantined, retracted = state(world, name)
        assert (status == "retracted") == (name in gone), name
        assert name not in gone or not accepted
        here = [sum(r["_delivery_id"] == name for r in world.rows(d)) for d in ("bronze", "quarantine")]
        assert here[0] == accepted
        assert quarantined is None or here[1] == quarantined
        if quarantined is not None:
            assert sum(here) + retracted == delivered[name].count(b"\n") - 1
