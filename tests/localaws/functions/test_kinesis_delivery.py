"""What a Kinesis mapping's function is given: where reading starts, batches, filters."""

# ruff: noqa: F811  `ctx`, `source`, `consume` are fixtures

import datetime
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from localaws.context import Context
from localaws.functions import kinesis_poller
from tests.localaws.functions.streaming import FIRST, Consume, Source, consume, numbers, source, text  # noqa: F401
from tests.localaws.running import ctx, function, messages, queue, role, until  # noqa: F401


def test_a_record_arrives_as_aws_writes_it(ctx: Context, source: Source, consume: Consume) -> None:
    consumer = consume()
    consumer.map(source.arn)
    (put,) = source.put("hi", key="kéy")
    consumer.saw(1)
    ((record,),) = (json.loads(payload)["Records"] for payload in consumer.payloads)
    arrival = record["kinesis"].pop("approximateArrivalTimestamp")
    assert abs(arrival - time.time()) < 60
    assert arrival == round(arrival, 3)
    (read,) = source.kinesis.get_records(ShardIterator=source.iterator())["Records"]
    assert round(read["ApproximateArrivalTimestamp"].timestamp(), 6) == arrival  # whoever reads it is told the same
    assert record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "kéy",
            "sequenceNumber": put["SequenceNumber"],
            "data": "aGk=",
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{FIRST}:{put['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role(ctx, "everything", {"Action": "*", "Resource": "*"}),
        "awsRegion": "us-east-1",
        "eventSourceARN": source.arn,
    }


# ---- where it starts


def test_trim_horizon_begins_with_the_oldest_record(source: Source, consume: Consume) -> None:
    source.put("a", "b")
    consumer = consume()
    consumer.map(source.arn, StartingPosition="TRIM_HORIZON")
    assert consumer.saw(2) == [["a", "b"]]


def test_latest_begins_with_what_comes_after_the_mapping(source: Source, consume: Consume) -> None:
    source.put("a", "b")
    consumer = consume()
    consumer.map(source.arn, StartingPosition="LATEST")
    source.put("c")
    consumer.saw(1)
    source.kinesis.split_shard(StreamName=source.name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    source.put("d")
    consumer.saw(2)
    assert consumer.seen == ["c", "d"]


def test_a_timestamp_begins_with_what_arrived_then(source: Source, consume: Consume) -> None:
    source.put("a", "b", "c")
    log = source.moto.shards[FIRST].log
    log[0].created_at -= 100
    moment = datetime.datetime.fromtimestamp(log[0].created_at + 50, datetime.UTC)
    consumer = consume()
    consumer.map(source.arn, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)
    assert consumer.saw(2) == [["b", "c"]]


# ---- batches


def test_a_batch_holds_at_most_the_batch_size(source: Source, consume: Consume) -> None:
    source.put(*numbers(25))
    consumer = consume()
    consumer.map(source.arn, BatchSize=10)
    assert list(map(len, consumer.saw(25))) == [10, 10, 5]
    assert consumer.seen == numbers(25)


def test_a_window_gathers_until_the_batch_is_full(source: Source, consume: Consume) -> None:
    consumer = consume()
    consumer.map(source.arn, BatchSize=3, MaximumBatchingWindowInSeconds=300)
    for each in "ab":
        source.put(each)
    time.sleep(0.2)
    assert consumer.batches == []
    source.put("c")
    assert consumer.saw(3) == [["a", "b", "c"]]


def test_a_window_ends(source: Source, consume: Consume, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(kinesis_poller, "time", SimpleNamespace(monotonic=lambda: clock.now))
    consumer = consume()
    consumer.map(source.arn, BatchSize=3, MaximumBatchingWindowInSeconds=60)
    source.put("a", "b")
    clock.now = 59.0
    source.moto.wake()
    time.sleep(0.2)
    assert consumer.batches == []
    clock.now = 120.0
    source.moto.wake()
    assert consumer.saw(2) == [["a", "b"]]


def test_a_batch_stays_within_six_megabytes(source: Source, consume: Consume) -> None:
    source.put(*[str(n) * 900_000 for n in range(8)])
    consumer = consume()
    consumer.map(source.arn, BatchSize=100, MaximumBatchingWindowInSeconds=300)
    until(lambda: consumer.batches, 15)
    assert list(map(len, consumer.batches)) == [5]
    assert len(consumer.payloads[0]) <= 6 * 2**20


@pytest.mark.slow
def test_many_small_records_fill_six_megabytes_and_no_more(source: Source, consume: Consume) -> None:
    for start in range(0, 11_000, 500):
        source.put(*[each.rjust(90) for each in numbers(500, start)], key="käse")
    consumer = consume()
    consumer.map(source.arn, BatchSize=10_000)
    consumer.saw(11_000)
    assert [each.strip() for each in consumer.seen] == numbers(11_000)
    assert 6 * 2**20 - 5000 < len(consumer.payloads[0]) <= 6 * 2**20


def test_a_waiting_poller_wakes_at_once(source: Source, consume: Consume) -> None:
    consumer = consume()
    consumer.map(source.arn)
    source.put("warm up")
    consumer.saw(1)
    time.sleep(0.05)
    waits = []
    for n in range(3):
        began = time.monotonic()
        source.put(str(n))
        consumer.saw(2 + n)
        waits.append(time.monotonic() - began)
    assert min(waits) < kinesis_poller._FALLBACK_SECONDS / 4


# ---- filters


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ({"data": {"kind": ["order"]}}, ['{"kind": "order", "n": 1}', '{"kind": "order", "n": 5}']),
        ({"data": {"kind": ["order"], "n": [{"numeric": [">", 2]}]}}, ['{"kind": "order", "n": 5}']),
        ({"partitionKey": ["other"]}, ["elsewhere"]),
        ({"data": ["plain"]}, ["plain"]),
    ],
)
def test_records_that_no_filter_wants_are_dropped(
    source: Source, consume: Consume, pattern: dict[str, Any], kept: list[str]
) -> None:
    consumer = consume()
    consumer.map(source.arn, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    source.put('{"kind": "order", "n": 1}', '{"kind": "visit"}', "plain", '{"kind": "order", "n": 5}')
    source.put("elsewhere", key="other")
    consumer.saw(len(kept))
    assert consumer.seen == kept


def test_the_position_moves_past_what_was_dropped(source: Source, consume: Consume) -> None:
    consumer = consume()
    mapping = consumer.map(source.arn, FilterCriteria={"Filters": [{"Pattern": '{"partitionKey": ["wanted"]}'}]})
    source.put("dropped")
    source.put("first", key="wanted")
    consumer.saw(1)
    consumer.update(mapping, FilterCriteria={"Filters": []})
    source.put("second")
    consumer.saw(2)
    assert consumer.seen == ["first", "second"]


# ---- a real function


@pytest.mark.slow
def test_a_real_function_gets_the_batch(ctx: Context, source: Source) -> None:
    seen_url, _ = queue(ctx, f"{source.name}-seen")
    code = (
        "import boto3, json\n"
        "def handler(event, context):\n"
        f"  boto3.client('sqs').send_message(QueueUrl='{seen_url}', MessageBody=json.dumps(event))\n"
    )
    function(ctx, f"{source.name}-real", code)
    source.put("a", "b")
    ctx.client("lambda").create_event_source_mapping(
        FunctionName=f"{source.name}-real", EventSourceArn=source.arn, StartingPosition="TRIM_HORIZON"
    )
    (message,) = until(lambda: messages(ctx, seen_url))
    assert [text(record) for record in json.loads(message["Body"])["Records"]] == ["a", "b"]
