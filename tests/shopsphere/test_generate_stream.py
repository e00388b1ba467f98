"""The generated streams are deterministic, fast, and what is wrong with them is counted exactly."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from shopsphere.generate.changes import generate_customer_changes
from shopsphere.generate.marketing import CODES
from shopsphere.generate.places import PLACES, kilometres
from shopsphere.generate.sensors import generate_readings
from shopsphere.generate.stock_changes import generate_stock_changes
from shopsphere.generate.stream import Batch, generate_stream
from shopsphere.generate.stream_files import write_streams
from shopsphere.generate.stream_manifest import StreamManifest
from sluice.contracts import LandingContract
from sluice.ingestion.changes import Change, decode
from sluice.ingestion.check import check_block
from sluice.ingestion.readers.json_records import parse_records
from sluice.load import load_contracts
from sluice.project import Project

START = datetime(2025, 3, 1, 8, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
CONTRACTS = {contract.name: contract for contract in Project(load_contracts([ROOT / "contracts"])).arriving}
SHAPES: list[dict[str, Any]] = [
    {"events": 120_000},
    {"events": 30_000, "broken": 0.2, "duplicates": 0.1, "late": 0.1, "conflicts": 0.03, "batch": 7_000},
    {"events": 5_000, "duration_seconds": 40_000.0, "duplicates": 0.2},
    {"events": 3_000, "broken": 0.0, "duplicates": 0.0, "late": 0.0, "conflicts": 0.0, "incidents_per_rule": 0},
    {"events": 37},
]


def made(**options: Any) -> tuple[list[Batch], StreamManifest]:
    manifest = StreamManifest()
    return list(generate_stream(**{"seed": 5, "start": START, "manifest": manifest, **options})), manifest


def checked(records: list[bytes], contract: LandingContract) -> tuple[list[dict[str, Any]], Counter[str], set[int]]:
    """Return the accepted rows, the rejected by first reason, and the positions of the rejected."""
    rows: list[dict[str, Any]] = []
    reasons: Counter[str] = Counter()
    positions: set[int] = set()
    for block in parse_records(records, contract, 0):
        found = check_block(block, contract)
        rows.extend(found.accepted.to_pylist())
        reasons.update(found.rejected["reason"].to_pylist())
        positions.update(found.rejected["_position"].to_pylist())
        assert all(len(given) == 1 for given in found.rejected["reasons"].to_pylist())
    return rows, reasons, positions


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape["events"]))
def test_the_manifest_counts_what_the_pipeline_checks(shape: dict[str, Any]) -> None:
    batches, manifest = made(**shape)
    records = [data for batch in batches for data in batch.data]
    rows, reasons, positions = checked(records, CONTRACTS["clickstream"])
    assert len(records) == manifest.records == shape["events"]
    assert dict(reasons) == manifest.expected_quarantined
    assert manifest.quarantined == len(positions) == round(shape["events"] * shape.get("broken", 0.02))
    assert len(rows) == manifest.expected_accepted

    valid = [data for at, data in enumerate(records) if at not in positions]
    payloads: dict[str, set[bytes]] = defaultdict(set)
    for data in valid:
        payloads[json.loads(data)["event_id"]].add(data)
    assert len(payloads) == manifest.distinct_events
    conflicts = Counter(str(len(found)) for found in payloads.values() if len(found) > 1)
    assert dict(conflicts) == manifest.conflicting_ids
    assert sum(len(found) - 1 for found in payloads.values()) == manifest.conflict_losers
    assert len(valid) - len(set(valid)) == manifest.duplicates
    assert manifest.duplicates == round(shape["events"] * shape.get("duplicates", 0.01))

    events = {event["event_id"]: event for event in map(json.loads, valid)}
    codes = [event["utm_code"] for event in events.values() if "utm_code" in event]
    assert (len(codes), sum(code not in CODES for code in codes)) == (manifest.coded_events, manifest.unknown_codes)

    # Each record is sent at its place in the stream: what is late then is what is planted as late.
    seconds = shape.get("duration_seconds", 3_600.0)
    late = []
    for at, data in enumerate(records):
        if at not in positions:
            event = json.loads(data)
            sent = START + timedelta(seconds=seconds * at / len(records))
            if sent - datetime.fromisoformat(event["event_time"]) > timedelta(hours=2):
                late.append(event["event_id"])
    assert (len(late), len(set(late))) == (manifest.expected_late, manifest.late_events)


@pytest.mark.slow
def test_duplicates_come_soon_and_much_later() -> None:
    batches, _ = made(events=120_000)
    first: dict[bytes, int] = {}
    gaps = []
    for at, data in enumerate(data for batch in batches for data in batch.data):
        if data in first:
            gaps.append(at - first[data])
        first.setdefault(data, at)
    assert sum(gap < 200 for gap in gaps) > 0.4 * len(gaps)
    assert sum(gap > 20_000 for gap in gaps) > 0.2 * len(gaps)


@pytest.mark.slow
def test_the_partition_key_is_the_session_and_sessions_are_believable() -> None:
    batches, manifest = made(events=50_000, broken=0.0)
    visits: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for batch in batches:
        for key, data in batch.pairs():
            event = json.loads(data)
            assert event["session_id"] == key
            visits[key].append(event)
    kinds = Counter(event["event_type"] for events in visits.values() for event in events)
    assert kinds["page_view"] > kinds["search"] > kinds["cart"] > kinds["payment"] > kinds["purchase"] > 300
    customers = Counter(events[0]["customer_id"] for events in visits.values() if "customer_id" in events[0])
    assert sum(times > 1 for times in customers.values()) > 0.3 * len(customers)
    assert len({event["country"] for events in visits.values() for event in events}) == 7
    times = [event["event_time"] for events in visits.values() for event in events]
    assert "2025-03-01T08:00:0" < min(t for t in times if t > "2025-03-01T08") < max(times) < "2025-03-01T09:00:1"
    assert manifest.start == "2025-03-01T08:00:00Z"


@pytest.mark.slow
def test_rules_over_valid_events_find_the_planted_incidents_and_no_others() -> None:
    batches, manifest = made(events=100_000, incidents_per_rule=20)
    records = [data for batch in batches for data in batch.data]
    rows, _, _ = checked(records, CONTRACTS["clickstream"])
    events = list({row["event_id"]: row for row in rows}.values())
    place = {(lat, lon): at for at, (_, lat, lon) in enumerate(PLACES)}
    sessions, customers = defaultdict(list), defaultdict(list)
    for event in sorted(events, key=lambda event: event["event_time"]):
        if event["outcome"] == "declined":
            sessions[event["session_id"]].append(event)
        if event["customer_id"]:
            customers[event["customer_id"]].append(event)
    testing = {
        session
        for session, found in sessions.items()
        if any(
            found[at + 5]["event_time"] - found[at]["event_time"] < timedelta(minutes=1)
            and len({event["card_hash"] for event in found[at : at + 6]}) >= 4
            for at in range(len(found) - 5)
        )
    }
    travel = set()
    for customer, found in customers.items():
        for one, other in pairwise(found):
            far = kilometres(place[one["latitude"], one["longitude"]], place[other["latitude"], other["longitude"]])
            hours = (other["event_time"] - one["event_time"]).total_seconds() / 3600
            if one["country"] != other["country"] and far > 1000 * hours:
                travel.add(customer)
    below = {e["event_id"] for e in events if e["event_type"] == "purchase" and e["unit_price"] < e["unit_cost"]}
    planted = manifest.incidents
    assert {rule: len(found) for rule, found in planted.items()} == dict.fromkeys(planted, 20)
    assert testing == {incident["session_id"] for incident in planted["card_testing"]}
    assert travel == {incident["customer_id"] for incident in planted["impossible_travel"]}
    assert below == {incident["event_ids"][0] for incident in planted["price_below_cost"]}
    ids = {row["event_id"] for row in rows}
    assert all(set(incident["event_ids"]) <= ids for found in planted.values() for incident in found)


def test_a_share_of_the_visits_begins_with_a_campaign_code_and_some_codes_are_unknown() -> None:
    batches, manifest = made(events=30_000, broken=0.0, conflicts=0.0, duplicates=0.0, late=0.0)
    visits: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for batch in batches:
        for key, data in batch.pairs():
            visits[key].append(json.loads(data))
    first = [min(events, key=lambda event: event["event_time"]) for events in visits.values()]
    assert sum("utm_code" in event for event in first) == manifest.coded_events
    assert 0.25 < manifest.coded_events / len(visits) < 0.35
    assert 0 < manifest.unknown_codes < 0.1 * manifest.coded_events
    assert len({event["utm_code"] for event in first if event.get("utm_code") in CODES}) == len(CODES)


@pytest.mark.slow
def test_the_same_arguments_give_the_same_records() -> None:
    one, other, third = (made(events=60_000, seed=seed) for seed in (1, 1, 2))
    assert one == other
    assert one[0] != third[0]


@pytest.mark.slow
def test_a_hundred_thousand_events_take_less_than_a_second() -> None:
    began = time.process_time()
    made(events=200_000)
    assert time.process_time() - began < 2  # about 0.4 s on an idle machine


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"events": 0}, "must be positive"),
        ({"events": 100, "broken": 0.9}, "at most 0.6"),
        ({"events": 1_000, "incidents_per_rule": 50}, "do not fit"),
    ],
)
def test_what_cannot_be_planted_is_refused_before_anything_is_made(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate_stream(seed=1, start=START, **options)


def applied(records: list[tuple[str, bytes]], contract: LandingContract) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Return what a table holds after the changes, applied in the order of the log, and their operations."""
    changes = []
    for _, data in records:
        change = decode(data, contract.arrival.format, contract)
        assert isinstance(change, Change), change
        changes.append(change)
    table: dict[tuple[str, ...], dict[str, Any]] = {}
    operations = Counter(change.operation for change in changes)
    placed = [change for change in changes if change.row is not None or change.operation == "truncate"]
    for change in sorted(placed, key=lambda change: change.position or ""):
        if change.operation == "truncate":
            table.clear()
            continue
        assert change.row is not None
        row = json.loads(change.row)
        if change.previous_key:
            table.pop(tuple(json.loads(change.previous_key).values()), None)
        key = tuple(row[name] for name in contract.key)
        if change.operation == "delete":
            table.pop(key, None)
        else:
            table[key] = row
    return [table[key] for key in sorted(table)], operations


@pytest.mark.parametrize("truncate", [False, True])
def test_customer_changes_come_to_the_rows_of_the_manifest(truncate: bool) -> None:
    contract = CONTRACTS["customer_changes"]
    records, manifest = generate_customer_changes(rows=200, changes=900, seed=4, start=START, truncate=truncate)
    final, operations = applied(records, contract)
    assert final == manifest.final
    assert final
    spelled = {"r": "read", "c": "insert", "u": "update", "d": "delete", "t": "truncate"}
    told = {spelled[op]: count for op, count in manifest.operations.items()} | {"tombstone": manifest.tombstones}
    assert operations == told
    assert len(records) == manifest.records == sum(told.values())
    assert manifest.operations["r"] == 200
    assert manifest.replayed == 20
    assert manifest.moved_keys > 10
    assert ("t" in manifest.operations) == truncate
    rows = [json.loads(data)["after"] for _, data in records if data]
    accepted, reasons, _ = checked([json.dumps(row).encode() for row in rows if row], contract)
    assert (len(accepted), reasons) == (sum(1 for row in rows if row), Counter())


def test_stock_changes_come_to_the_rows_of_the_manifest() -> None:
    contract = CONTRACTS["stock_changes"]
    records, manifest = generate_stock_changes(products=80, changes=900, seed=4, start=START)
    final, operations = applied(records, contract)
    assert final == manifest.final
    loaded = manifest.operations.pop("load")
    assert operations == manifest.operations | {"read": loaded, "schema": manifest.control["create-table"]}
    assert len(records) == manifest.records
    assert manifest.moved_keys > 10
    rows = [json.loads(data).get("data") for _, data in records]
    accepted, reasons, _ = checked([json.dumps(row).encode() for row in rows if row], contract)
    assert (len(accepted), reasons) == (sum(1 for row in rows if row), Counter())


def test_readings_are_counted() -> None:
    records, manifest = generate_readings(readings=5_000, seed=1, start=START)
    rows, reasons, _ = checked([data for _, data in records], CONTRACTS["stock_sensors"])
    assert len(records) == manifest.records
    assert (len(rows), dict(reasons)) == (manifest.expected_accepted, manifest.expected_quarantined)
    assert len({(row["sensor_id"], row["measured_at"]) for row in rows}) == manifest.distinct_events


def test_files_hold_every_record_on_a_line_and_a_manifest(tmp_path: Path) -> None:
    manifests = write_streams(events=2_000, seed=3, out=tmp_path / "a")
    write_streams(events=2_000, seed=3, out=tmp_path / "b")
    told = json.loads((tmp_path / "a" / "manifest.json").read_text())["datasets"]
    for name, manifest in manifests.items():
        data = (tmp_path / "a" / f"{name}.ndjson").read_bytes()
        assert data.count(b"\n") == manifest.records == told[name]["records"]
        assert data == (tmp_path / "b" / f"{name}.ndjson").read_bytes()
    with pytest.raises(FileExistsError, match="nothing was written"):
        write_streams(events=10, seed=1, out=tmp_path / "a")
