"""Through the local AWS, reported only: from put to queryable, at a steady rate on four shards."""

from __future__ import annotations

import statistics
import threading
import time
from datetime import UTC, datetime

from rich.console import Console

from shopsphere.generate.stream import generate_stream
from sluice.cli.deployment import client
from sluice.cli.send import put_records
from sluice.tables.catalog import glue_catalog

_STREAM = "clickstream"
_RATE, _SECONDS, _SHARDS = 1_000, 20, 4


def report(console: Console) -> None:
    """Print median and 99th percentile of the seconds between a record's arrival and its being in bronze."""
    _reshard()
    events = _RATE * _SECONDS
    batches = generate_stream(events=events, seed=1, start=datetime.now(UTC), duration_seconds=_SECONDS, broken=0.0)
    pairs = [pair for batch in batches for pair in batch.pairs()]
    sender = threading.Thread(target=put_records, args=(client("kinesis"), _STREAM, pairs, _RATE))
    before = _rows()
    sender.start()
    seen: dict[tuple[str, str], float] = {}
    deadline = time.monotonic() + 6 * _SECONDS
    while len(seen) < events and time.monotonic() < deadline:
        now = time.time()
        for identity, arrived in _rows().items():
            if identity not in seen and identity not in before:
                seen[identity] = now - arrived
        time.sleep(0.1)
    sender.join()
    waits = sorted(seen.values())
    console.print(
        f"put to queryable at {_RATE:,} records/s on {_SHARDS} shards: median {statistics.median(waits):.1f} s, "
        f"99th percentile {waits[int(len(waits) * 0.99)]:.1f} s ({len(waits):,} of {events:,} records seen)"
    )


def _reshard() -> None:
    for count in (2, _SHARDS):
        client("kinesis").update_shard_count(StreamName=_STREAM, TargetShardCount=count, ScalingType="UNIFORM_SCALING")
        client("kinesis").get_waiter("stream_exists").wait(StreamName=_STREAM)


def _rows() -> dict[tuple[str, str], float]:
    """Return when each record in bronze arrived, by shard and sequence number."""
    table = glue_catalog().load_table(("bronze", _STREAM))
    rows = table.scan(selected_fields=("_source", "_sequence", "_arrived_at")).to_arrow().to_pylist()
    return {(row["_source"], row["_sequence"]): row["_arrived_at"].replace(tzinfo=UTC).timestamp() for row in rows}
