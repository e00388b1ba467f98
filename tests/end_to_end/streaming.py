"""What the tests of streams share: records onto a stream, what became of them, and how a stream is read."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

from sluice.cli import deployment as cli
from sluice.ingestion.stage import staging_prefix
from sluice.ledger import Ledger
from sluice.storage import split
from tests.end_to_end.running import Deployment
from tests.waiting import until

#: Times that decide what is late, whenever the test runs.
LONG_AGO, FAR_AHEAD = "2020-02-29T12:00:00Z", "2100-01-01T00:00:00Z"
#: What differs between two runs by nature.
_OF_THE_RUN = ("_delivery_id", "_source", "_ingested_at", "_sequence", "_arrived_at")
_CALL = 500


class Placed(NamedTuple):
    """Where Kinesis put one record."""

    shard: str
    sequence: str


def scan(name: str, grams: Any = 1, at: str = FAR_AHEAD) -> bytes:
    """Return a record of the contracts for scans; it is broken when it weighs nothing."""
    return json.dumps({"scan_id": name, "grams": grams, "scanned_at": at}).encode()


def put(deployed: Deployment, stream: str, records: Sequence[bytes], keys: Sequence[str] = ()) -> list[Placed]:
    """Put records on a stream, 500 in a call, and return their places; all under one key unless there are ``keys``."""
    placed = []
    for start in range(0, len(records), _CALL):
        entries = [
            {"Data": data, "PartitionKey": keys[start + at] if keys else "one"}
            for at, data in enumerate(records[start : start + _CALL])
        ]
        answer = deployed.client("kinesis").put_records(StreamName=stream, Records=entries)
        assert answer["FailedRecordCount"] == 0, answer
        placed += [Placed(record["ShardId"], record["SequenceNumber"]) for record in answer["Records"]]
    return placed


def counted(deployed: Deployment, dataset: str) -> Counter[str]:
    """Return what the ledger says of all shards of a dataset: ``accepted``, ``quarantined`` and each reason."""
    found: Counter[str] = Counter()
    for counts in Ledger(deployed.outputs["LedgerTableName"]).shards(dataset):
        found.update(accepted=counts.accepted, quarantined=counts.quarantined, **counts.reasons)
    return found


def records_in(deployed: Deployment, dataset: str) -> int:
    """Return how many records of a dataset are in a table, as the ledger counts them."""
    counts = counted(deployed, dataset)
    return counts["accepted"] + counts["quarantined"]


def staged(deployed: Deployment, dataset: str) -> int:
    """Return how many units are staged for a dataset; what a killed ingestor left without a manifest is none."""
    bucket, prefix = split(staging_prefix(cli.Deployment(deployed.outputs).settings.lake, dataset))
    answer = deployed.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return sum(item["Key"].endswith(".json") for item in answer.get("Contents", []))


@contextmanager
def arriving(deployed: Deployment, dataset: str, seconds: float = 90.0) -> Iterator[Callable[[int], None]]:
    """Yield what is called with the number of records put inside; at the end they are waited for.

    They are in when the ledger counts them, nothing is staged, and no committer is to be woken.
    """
    before, expected = records_in(deployed, dataset), Counter[str]()

    def more(count: int) -> None:
        expected["records"] += count

    yield more
    wanted = before + expected["records"]
    until(
        lambda: (
            records_in(deployed, dataset) >= wanted and not deployed.depth("Commit") and not staged(deployed, dataset)
        ),
        f"{wanted} records of {dataset} are in, of which {before} were before",
        seconds,
    )


def bring(deployed: Deployment, dataset: str, records: Sequence[bytes], keys: Sequence[str] = ()) -> list[Placed]:
    """Put records on a dataset's stream and wait until they are in its tables; return their places."""
    with arriving(deployed, dataset) as more:
        placed = put(deployed, dataset, records, keys)
        more(len(placed))
    return placed


def tables(deployed: Deployment, dataset: str) -> dict[str, list[dict[str, Any]]]:
    """Return both tables of a dataset, in the order of the log."""
    names = (f"bronze.{dataset}", f"quarantine.{dataset}")
    found = {name: deployed.table(name).scan().to_arrow().to_pylist() for name in names}
    for rows in found.values():
        rows.sort(key=lambda row: (int(row["_sequence"]), row["_position"], row["_source"]))
    return found


def content(found: dict[str, list[dict[str, Any]]], placed: Iterable[Placed]) -> dict[str, list[dict[str, Any]]]:
    """Return what both tables hold of the records at these places, without what differs between runs by nature."""
    wanted = set(placed)
    return {
        name.partition(".")[0]: [
            {key: value for key, value in row.items() if key not in _OF_THE_RUN}
            for row in rows
            if Placed(row["_source"].rpartition("/")[2], row["_sequence"]) in wanted
        ]
        for name, rows in found.items()
    }


def mapping(deployed: Deployment, stream: str) -> dict[str, Any]:
    """Return the event source mapping that reads a stream."""
    function = deployed.outputs["IngestStreamFunctionName"]
    pages = deployed.client("lambda").get_paginator("list_event_source_mappings").paginate(FunctionName=function)
    (found,) = [m for page in pages for m in page["EventSourceMappings"] if m["EventSourceArn"].endswith(f"/{stream}")]
    return dict(found)


@contextmanager
def read_with(deployed: Deployment, stream: str, **settings: Any) -> Iterator[None]:
    """Have Lambda read a stream with other settings, and with its own again at the end."""
    before = mapping(deployed, stream)
    before["Enabled"] = before["State"] in ("Enabled", "Enabling")
    update = deployed.client("lambda").update_event_source_mapping
    update(UUID=before["UUID"], **settings)
    try:
        yield
    finally:
        update(UUID=before["UUID"], **{name: before[name] for name in settings})


def batch_of(deployed: Deployment, stream: str, placed: Sequence[Placed]) -> list[dict[str, Any]]:
    """Return the records at these places as Lambda hands them to a function."""
    described = deployed.client("kinesis").describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    with ThreadPoolExecutor(4) as pool:
        read = pool.map(lambda shard: _read(deployed, stream, shard), sorted({place.shard for place in placed}))
    found = {Placed(shard, record["SequenceNumber"]): record for shard, records in read for record in records}
    return [_event(described["StreamARN"], place, found[place]) for place in placed]


def _read(deployed: Deployment, stream: str, shard: str) -> tuple[str, list[dict[str, Any]]]:
    kinesis = deployed.client("kinesis")
    at = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records: list[dict[str, Any]] = []
    while at:
        answer = kinesis.get_records(ShardIterator=at, Limit=10_000)
        records += answer["Records"]
        at = answer.get("NextShardIterator") if answer["MillisBehindLatest"] or answer["Records"] else None
    return shard, records


def _event(stream_arn: str, place: Placed, record: dict[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": place.sequence,
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": round(record["ApproximateArrivalTimestamp"].timestamp(), 3),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{place.shard}:{place.sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": "us-east-1",
        "eventSourceARN": stream_arn,
    }
