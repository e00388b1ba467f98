"""A commit looks at the table's past as often as it must: what it costs hardly grows with the number of snapshots."""

from __future__ import annotations

import copy
import cProfile
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.table import Table, Transaction
from pyiceberg.table.snapshots import Snapshot

from sluice.tables.commit import append, replace, write_data_files
from sluice.tables.transactions import LookedAtOnce

ROWS = pa.table({"id": [1, 2], "name": ["a", "b"]})


@pytest.fixture
def table(tmp_path: Path) -> Table:
    catalog = InMemoryCatalog("here", warehouse=f"file://{tmp_path}")
    catalog.create_namespace("bronze")
    return catalog.create_table("bronze.orders", ROWS.schema)


def commit(table: Table, number: int) -> None:
    append(table, write_data_files(table, ROWS), summary={"number": str(number)}, properties={"newest": str(number)})


def calls_of_a_commit(table: Table) -> int:
    """How many functions one commit calls: the same on a quiet and on a busy machine."""
    profile = cProfile.Profile()
    profile.enable()
    commit(table, 0)
    profile.disable()
    return sum(entry.callcount for entry in profile.getstats())


def test_a_snapshot_more_costs_a_commit_a_few_calls(table: Table) -> None:
    few, many = 20, 120
    costs = {}
    for number in range(1, many + 1):
        commit(table, number)
        if number in (few, many):
            costs[number] = calls_of_a_commit(table)
    # PyIceberg by itself: 5,000 calls for each snapshot that the table has.
    assert (costs[many] - costs[few]) / (many - few) < 350, costs


def test_a_copy_of_the_metadata_can_be_changed_and_leaves_the_table_as_it_is(table: Table) -> None:
    commit(table, 1)
    before = table.metadata.model_dump_json()
    changed = copy.deepcopy(table.metadata)
    changed.snapshots.clear()
    changed.properties["newest"] = "another"
    assert table.metadata.model_dump_json() == before
    assert copy.deepcopy(table.metadata).model_dump_json() == before


@pytest.mark.parametrize("seed", range(5))
def test_what_a_transaction_shows_is_what_its_updates_make(
    table: Table, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each look, whatever was staged before, the metadata is what PyIceberg computes anew."""
    looks = 0
    kept = LookedAtOnce.table_metadata.fget
    anew = Transaction.table_metadata.fget
    assert kept is not None
    assert anew is not None

    def compared(self: Any) -> Any:
        nonlocal looks
        looks += 1
        seen = kept(self)
        assert seen == anew(self)
        return seen

    monkeypatch.setattr(LookedAtOnce, "table_metadata", property(compared))
    chance = random.Random(seed)
    for number in range(6):
        if chance.random() < 0.5 and table.current_snapshot():
            replace(table, write_data_files(table, ROWS), summary={}, properties={"newest": str(number)})
        else:
            commit(table, number)
        assert table.properties["newest"] == str(number)
        assert [s.snapshot_id for s in table.snapshots()] == [s.snapshot_id for s in table.refresh().snapshots()]
    assert looks > 12


def test_a_snapshot_cannot_be_changed(table: Table) -> None:
    commit(table, 1)
    (snapshot,) = table.snapshots()
    assert isinstance(snapshot, Snapshot)
    with pytest.raises(ValueError, match="frozen"):
        snapshot.snapshot_id = 5
