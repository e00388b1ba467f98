"""Reads the state of every stream from AWS APIs: its shards, their counts in the ledger, and failed batches."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sluice.cli.deployment import Deployment, client
from sluice.cli.shard_batches import Reading, ShardBatches, ShardState, readings
from sluice.counted import counted
from sluice.errors import CommandError, DeliveryError
from sluice.ingestion.failed_batches import FAILED_BATCHES, retry_batch
from sluice.ingestion.stage import staging_prefix
from sluice.ledger import Ledger, ShardCounts
from sluice.shortened import shortened
from sluice.storage import split

#: How often an empty answer of Kinesis is followed by another read, since records may follow even so.
#: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
_READS = 20
_NAMED = 5
_FORBIDDEN_PAUSE = 0.2  # a shard allows five reads a second, which the ingestor's reads count towards


@dataclass(frozen=True)
class ShardStatus:
    """One shard: its counts, whether records follow its newest committed one, and for how many seconds they waited.

    ``in_flight`` counts earlier records that are in no table, as a concurrent batch of the shard is still processing
    them; they are counted only where ``read_streams`` gets ``batches``.
    """

    dataset: str
    counts: ShardCounts
    behind: bool
    lag: float
    in_flight: int = 0


@dataclass(frozen=True)
class StreamsStatus:
    """All streams: their shards, the staged units by dataset, and the batches that failed in every retry."""

    shards: tuple[ShardStatus, ...] = ()
    staged: int = 0
    failed_batches: tuple[str, ...] = ()

    @property
    def records(self) -> int:
        """Return how many records are in tables."""
        return sum(shard.counts.accepted + shard.counts.quarantined for shard in self.shards)

    @property
    def accounted(self) -> bool:
        """Return whether every record of every stream is in a table."""
        return not self.staged and not any(shard.behind or shard.in_flight for shard in self.shards)

    @property
    def on_their_way(self) -> list[str]:
        """Return phrases for people about the records that are in no table yet."""
        waiting = [f"{shard.counts.shard} ({shard.lag:.0f} s behind)" for shard in self.shards if shard.behind]
        waiting += [
            f"{counted(shard.in_flight, 'record')} of {shard.counts.shard}" for shard in self.shards if shard.in_flight
        ]
        return waiting + ([f"{counted(self.staged, 'staged unit')} of streams"] if self.staged else [])


def read_streams(deployment: Deployment, batches: ShardBatches | None = None) -> StreamsStatus:
    """Return the present state of all streams; ``batches`` counts the records in concurrent batches per shard."""
    settings = deployment.settings
    streams = sorted(_readings(deployment), key=lambda reading: reading.stream)
    if not streams:
        return StreamsStatus()
    datasets = {reading: reading.stream.removeprefix(settings.database_prefix) for reading in streams}
    ledger = Ledger(settings.ledger_table)
    with ThreadPoolExecutor(8) as pool:
        # In this order, in which records move: batches, then staging, then tables. So no record is overlooked.
        per_stream = list(pool.map(lambda reading: list(_shards(reading, datasets[reading], ledger, batches)), streams))
        staged = list(pool.map(lambda dataset: _staged(settings.lake, dataset), datasets.values()))
    return StreamsStatus(
        shards=tuple(shard for shards in per_stream for shard in shards),
        staged=sum(staged),
        failed_batches=tuple(_objects(settings.lake_bucket, FAILED_BATCHES)),
    )


def redrive_batches(deployment: Deployment) -> int:
    """Retry every failed batch; return how many were staged. Each record is still committed once."""
    bucket, redriven, failed = deployment.settings.lake_bucket, 0, list[str]()
    for key in list(_objects(bucket, FAILED_BATCHES)):
        try:
            fate = retry_batch(bucket, key)
        except (
            ClientError,
            BotoCoreError,
            DeliveryError,
        ) as error:  # the other batches are retried even so
            failed.append(f"s3://{bucket}/{key} ({shortened(f'{type(error).__name__}: {error}')})")
            continue
        redriven += fate == "arrived"
        if fate == "failed":
            failed.append(f"s3://{bucket}/{key}")
    if failed:
        raise CommandError(
            f"{counted(len(failed), 'batch', 'batches')} failed again: {', '.join(failed[:_NAMED])}.",
            safe=f"they stay where they are; {counted(redriven, 'other')} arrived.",
            next_step="mend the cause, which the objects and the log name; the sweep then retries them.",
            value=failed[0],
        )
    return redriven


def _readings(deployment: Deployment) -> Iterator[Reading]:
    """Yield how Lambda reads each stream for which there is an ingestor."""
    for output, function in deployment.outputs.items():
        if output.startswith("IngestStreamFunctionName"):
            yield from readings(function)


def _shards(reading: Reading, dataset: str, ledger: Ledger, batches: ShardBatches | None) -> Iterator[ShardStatus]:
    stream = reading.stream
    known = {counts.shard: counts for counts in ledger.shards(dataset)}
    pages = client("kinesis").get_paginator("list_shards").paginate(StreamName=stream)
    for shard in (shard["ShardId"] for page in pages for shard in page["Shards"]):
        counts = known.pop(f"{stream}/{shard}", ShardCounts(f"{stream}/{shard}"))
        behind, lag = _behind(stream, shard, counts.sequence)
        state = batches.read_state(reading, shard, dataset, behind=lag if behind else None) if batches else ShardState()
        yield ShardStatus(dataset, counts, behind or state.unread > 0, max(lag, state.unread), state.missing)
    for counts in known.values():  # shards that the stream no longer has, whose records are all in tables
        yield ShardStatus(dataset, counts, behind=False, lag=0.0)


def _behind(stream: str, shard: str, sequence: str) -> tuple[bool, float]:
    """Return whether records follow ``sequence`` in the shard, and for how many seconds the first has waited."""
    kinesis = client("kinesis")
    start: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
    if sequence:
        start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": sequence}
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **start)["ShardIterator"]
    for attempt in range(_READS):
        answer = kinesis.get_records(ShardIterator=iterator, Limit=1)
        if answer["Records"]:
            arrived: float = answer["Records"][0]["ApproximateArrivalTimestamp"].timestamp()
            return True, max(0.0, time.time() - arrived)
        iterator = answer.get("NextShardIterator")
        if not answer["MillisBehindLatest"] or not iterator:
            return False, 0.0
        time.sleep(_FORBIDDEN_PAUSE * (attempt > 0))
    return True, answer["MillisBehindLatest"] / 1000


def _staged(lake: str, dataset: str) -> int:
    bucket, prefix = split(staging_prefix(lake, dataset))
    return sum(key.endswith(".json") for key in _objects(bucket, prefix))


def _objects(bucket: str, prefix: str) -> Iterable[str]:
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return (item["Key"] for page in pages for item in page.get("Contents", []))
