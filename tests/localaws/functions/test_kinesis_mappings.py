"""Kinesis event source mappings themselves: what changes when they do, and what is refused."""

# ruff: noqa: F811  `ctx`, `source`, `consume` are fixtures

import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.context import Context
from tests.localaws.functions.streaming import FIRST, Consume, Source, consume, numbers, source, text  # noqa: F401
from tests.localaws.running import ctx, function, messages, queue, role, until  # noqa: F401

# ---- changes


def test_a_disabled_mapping_stops_and_resumes_where_it_was(source: Source, consume: Consume) -> None:
    consumer = consume()
    mapping = consumer.map(source.arn)
    source.put("a")
    consumer.saw(1)
    consumer.update(mapping, Enabled=False)
    source.put("b", "c")
    time.sleep(0.2)
    assert consumer.seen == ["a"]
    consumer.update(mapping, Enabled=True)
    consumer.saw(3)
    assert consumer.seen == ["a", "b", "c"]


def test_a_disabled_mapping_does_not_go_on_retrying(source: Source, consume: Consume) -> None:
    def handler(records: list[dict[str, Any]]) -> None:
        raise ValueError("always")

    consumer = consume(handler)
    mapping = consumer.map(source.arn)
    source.put("a")
    consumer.saw(2)
    consumer.update(mapping, Enabled=False)
    time.sleep(0.1)
    tried = len(consumer.batches)
    time.sleep(0.5)
    assert len(consumer.batches) == tried


def test_a_mapping_made_disabled_takes_latest_when_it_is_enabled(source: Source, consume: Consume) -> None:
    consumer = consume()
    mapping = consumer.map(source.arn, StartingPosition="LATEST", Enabled=False)
    source.put("before")
    consumer.update(mapping, Enabled=True)
    source.put("after")
    assert consumer.saw(1) == [["after"]]


def test_a_changed_batch_size_takes_effect(source: Source, consume: Consume) -> None:
    consumer = consume()
    mapping = consumer.map(source.arn, BatchSize=1)
    source.put("a", "b")
    consumer.saw(2)
    consumer.update(mapping, BatchSize=5)
    source.put(*numbers(5))
    assert list(map(len, consumer.saw(7))) == [1, 1, 5]


@pytest.mark.parametrize("by", ["name", "arn"])
def test_an_alias_is_followed_when_it_moves(ctx: Context, source: Source, consume: Consume, by: str) -> None:
    client, consumer = ctx.client("lambda"), consume()
    first, second = (
        client.publish_version(FunctionName=consumer.name, Description=each)["Version"] for each in ("one", "two")
    )
    alias = client.create_alias(FunctionName=consumer.name, Name="live", FunctionVersion=first)["AliasArn"]
    made = client.create_event_source_mapping(
        FunctionName=f"{consumer.name}:live" if by == "name" else alias,
        EventSourceArn=source.arn,
        StartingPosition="TRIM_HORIZON",
    )
    assert made["FunctionArn"] == alias
    source.put("a")
    consumer.saw(1)
    client.update_alias(FunctionName=consumer.name, Name="live", FunctionVersion=second)
    source.put("b")
    consumer.saw(2)
    assert consumer.runtime.versions == [first, second]
    client.delete_event_source_mapping(UUID=made["UUID"])


def test_a_deleted_mapping_reads_no_more(ctx: Context, source: Source, consume: Consume) -> None:
    consumer = consume()
    mapping = consumer.map(source.arn)
    source.put("a")
    consumer.saw(1)
    ctx.client("lambda").delete_event_source_mapping(UUID=mapping)
    source.put("b")
    until(lambda: not [t for t in threading.enumerate() if t.name == f"kinesis {source.name}"])
    time.sleep(0.1)
    assert consumer.seen == ["a"]


def test_a_mapping_shows_its_settings(ctx: Context, source: Source, consume: Consume) -> None:
    mapping = consume().map(source.arn, BatchSize=7)
    found = ctx.client("lambda").get_event_source_mapping(UUID=mapping)
    shown = ("BatchSize", "ParallelizationFactor", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds",
             "BisectBatchOnFunctionError", "MaximumBatchingWindowInSeconds", "StartingPosition", "State")  # fmt: skip
    assert [found[name] for name in shown] == [7, 1, -1, -1, False, 0, "TRIM_HORIZON", "Enabled"]


# ---- refused


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"StartingPosition": None}, "startingPosition"),
        ({"StartingPosition": "AT_TIMESTAMP"}, "StartingPositionTimestamp"),
        ({"StartingPositionTimestamp": 1.0}, "StartingPositionTimestamp"),
        ({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 4e9}, "future"),
        ({"BatchSize": 10_001}, "(?i)batchSize"),
        ({"MaximumBatchingWindowInSeconds": 301}, "(?i)maximumBatchingWindowInSeconds"),
        ({"ParallelizationFactor": 11}, "(?i)parallelizationFactor"),
        ({"MaximumRetryAttempts": 10_001}, "(?i)maximumRetryAttempts"),
        ({"MaximumRecordAgeInSeconds": 59}, "(?i)maximumRecordAgeInSeconds"),
        ({"TumblingWindowInSeconds": 10}, "TumblingWindowInSeconds"),
        ({"ScalingConfig": {"MaximumConcurrency": 2}}, "ScalingConfig"),
        ({"KMSKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k"}, "KMSKeyArn"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "no JSON"}]}}, "filter"),
        ({"FilterCriteria": {"Filters": [{"Pattern": '{"kinesis": {"data": ["x"]}}'}]}}, "kinesis"),
        ({"DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:sqs:us-east-1:123456789012:q"}}}, "OnSuccess"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:q.fifo"}}}, "fifo"),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:lambda:us-east-1:123456789012:function:f"}}},
            "OnFailure",
        ),
    ],
)  # fmt: skip
def test_what_is_not_honoured_is_refused_by_name(
    ctx: Context, source: Source, consume: Consume, settings: dict[str, Any], named: str
) -> None:
    given = {"FunctionName": consume().name, "EventSourceArn": source.arn, "StartingPosition": "LATEST", **settings}
    given = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(Exception, match=named):
        ctx.client("lambda").create_event_source_mapping(**given)


def test_an_update_is_checked_too(ctx: Context, source: Source, consume: Consume) -> None:
    consumer = consume()
    mapping = consumer.map(source.arn)
    with pytest.raises(ClientError, match="TumblingWindowInSeconds"):
        consumer.update(mapping, TumblingWindowInSeconds=10)
    with pytest.raises(ClientError, match="parallelizationFactor"):
        consumer.update(mapping, ParallelizationFactor=11)


def test_consumers_unknown_streams_and_second_mappings_are_refused(
    ctx: Context, source: Source, consume: Consume
) -> None:
    consumer = consume()
    with pytest.raises(ClientError, match="enhanced fan-out"):
        consumer.map(f"{source.arn}/consumer/c:1")
    with pytest.raises(ClientError, match="Stream not found"):
        consumer.map(f"{source.arn}-missing")
    consumer.map(source.arn)
    with pytest.raises(ClientError, match=r"ResourceConflictException.*already exists"):
        consumer.map(source.arn)


@pytest.mark.parametrize(
    "missing", ["DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"]
)
def test_a_role_that_may_not_read_is_refused(ctx: Context, source: Source, consume: Consume, missing: str) -> None:
    reads = {"DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"}
    allowed = [f"kinesis:{action}" for action in sorted(reads - {missing})]
    may = role(ctx, f"{source.name}-role", {"Action": allowed, "Resource": source.arn})
    with pytest.raises(ClientError, match=f"Cannot access stream {source.arn}. Please ensure the role can perform"):
        consume(Role=may).map(source.arn)


def test_an_encrypted_stream_needs_its_key(ctx: Context, source: Source, consume: Consume) -> None:
    key = ctx.client("kms").create_key()["KeyMetadata"]
    alias = f"alias/{source.name}"
    ctx.client("kms").create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    source.kinesis.start_stream_encryption(StreamName=source.name, EncryptionType="KMS", KeyId=alias)
    read = {"Action": "kinesis:*", "Resource": source.arn}
    consumer = consume(Role=role(ctx, f"{source.name}-role", read))
    with pytest.raises(ClientError, match="kms:Decrypt"):
        consumer.map(source.arn)
    role(ctx, f"{source.name}-role", read, {"Action": "kms:Decrypt", "Resource": key["Arn"]})
    consumer.map(source.arn)
