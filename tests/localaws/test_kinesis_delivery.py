"""Kinesis event source mappings: where reading starts, batches, lanes, shards and their children, changes."""

# ruff: noqa: F811  `ctx`, `source`, `consume` are fixtures

import datetime
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws import kinesis_batches, kinesis_poller
from localaws.context import Context
from tests.localaws.running import ctx, function, messages, queue, role, until  # noqa: F401
from tests.localaws.streaming import Consume, Source, consume, source, text  # noqa: F401

FIRST = "shardId-000000000000"


def numbers(count: int, start: int = 0) -> list[str]:
    return [str(n) for n in range(start, start + count)]


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


# ---- lanes


class Crowd:
    """A handler whose invocations wait until as many are there at once as wanted."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.now, self.most = wanted, 0, 0
        self.keys: list[set[str]] = []
        self.clashes = 0
        self._changed = threading.Condition()

    def __call__(self, records: list[dict[str, Any]]) -> None:
        mine = {record["kinesis"]["partitionKey"] for record in records}
        with self._changed:
            self.clashes += any(mine & other for other in self.keys)
            self.keys.append(mine)
            self.now += 1
            self.most = max(self.most, self.now)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self.wanted, 5)
            self.now -= 1
            self.keys.remove(mine)


def test_lanes_run_at_once_and_keep_each_keys_order(source: Source, consume: Consume) -> None:
    crowd = Crowd(3)
    for n in range(10):
        for key in "abcdef":
            source.put(f"{key}{n}", key=key)
    consumer = consume(crowd)
    consumer.map(source.arn, BatchSize=3, ParallelizationFactor=4)
    consumer.saw(60)
    assert crowd.most >= 3
    assert crowd.clashes == 0
    for key in "abcdef":
        assert [each for each in consumer.seen if each[0] == key] == [f"{key}{n}" for n in range(10)]


def test_one_lane_has_one_invocation_at_a_time(source: Source, consume: Consume) -> None:
    crowd = Crowd(1)
    source.put(*numbers(20))
    consumer = consume(crowd)
    consumer.map(source.arn, BatchSize=1, ParallelizationFactor=10)
    consumer.saw(20)
    assert crowd.most == 1


def test_another_number_of_lanes_takes_over_without_losing_or_repeating(source: Source, consume: Consume) -> None:
    crowd = Crowd(1)
    consumer = consume(crowd)
    mapping = consumer.map(source.arn, BatchSize=2)
    for key in "abcdefgh":
        source.put(*[f"{key}{n}" for n in range(10)], key=key)
    consumer.update(mapping, ParallelizationFactor=5)
    for key in "abcdefgh":
        source.put(*[f"{key}{n}" for n in range(10, 20)], key=key)
    consumer.saw(160)
    crowd.wanted, crowd.most = 2, 0
    for key in "abcdefgh":
        source.put(f"{key}20", key=key)
    consumer.saw(168)
    assert crowd.most >= 2
    assert crowd.clashes == 0
    for key in "abcdefgh":
        assert [each for each in consumer.seen if each[0] == key] == [f"{key}{n}" for n in range(21)]


def test_lanes_change_in_the_middle_of_a_read(
    source: Source, consume: Consume, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = kinesis_poller.Lane._is_mine
    looked: list[str] = []

    def change_at_the_fifth(self: Any, record: Any) -> bool:
        looked.append(record.data)
        if len(looked) == 5:
            self._poller.mapping.parallelization_factor = 2
            with self._poller.stream.lock:
                self._reader.follow()
        return mine(self, record)

    source.put(*numbers(20))
    consumer = consume()
    monkeypatch.setattr(kinesis_poller.Lane, "_is_mine", change_at_the_fifth)
    consumer.map(source.arn)
    source.put("last")
    until(lambda: "last" in consumer.seen)
    assert consumer.seen == [*numbers(20), "last"]


# ---- shards


def test_a_failing_shard_holds_up_itself_only(ctx: Context, stack_name: str, consume: Consume) -> None:
    source = Source(ctx, stack_name, shards=2)

    def handler(records: list[dict[str, Any]]) -> None:
        if text(records[0]) == "bad":
            raise ValueError("bad")

    consumer = consume(handler)
    consumer.map(source.arn, BatchSize=1)
    source.put_into(0, "bad", "behind")
    until(lambda: consumer.seen.count("bad") > 1)
    source.put_into(1, "other", "another")
    until(lambda: {"other", "another"} <= set(consumer.seen))
    assert "behind" not in consumer.seen


def test_children_are_read_when_their_parent_is_drained(source: Source, consume: Consume) -> None:
    hold = threading.Event()

    def handler(records: list[dict[str, Any]]) -> None:
        if text(records[0]) == "a0":
            hold.wait(10)

    consumer = consume(handler)
    consumer.map(source.arn, BatchSize=1, ParallelizationFactor=3)
    source.put(*numbers(3), key="a")
    for key in "abcd":
        source.put(*[f"{key}{n}" for n in range(2)], key=key)
    source.kinesis.split_shard(StreamName=source.name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    children = [source.put(f"child{n}", ExplicitHashKey=str(n * 2**127))[0]["ShardId"] for n in range(2)]
    assert FIRST not in children
    until(lambda: consumer.seen.count("a0") == 1)
    time.sleep(0.1)
    assert not {"child0", "child1"} & set(consumer.seen)
    hold.set()
    consumer.saw(13)
    assert set(consumer.seen[-2:]) == {"child0", "child1"}
    assert len(consumer.seen) == 13


def test_a_child_of_two_waits_for_both(ctx: Context, stack_name: str, consume: Consume) -> None:
    source = Source(ctx, stack_name, shards=2)
    hold = threading.Event()

    def handler(records: list[dict[str, Any]]) -> None:
        if text(records[0]) == "slow":
            hold.wait(10)

    consumer = consume(handler)
    consumer.map(source.arn)
    source.put_into(0, "slow")
    source.put_into(1, "quick")
    source.kinesis.merge_shards(StreamName=source.name, ShardToMerge=FIRST, AdjacentShardToMerge="shardId-000000000001")
    source.put("child")
    consumer.saw(2)
    time.sleep(0.1)
    assert "child" not in consumer.seen
    hold.set()
    assert consumer.saw(3)[-1] == ["child"]


def test_nothing_is_lost_repeated_or_out_of_order_while_everything_changes(
    source: Source, consume: Consume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinesis_batches, "FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(kinesis_batches, "LAST_RETRY_SECONDS", 0.01)
    done: dict[str, list[str]] = {}
    chance = random.Random(7)

    def handler(records: list[dict[str, Any]]) -> None:
        if chance.random() < 0.2:
            raise ValueError("now and then")
        for record in records:
            done.setdefault(record["kinesis"]["partitionKey"], []).append(text(record))

    consumer = consume(handler)
    mapping = consumer.map(source.arn, BatchSize=7, BisectBatchOnFunctionError=True)

    def produce(key: str) -> None:
        for start in range(0, 200, 10):
            source.put(*numbers(10, start), key=key)

    keys = "abcdefgh"
    with ThreadPoolExecutor(4) as pool:
        producing = [pool.submit(produce, key) for key in keys]
        for shards, lanes in ((2, 3), (4, 10), (2, 1), (3, 4)):
            time.sleep(0.05)
            source.kinesis.update_shard_count(
                StreamName=source.name, TargetShardCount=shards, ScalingType="UNIFORM_SCALING"
            )
            consumer.update(mapping, ParallelizationFactor=lanes)
        for each in producing:
            each.result()
    until(lambda: sum(map(len, done.values())) >= 200 * len(keys), 15)
    assert done == {key: numbers(200) for key in keys}


def test_a_window_does_not_outlive_its_shard(source: Source, consume: Consume) -> None:
    consumer = consume()
    consumer.map(source.arn, MaximumBatchingWindowInSeconds=300)
    source.put("a")
    source.kinesis.split_shard(StreamName=source.name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    assert consumer.saw(1) == [["a"]]


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


# ---- a real function


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
