"""What changed between two snapshots, row by row: rewritten rows are not changes, and equal rows are counted."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from localaws.server import LocalAws
from sluice.refresh.spark.lake import Difference, Lake
from sluice.refresh.spark.relations import with_values, without_values
from sluice.tables.files import snapshot_of
from sluice.tables.retention import retire
from sluice.tables.upkeep import EMPTY
from tests.sluice.refresh.behaviour import NOON
from tests.sluice.refresh.spark.conftest import BUCKET
from tests.sluice.refresh.spark.shop import SharedShop

pytestmark = pytest.mark.spark


@pytest.fixture
def shop(aws: LocalAws, spark: SparkSession) -> SharedShop:
    return SharedShop(aws, spark, BUCKET)


def write(shop: SharedShop, *sessions: str | None, anew: bool = False) -> str:
    """Append events that differ in their session only, or write them in the place of all; return the snapshot."""
    table = shop.load("silver.visits")
    rows = pa.Table.from_pylist([{"session_id": each, "events": 1} for each in sessions], table.schema().as_arrow())
    if anew:
        table.overwrite(rows)
    else:
        table.append(rows)
    return snapshot_of(shop.load("silver.visits"))


def difference(shop: SharedShop, before: str, now: str) -> Difference:
    found = shop.lake.difference("silver.visits", before, now)
    assert found is not None
    return found


def test_rows_that_came_and_went_are_told_exactly(shop: SharedShop) -> None:
    first = write(shop, "a", "a", "b", None, None)
    moved = write(shop, None, "b", "a", "a", None, anew=True)
    told = difference(shop, first, moved)
    assert told.change.changed
    assert (told.change.files_added, told.change.files_removed, told.change.total_rows) == (1, 1, 5)
    assert shop.lake.changed_rows("silver.visits", told).collect() == []

    fewer = write(shop, "a", "b", "b", None, anew=True)
    changed = shop.lake.changed_rows("silver.visits", difference(shop, moved, fewer)).collect()
    assert Counter(row["session_id"] for row in changed) == Counter(["a", "b", None])

    more = write(shop, "c", "c", None, "b")
    later = difference(shop, fewer, more)
    assert later.change.files_removed == 0
    added = Counter(row["session_id"] for row in shop.lake.added_rows("silver.visits", later).collect())
    assert added == Counter(["c", "c", None, "b"])
    assert shop.lake.added_rows("silver.visits", difference(shop, EMPTY, more)).count() == 8
    assert not difference(shop, more, more).change.changed


def test_what_was_not_made_from_the_other_snapshot_cannot_be_told(shop: SharedShop) -> None:
    first = write(shop, "a")
    second = write(shop, "b")
    assert shop.lake.difference("silver.visits", second, first) is None
    assert shop.lake.difference("silver.visits", "123", second) is None
    assert shop.lake.difference("silver.visits", second, EMPTY) is None


@pytest.mark.parametrize("more", [0, 20_000])
def test_files_that_retention_removed_are_no_change_however_many_there_are(
    shop: SharedShop, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    def clicks(*numbers: int) -> str:
        shop.deliver("clicks", [{"event_id": f"e{n}", "session_id": "s", "happened_at": NOON} for n in numbers])
        return snapshot_of(shop.load("bronze.clicks"))

    clicks(1)
    before = clicks(2)
    old = shop.load("bronze.clicks").scan().to_arrow()["_ingested_at"].to_pylist()
    retire(lambda: shop.load("bronze.clicks"), max(old))  # the first file
    now = clicks(3)
    real = Lake._removed_by
    others = [f"s3://elsewhere/{number}.parquet" for number in range(more)]
    monkeypatch.setattr(Lake, "_removed_by", lambda *given: [*real(*given), *others])
    told = shop.lake.difference("bronze.clicks", before, now)
    assert told is not None
    assert (told.change.files_added, told.change.files_removed, told.change.total_rows) == (1, 0, 2)
    assert [row["event_id"] for row in shop.lake.changed_rows("bronze.clicks", told).collect()] == ["e3"]


@pytest.mark.parametrize("many", [3, 500])
def test_nulls_match_nulls_and_files_are_told_apart(spark: SparkSession, many: int) -> None:
    rows = spark.createDataFrame([(None, 1), (None, None), ("k1", 1), ("k2", None), ("z", 1)], "k string, n int")
    values = spark.createDataFrame(
        [(f"k{n}", 1) for n in range(many)] + [(None, None), ("k2", None)], "a string, b int"
    )
    assert sorted(map(repr, map(tuple, with_values(rows, ["k", "n"], values, ["a", "b"]).collect()))) == [
        "('k1', 1)",
        "('k2', None)",
        "(None, None)",
    ]
    times = spark.createDataFrame([(f"2026-01-01 12:{minute:02}:00.5",) for minute in range(60)], "at string")
    at = times.select(F.col("at").cast("timestamp_ntz").alias("at"))
    assert with_values(at, ["at"], at.limit(many), ["at"]).count() == min(many, 60)
    left = without_values(rows, ["k", "n"], values, ["a", "b"]).collect()
    assert sorted(map(repr, map(tuple, left))) == ["('z', 1)", "(None, 1)"]
