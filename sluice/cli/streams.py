"""Where every stream is, from the AWS APIs: its shards, what the ledger says of them, and batches that failed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sluice.cli.deployment import client, deployed_settings
from sluice.cli.lanes import LaneCheck, Look, Reading, readings
from sluice.errors import CommandError, DeliveryError
from sluice.ingestion.failed_batches import FAILED_BATCHES, retry_batch
from sluice.ingestion.stage import staging_prefix
from sluice.ledger import Ledger, ShardCounts
from sluice.shortened import shortened
from sluice.storage import split

#: Kinesis may answer with no records although more follow: so often it is asked again.
_READS = 20
_NAMED = 5
_FORBIDDEN_PAUSE = 0.2  # a shard allows five reads a second, the ingestor's among them


@dataclass(frozen=True)
class ShardStatus:
    """One shard: its counts, and how many seconds of records after the last committed one are not in a table yet.

    ``in_flight`` counts the records before that one which a lane still has; only who waits asks for them.
    """

    dataset: str
    counts: ShardCounts
    behind: bool
    lag: float
    in_flight: int = 0


@dataclass(frozen=True)
class StreamsStatus:
    """All streams: their shards, units staged by dataset, and batches that failed to the end."""

    shards: tuple[ShardStatus, ...] = ()
    staged: int = 0
    failed_batches: tuple[str, ...] = ()

    @property
    def records(self) -> int:
        """Return how many records are in a table."""
        return sum(shard.counts.accepted + shard.counts.quarantined for shard in self.shards)

    @property
    def accounted(self) -> bool:
        """Tell whether every record of every stream is in a table."""
        return not self.staged and not any(shard.behind or shard.in_flight for shard in self.shards)

    @property
    def on_their_way(self) -> list[str]:
        """Return what is not in a table yet."""
        waiting = [f"{shard.counts.shard} ({shard.lag:.0f} s behind)" for shard in self.shards if shard.behind]
        waiting += [f"{shard.in_flight} records of {shard.counts.shard}" for shard in self.shards if shard.in_flight]
        return waiting + ([f"{self.staged} staged units of streams"] if self.staged else [])


def read_streams(outputs: dict[str, str], lanes: LaneCheck | None = None) -> StreamsStatus:
    """Return the state of all streams at this moment; ``lanes`` looks for records that a lane still has."""
    settings = deployed_settings(outputs)
    streams = sorted(_readings(outputs), key=lambda reading: reading.stream)
    if not streams:
        return StreamsStatus()
    datasets = {reading: reading.stream.removeprefix(settings.database_prefix) for reading in streams}
    ledger = Ledger(settings.ledger_table)
    with ThreadPoolExecutor(8) as pool:
        # In this order: what leaves a lane is staged, and what leaves staging is in a table; so nothing is overlooked.
        per_stream = list(pool.map(lambda reading: list(_shards(reading, datasets[reading], ledger, lanes)), streams))
        staged = list(pool.map(lambda dataset: _staged(settings.lake, dataset), datasets.values()))
    return StreamsStatus(
        shards=tuple(shard for shards in per_stream for shard in shards),
        staged=sum(staged),
        failed_batches=tuple(_objects(settings.lake_bucket, FAILED_BATCHES)),
    )


def redrive_batches(outputs: dict[str, str]) -> int:
    """Hand every failed batch to its function again; return how many arrived. Each record is still committed once."""
    bucket, redriven, failed = outputs["LakeBucketName"], 0, list[str]()
    for key in list(_objects(bucket, FAILED_BATCHES)):
        try:
            fate = retry_batch(bucket, key)
        except (
            ClientError,
            BotoCoreError,
            DeliveryError,
        ) as error:  # of this batch, or of its function: the others do not wait for it
            failed.append(f"s3://{bucket}/{key} ({shortened(f'{type(error).__name__}: {error}')})")
            continue
        redriven += fate == "arrived"
        if fate == "failed":
            failed.append(f"s3://{bucket}/{key}")
    if failed:
        raise CommandError(
            f"{len(failed)} batches failed again: {', '.join(failed[:_NAMED])}.",
            safe=f"they stay there; {redriven} others arrived.",
            next_step="mend the cause, which the objects and the log name; they are tried again by themselves.",
        )
    return redriven


def _readings(outputs: dict[str, str]) -> Iterator[Reading]:
    """Yield how every stream is read that an ingestor reads."""
    for output, function in outputs.items():
        if output.startswith("IngestStreamFunctionName"):
            yield from readings(function)


def _shards(reading: Reading, dataset: str, ledger: Ledger, lanes: LaneCheck | None) -> Iterator[ShardStatus]:
    stream = reading.stream
    known = {counts.shard: counts for counts in ledger.shards(dataset)}
    pages = client("kinesis").get_paginator("list_shards").paginate(StreamName=stream)
    for shard in (shard["ShardId"] for page in pages for shard in page["Shards"]):
        counts = known.pop(f"{stream}/{shard}", ShardCounts(f"{stream}/{shard}"))
        behind, lag = _behind(stream, shard, counts.sequence)
        look = lanes.look(reading, shard, dataset, behind=lag if behind else None) if lanes else Look()
        yield ShardStatus(dataset, counts, behind or look.unread > 0, max(lag, look.unread), look.missing)
    for counts in known.values():  # shards that the stream no longer has: all they held is counted
        yield ShardStatus(dataset, counts, behind=False, lag=0.0)


def _behind(stream: str, shard: str, sequence: str) -> tuple[bool, float]:
    """Tell whether records follow the one of that number, and how many seconds behind the newest one it is."""
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
