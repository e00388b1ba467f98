"""Generated clicks with planted dirt: nothing lost, nothing doubled, every fault found, in any order the same rows."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pytest

from shopsphere.generate.stream import generate_stream
from tests.end_to_end.running import CONTRACTS, Deployment, sluice, started
from tests.end_to_end.streaming import put, records_in
from tests.waiting import until

pytestmark = pytest.mark.slow

STREAM = "clickstream"
#: What tells two payloads of one id apart, of the columns that bronze and silver have.
SAID = ("event_id", "session_id", "event_type", "event_time", "device", "product_id", "country")
KEPT = ", ".join((*SAID, "late"))


@dataclass(frozen=True)
class Run:
    """Records as they were sent, what a correct pipeline makes of them, and the tables that it made."""

    sent: list[bytes]
    manifest: dict[str, Any]
    tables: duckdb.DuckDBPyConnection


def test_clicks_are_accounted_for(
    deployed: Deployment, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    _check(_run(deployed, tmp_path, events=20_000, seed=11, record_property=record_property))


@pytest.mark.proof
def test_a_million_clicks_are_accounted_for(
    deployed: Deployment, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    _check(_run(deployed, tmp_path, events=1_000_000, seed=12, record_property=record_property))


@pytest.mark.proof
def test_in_another_order_and_other_batches_the_same_rows_come_out(
    deployed: Deployment, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    first = _run(deployed, tmp_path, events=100_000, seed=13, record_property=record_property)
    shuffled = list(first.sent)
    random.Random(5).shuffle(shuffled)

    with started(tmp_path / "other", CONTRACTS[:1]) as other:
        update = other.client("lambda").update_event_source_mapping
        mappings = other.client("lambda").list_event_source_mappings(
            FunctionName=other.outputs["IngestStreamFunctionName"]
        )["EventSourceMappings"]
        (clicks,) = [mapping for mapping in mappings if mapping["EventSourceArn"].endswith(f"/{STREAM}")]
        update(UUID=clicks["UUID"], BatchSize=3_333, ParallelizationFactor=3)
        other.client("kinesis").update_shard_count(StreamName=STREAM, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
        until(lambda: _active(other), "the stream has two shards")
        put(other, STREAM, shuffled, [f"{number % 1009}" for number in range(len(shuffled))])
        until(lambda: records_in(other, STREAM) >= len(shuffled), "all is in", 300)
        waited = sluice("status", "--wait", "--timeout", "300")
        assert waited.returncode == 0, waited.stderr
        second = Run(shuffled, first.manifest, _tables(other, {}))

    _check(second)
    for sql in (
        f"SELECT {KEPT} FROM silver ORDER BY ALL",
        "SELECT DISTINCT record FROM quarantine WHERE reason = 'conflict' ORDER BY ALL",
        "SELECT record, reasons FROM quarantine WHERE reason <> 'conflict' ORDER BY ALL",
    ):
        assert second.tables.execute(sql).fetchall() == first.tables.execute(sql).fetchall(), sql


def _active(deployed: Deployment) -> bool:
    summary = deployed.client("kinesis").describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]
    return bool(summary["StreamStatus"] == "ACTIVE" and summary["OpenShardCount"] == 2)


def _run(
    deployed: Deployment, folder: Path, *, events: int, seed: int, record_property: Callable[[str, object], None]
) -> Run:
    """Have the product's command make and send clicks; return what it sent and the tables that came of it."""
    older = {name: deployed.table(name).scan().to_arrow() for name in _names()}
    start = (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0, tzinfo=None)
    manifest = folder / "manifest.json"
    began = datetime.now(UTC)
    arguments = ("--events", str(events), "--seed", str(seed), "--start", start.isoformat(), "--manifest", manifest)

    sent = sluice("generate", "--stream", *arguments)
    assert sent.returncode == 0, sent.stderr
    record_property("seconds_to_send", round((datetime.now(UTC) - began).total_seconds(), 1))
    waited = sluice("status", "--wait", "--timeout", "280")

    record_property("seconds_to_silver", round((datetime.now(UTC) - began).total_seconds(), 1))
    assert waited.returncode == 0, waited.stderr
    batches = generate_stream(events=events, seed=seed, start=start, duration_seconds=max(3_600.0, events / 10_000))
    records = [record for batch in batches for record in batch.data]
    return Run(records, json.loads(manifest.read_text()), _tables(deployed, older))


def _names() -> tuple[str, ...]:
    return (f"bronze.{STREAM}", f"quarantine.{STREAM}", f"silver.{STREAM}")


def _tables(deployed: Deployment, older: dict[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    """Return bronze, quarantine and silver without the ``older`` rows of tests before."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in _names():
        database = name.partition(".")[0]
        connection.register("given", deployed.table(name).scan().to_arrow())
        connection.execute(f"CREATE TABLE {database} AS FROM given")
        if name in older:
            connection.register("given", older[name])
            connection.execute(f"CREATE OR REPLACE TABLE {database} AS FROM {database} EXCEPT ALL FROM given")
    return connection


def _check(run: Run) -> None:
    """Assert that every record sent is in one of the two tables once, and that silver is what bronze implies."""
    manifest, ask = run.manifest, lambda sql: run.tables.execute(sql).fetchall()
    assert len(run.sent) == manifest["records"]
    assert ask("SELECT count(*) FROM bronze") == [(manifest["expected_accepted"],)]
    broken = dict(ask("SELECT reason, count(*) FROM quarantine WHERE reason <> 'conflict' GROUP BY 1"))
    assert broken == manifest["expected_quarantined"]

    left = Counter(run.sent)
    left.subtract(row[0] for row in ask("SELECT record FROM quarantine WHERE reason <> 'conflict'"))
    assert min(left.values()) == 0
    expected: Counter[tuple[Any, ...]] = Counter()
    for record, count in left.items():
        if count:
            event = msgspec.json.decode(record)
            moment = datetime.fromisoformat(event["event_time"]).astimezone(UTC).replace(tzinfo=None)
            expected[(*(moment if name == "event_time" else event.get(name) or None for name in SAID),)] += count
    assert Counter(ask(f"SELECT {', '.join(SAID)} FROM bronze")) == expected
    assert ask("SELECT count(*) FROM bronze WHERE _late") == [(manifest["expected_late"],)]

    assert ask("SELECT count(*), count(DISTINCT event_id) FROM silver") == [(manifest["distinct_events"],) * 2]
    assert ask("SELECT count(*) FROM silver WHERE late") == [(manifest["late_events"],)]
    own = " AND ".join(f"s.{name} IS NOT DISTINCT FROM b.{name}" for name in SAID)
    assert ask(f"SELECT count(*) FROM silver s WHERE NOT EXISTS (FROM bronze b WHERE {own})") == [(0,)]
    newest = "SELECT event_id, max(event_time) FROM bronze GROUP BY 1 EXCEPT SELECT event_id, event_time FROM silver"
    assert ask(newest) == []
    identity = "_source, _sequence, _position"
    losers = f"SELECT {identity} FROM bronze b WHERE NOT EXISTS (FROM silver s WHERE {own}) ORDER BY ALL"
    found = f"SELECT {identity} FROM quarantine WHERE reason = 'conflict' ORDER BY ALL"
    assert ask(found) == ask(losers)
    assert ask("SELECT count(DISTINCT record) FROM quarantine WHERE reason = 'conflict'") == [
        (manifest["conflict_losers"],)
    ]
