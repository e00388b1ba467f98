"""Who waits for a stream waits for every lane of its shards."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest
from moto import mock_aws
from pyiceberg.catalog import Catalog

from sluice import storage
from sluice.cli import deployment
from sluice.cli.deployment import Deployment
from sluice.cli.shard_batches import ShardBatches, ShardState, readings
from sluice.cli.streams import StreamsStatus, read_streams
from sluice.ledger import Ledger
from tests.sluice.ingestion.test_stream import ARN, Stream, click

pytestmark = pytest.mark.slow

STREAM, SHARD = "things", "shardId-000000000000"
SETTINGS = {"BatchSize": 100, "MaximumRetryAttempts": 2, "MaximumRecordAgeInSeconds": 3600}
#: Three tries that end at the function's timeout.
LONGEST = 3 * 60.0


class Deployed:
    """A stream, its ingestor and its ledger in a mocked AWS, and its tables on this machine's disk."""

    outputs: ClassVar = {
        "LandingBucketName": "landing", "LakeBucketName": "lake", "LedgerTableName": "ledger", "CommitQueueUrl": "",
        "IngestStreamFunctionName": "ingest",
    }  # fmt: skip

    def __init__(self, local: Stream) -> None:
        self.local = local
        boto3.client("s3").create_bucket(Bucket="lake")
        boto3.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
        boto3.client("dynamodb").create_table(
            TableName="ledger",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "dataset", "KeyType": "HASH"}, {"AttributeName": "entry", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "dataset", "AttributeType": "S"},
                {"AttributeName": "entry", "AttributeType": "S"},
            ],
        )

    def read_by(self, batches: int, **settings: Any) -> None:
        """Have the ingestor read the stream, but not by itself."""
        self.mapping = {"EventSourceArn": ARN, "ParallelizationFactor": batches, **SETTINGS, **settings}

    def client(self, service: str) -> Any:
        """Return a client; Lambda, which the local AWS may have replaced in this process, is this object itself."""
        return self if service == "lambda" else boto3.client(service)

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        return {"Timeout": 60}

    def get_paginator(self, name: str) -> Deployed:
        assert name == "list_event_source_mappings"
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        yield {"EventSourceMappings": [self.mapping]}

    def put(self, *records: bytes) -> list[dict[str, Any]]:
        """Put records on the stream; return them as Lambda hands them over."""
        entries = [{"Data": data, "PartitionKey": "k"} for data in records]
        placed = boto3.client("kinesis").put_records(StreamName=STREAM, Records=entries)["Records"]
        return [
            {
                "kinesis": {
                    "sequenceNumber": place["SequenceNumber"],
                    "data": base64.b64encode(data).decode(),
                    "approximateArrivalTimestamp": time.time(),
                },
                "eventID": f"{SHARD}:{place['SequenceNumber']}",
                "eventSourceARN": ARN,
            }
            for data, place in zip(records, placed, strict=True)
        ]

    def commit(self, records: list[dict[str, Any]]) -> None:
        """Do with the records of one lane what the functions do, the ledger's counts among it."""
        self.local.batch(*records)
        self.local.commit()
        Ledger("ledger").record_shards("things", self.local.shards.values())

    def batches(self, **how: Any) -> ShardBatches:
        return ShardBatches(
            lambda dataset: tuple(self.local.lake.table(name, dataset) for name in ("bronze", "quarantine")), **how
        )

    def read_state(self, batches: ShardBatches | None) -> StreamsStatus:
        return read_streams(Deployment(self.outputs), batches)


@pytest.fixture
def deployed(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        deployment.client.cache_clear()
        storage.client.cache_clear()
        made = Deployed(Stream(catalog, tmp_path))
        monkeypatch.setattr("sluice.cli.shard_batches.client", made.client)
        yield made
        deployment.client.cache_clear()
        storage.client.cache_clear()


def test_records_that_another_lane_still_has_are_waited_for(deployed: Deployed) -> None:
    deployed.read_by(2)
    records = deployed.put(click(0), click(1), b"{broken", click(3), click(4), b"[]")
    deployed.commit(records[1::2])  # the faster lane, whose last record is the furthest of the shard
    batches = deployed.batches()

    assert not deployed.read_state(batches).accounted
    assert deployed.read_state(batches).on_their_way == [f"3 records of {STREAM}/{SHARD}"]

    deployed.commit(records[:3:2])
    assert deployed.read_state(batches).on_their_way == [f"1 record of {STREAM}/{SHARD}"]
    deployed.commit(records[4:5])
    assert deployed.read_state(batches).accounted


def test_records_after_the_furthest_one_are_behind_whatever_the_lanes(deployed: Deployed) -> None:
    deployed.read_by(2)
    first, second = deployed.put(click(0), click(1))
    batches = deployed.batches()
    deployed.commit([first])
    (shard,) = deployed.read_state(batches).shards
    assert (shard.behind, shard.in_flight) == (True, 0)
    deployed.commit([second])
    assert deployed.read_state(batches).accounted


def test_a_shard_that_one_lane_reads_is_not_read_a_second_time(deployed: Deployed) -> None:
    deployed.read_by(1)
    deployed.commit(deployed.put(click(0), click(1))[1:])
    assert deployed.read_state(deployed.batches()).accounted


def test_what_cannot_be_read_in_one_look_is_behind_until_the_next(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sluice.cli.shard_batches._READS", 2)
    monkeypatch.setattr("sluice.cli.shard_batches._RECORDS", 1)
    deployed.read_by(2)
    records = []
    for number in range(4):
        records += deployed.put(click(number))
        time.sleep(0.005)  # the stream counts what follows in milliseconds
    deployed.commit(records)
    batches = deployed.batches(sleep=lambda _: None)
    looks = [deployed.read_state(batches) for _ in range(2)]
    assert [read_state.accounted for read_state in looks] == [False, True]
    assert "s behind" in looks[0].on_their_way[0]


def test_reading_begins_as_long_before_the_wait_as_a_batch_can_be_in_flight(deployed: Deployed) -> None:
    deployed.read_by(2)
    (reading,) = readings("ingest")
    assert (reading.stream, reading.parallelization_factor, reading.longest) == (STREAM, 2, LONGEST)
    deployed.put(click(0))
    now = time.time()

    def missing(seconds: float, behind: float = 0.0) -> int:
        batches = deployed.batches(clock=lambda: now + seconds)
        if behind:
            assert batches.read_state(reading, SHARD, "things", behind=behind) == ShardState()
        return batches.read_state(reading, SHARD, "things", behind=None).missing

    assert missing(LONGEST - 5) == 1
    assert missing(LONGEST + 5) == 0
    assert missing(LONGEST + 5, behind=20) == 1


@pytest.mark.parametrize(
    ("settings", "longest"),
    [
        ({"BisectBatchOnFunctionError": True}, (3 + 7) * 60),
        ({"MaximumRecordAgeInSeconds": 60}, 60 + 60),
        ({"MaximumBatchingWindowInSeconds": 30}, LONGEST + 30),
        ({"MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": -1}, math.inf),
    ],
)
def test_how_long_a_batch_can_be_in_flight(deployed: Deployed, settings: dict[str, Any], longest: float) -> None:
    deployed.read_by(2, **settings)
    assert [reading.longest for reading in readings("ingest")] == [longest]
