"""Whether all records of a shard that several lanes read are in a table: the shard itself is compared with the tables.

With a parallelization factor above one Lambda reads a shard in lanes that do not wait for each other, so the furthest
record in a table says nothing of those before it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sluice.cli.deployment import client

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: One look at a shard reads so often at most, and so many records at once; then it is another's turn.
_READS, _RECORDS = 10, 10_000
#: Seconds between reads: a shard allows five a second, the ingestor's among them.
_PAUSE = 0.4
#: Kinesis calls a record's time of arrival approximate, and Lambda rounds it.
_APPROXIMATELY = timedelta(seconds=1)


@dataclass(frozen=True)
class Reading:
    """How Lambda reads a stream: in how many lanes a shard, and for how many seconds a batch can be in flight."""

    stream: str
    lanes: int
    longest: float


class Look(NamedTuple):
    """What one look at a shard found: records in no table, and how many seconds of records are not looked at yet."""

    missing: int = 0
    unread: float = 0.0


@dataclass
class _Shard:
    """What was read of a shard: where reading began, the last record read, and the arrival of those not in a table."""

    start: dict[str, Any]
    last: str = ""
    missing: dict[str, datetime] = field(default_factory=dict)


def readings(function: str) -> Iterator[Reading]:
    """Yield how the function's event source mappings read their streams."""
    timeout = float(client("lambda").get_function_configuration(FunctionName=function)["Timeout"])
    pages = client("lambda").get_paginator("list_event_source_mappings").paginate(FunctionName=function)
    for mapping in (mapping for page in pages for mapping in page["EventSourceMappings"]):
        stream = mapping["EventSourceArn"].rpartition("/")[2]
        yield Reading(stream, mapping.get("ParallelizationFactor") or 1, _longest(mapping, timeout))


def _longest(mapping: dict[str, Any], timeout: float) -> float:
    """Return for how many seconds a batch can be in flight when every try ends at the function's timeout."""
    retries, age = mapping.get("MaximumRetryAttempts", -1), mapping.get("MaximumRecordAgeInSeconds", -1)
    halvings = int(mapping["BatchSize"]).bit_length() if mapping.get("BisectBatchOnFunctionError") else 0
    by_tries = (1 + retries + halvings) * timeout if retries >= 0 else math.inf
    by_age = age + timeout if age >= 0 else math.inf
    return min(by_tries, by_age) + float(mapping.get("MaximumBatchingWindowInSeconds") or 0)


class LaneCheck:
    """Looks for records that a lane still has; reads each record of a shard once while somebody waits.

    Reading begins as far before the wait as a batch can be in flight (every try a timeout, then bisected), and further
    by what the stream was behind at that moment: days of a busy stream would take hours to read. A record that arrived
    before that and is still in flight is not seen: its lane fell behind the others long before the wait.
    """

    def __init__(
        self,
        tables: Callable[[str], tuple[Table, ...]],
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tables, self._clock, self._sleep = tables, clock, sleep
        self._shards: dict[tuple[str, str], _Shard] = {}

    def look(self, reading: Reading, shard: str, dataset: str, *, behind: float | None) -> Look:
        """Read on in the shard and ask the tables of ``dataset`` for what they did not hold before.

        ``behind`` says by how many seconds the furthest record in a table is behind; until it is none, nothing is read.
        """
        if reading.lanes == 1:
            return Look()
        key = (reading.stream, shard)
        if key not in self._shards:
            self._shards[key] = _Shard(_start(self._clock() - reading.longest - (behind or 0.0)))
        if behind is not None:
            return Look()
        seen = self._shards[key]
        unread = self._read(reading.stream, shard, seen)
        self._forget_held(seen, f"{reading.stream}/{shard}", dataset)
        return Look(len(seen.missing), unread)

    def _read(self, stream: str, shard: str, seen: _Shard) -> float:
        """Read on; return how many seconds of records follow what was read."""
        kinesis = client("kinesis")
        after = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": seen.last}
        start = after if seen.last else seen.start
        iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **start)["ShardIterator"]
        behind = 0.0
        for attempt in range(_READS):
            if attempt:
                self._sleep(_PAUSE)
            answer = kinesis.get_records(ShardIterator=iterator, Limit=_RECORDS)
            for record in answer["Records"]:
                seen.last = record["SequenceNumber"]
                seen.missing[seen.last] = record["ApproximateArrivalTimestamp"].astimezone(UTC).replace(tzinfo=None)
            behind = answer["MillisBehindLatest"] / 1000
            iterator = answer.get("NextShardIterator")
            if not behind or not iterator:
                return 0.0
        return behind

    def _forget_held(self, seen: _Shard, source: str, dataset: str) -> None:
        """Forget the records that bronze or quarantine holds."""
        if not seen.missing:
            return
        first, last = min(seen.missing.values()) - _APPROXIMATELY, max(seen.missing.values()) + _APPROXIMATELY
        arrived = f"_arrived_at >= '{first.isoformat()}' and _arrived_at <= '{last.isoformat()}'"
        where = f"_delivery_id == '{source}' and {arrived}"
        for table in self._tables(dataset):
            for sequence in table.scan(row_filter=where, selected_fields=("_sequence",)).to_arrow()["_sequence"]:
                seen.missing.pop(sequence.as_py(), None)


def _start(moment: float) -> dict[str, Any]:
    """Return where to begin to read for all that arrived from ``moment`` on."""
    if moment <= 0:
        return {"ShardIteratorType": "TRIM_HORIZON"}
    return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": datetime.fromtimestamp(moment, UTC)}
