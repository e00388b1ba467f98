"""Finds records of a shard that are in no table yet, when Lambda processes several batches of the shard concurrently.

With a parallelization factor above 1, concurrent batches per shard do not wait for each other: the newest record in a
table does not prove that the earlier ones are there, too. So the records of the shard are compared with the tables.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sluice.cli.deployment import Deployment, client

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: One poll of a shard makes at most so many reads of so many records each, so that no shard holds up the others.
_READS, _RECORDS = 10, 10_000
#: Seconds between reads: a shard allows five a second, which the ingestor's reads count towards.
#: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
_PAUSE = 0.4
#: A record's arrival time is approximate by Kinesis' own definition, and Lambda rounds it.
#: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Record.html
_APPROXIMATELY = timedelta(seconds=1)


@dataclass(frozen=True)
class Reading:
    """How an event source mapping reads ``stream``.

    ``parallelization_factor`` is the number of concurrent batches per shard, ``longest`` the seconds that a batch
    can be in flight, with all its retries.
    """

    stream: str
    parallelization_factor: int
    longest: float


class ShardState(NamedTuple):
    """The result of one poll of a shard: how many of the records read are in no table, and how far it has yet to read.

    ``unread`` is by how many seconds the last record read is behind the shard's end.
    """

    missing: int = 0
    unread: float = 0.0


@dataclass
class _Shard:
    """Progress in one shard: the iterator arguments of the first read, and the sequence number that was read last.

    ``missing`` holds the arrival time, UTC, by sequence number of the records that are in no table.
    """

    start: dict[str, Any]
    last: str = ""
    missing: dict[str, datetime] = field(default_factory=dict)


def readings(function: str) -> Iterator[Reading]:
    """Yield the stream, concurrency and longest time in flight of each event source mapping of ``function``."""
    timeout = float(client("lambda").get_function_configuration(FunctionName=function)["Timeout"])
    pages = client("lambda").get_paginator("list_event_source_mappings").paginate(FunctionName=function)
    for mapping in (mapping for page in pages for mapping in page["EventSourceMappings"]):
        stream = mapping["EventSourceArn"].rpartition("/")[2]
        yield Reading(stream, mapping.get("ParallelizationFactor") or 1, _longest(mapping, timeout))


def _longest(mapping: dict[str, Any], timeout: float) -> float:
    """Return the seconds that a batch can be in flight when every try takes the function's whole ``timeout``.

    The number is infinite when neither retries nor record age are limited.
    """
    retries, age = mapping.get("MaximumRetryAttempts", -1), mapping.get("MaximumRecordAgeInSeconds", -1)
    halvings = int(mapping["BatchSize"]).bit_length() if mapping.get("BisectBatchOnFunctionError") else 0
    by_tries = (1 + retries + halvings) * timeout if retries >= 0 else math.inf
    by_age = age + timeout if age >= 0 else math.inf
    return min(by_tries, by_age) + float(mapping.get("MaximumBatchingWindowInSeconds") or 0)


class ShardBatches:
    """Finds the records of shards that are still in flight, for a command that says whether all are in tables.

    Each record of a shard is read once. Reading starts with the records that arrived a certain time before the first
    poll: the longest time that a batch can be in flight, plus the time by which the stream was behind. Reading all that
    a busy stream retains would take hours. An older record that is in flight even so is not found.
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

    def read_state(self, reading: Reading, shard: str, dataset: str, *, behind: float | None) -> ShardState:
        """Poll ``shard``: read further, then look up in the tables of ``dataset`` the records that were missing so far.

        ``behind`` says for how many seconds records after the newest record in a table have waited. As long as it is
        not None, nothing is read and the result is empty: the command waits for those records anyway.
        """
        if reading.parallelization_factor == 1:
            return ShardState()
        key = (reading.stream, shard)
        if key not in self._shards:
            self._shards[key] = _Shard(_start(self._clock() - reading.longest - (behind or 0.0)))
        if behind is not None:
            return ShardState()
        seen = self._shards[key]
        unread = self._read(reading.stream, shard, seen)
        self._forget_held(seen, f"{reading.stream}/{shard}", dataset)
        return ShardState(len(seen.missing), unread)

    def _read(self, stream: str, shard: str, seen: _Shard) -> float:
        """Read further; return by how many seconds the last record read is behind the shard's end."""
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
        """Remove from ``seen.missing`` the records that the bronze or quarantine table holds."""
        if not seen.missing:
            return
        first, last = min(seen.missing.values()) - _APPROXIMATELY, max(seen.missing.values()) + _APPROXIMATELY
        arrived = f"_arrived_at >= '{first.isoformat()}' and _arrived_at <= '{last.isoformat()}'"
        where = f"_delivery_id == '{source}' and {arrived}"
        for table in self._tables(dataset):
            for sequence in table.scan(row_filter=where, selected_fields=("_sequence",)).to_arrow()["_sequence"]:
                seen.missing.pop(sequence.as_py(), None)


def batches_of(deployment: Deployment) -> ShardBatches:
    """Return what finds the records of a deployment's shards that are in flight."""
    settings = deployment.settings

    def tables(dataset: str) -> tuple[Table, ...]:
        from sluice.tables.catalog import glue_catalog

        return tuple(glue_catalog().load_table((settings.database(name), dataset)) for name in ("bronze", "quarantine"))

    return ShardBatches(tables)


def _start(moment: float) -> dict[str, Any]:
    """Return the arguments of ``GetShardIterator`` for records that arrived at ``moment`` (epoch seconds) or later."""
    if moment <= 0:
        return {"ShardIteratorType": "TRIM_HORIZON"}
    return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": datetime.fromtimestamp(moment, UTC)}
