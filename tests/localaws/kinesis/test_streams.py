"""The Kinesis API: order, sequence numbers, resharding, iterators, limits, throttling."""

# ruff: noqa: F811  `ctx`, `source` are fixtures

import datetime
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localaws.context import Context
from localaws.gateway import faults
from localaws.gateway.faults import Throttle
from tests.localaws.functions.streaming import FIRST, Source, source  # noqa: F401
from tests.localaws.running import ctx, role  # noqa: F401


def numbers(source: Source, shard: str) -> list[int]:
    found = source.kinesis.get_records(ShardIterator=source.iterator(shard))["Records"]
    return [int(record["SequenceNumber"]) for record in found]


def test_concurrent_puts_lose_nothing_and_lie_in_the_order_of_their_numbers(ctx: Context, stack_name: str) -> None:
    source = Source(ctx, stack_name, shards=2)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: source.put(*[f"{n}-{m}" for m in range(20)], key=f"key{n}"), range(40)))
    shards = [numbers(source, f"shardId-{n:012}") for n in range(2)]
    assert sum(map(len, shards)) == 800
    assert all(found == sorted(set(found)) for found in shards)
    assert not set(shards[0]) & set(shards[1])
    read = source.read(FIRST) + source.read("shardId-000000000001")
    of_one = [each for each in read if each.startswith("7-")]
    assert of_one == [f"7-{m}" for m in range(20)]


def test_the_answers_name_the_record_that_was_put(source: Source) -> None:
    (put,) = source.put("a")
    (record,) = source.kinesis.get_records(ShardIterator=source.iterator())["Records"]
    assert (put["SequenceNumber"], put["ShardId"]) == (record["SequenceNumber"], FIRST)
    assert len(put["SequenceNumber"]) == 56


def test_an_explicit_hash_key_chooses_the_shard_up_to_the_last_key(ctx: Context, stack_name: str) -> None:
    source = Source(ctx, stack_name, shards=2)
    edges = [0, 2**127 - 1, 2**127, 2**128 - 1]
    shards = [source.put("x", ExplicitHashKey=str(edge))[0]["ShardId"][-1] for edge in edges]
    assert shards == ["0", "0", "1", "1"]
    with pytest.raises(ClientError, match="ExplicitHashKey"):
        source.put("x", ExplicitHashKey=str(2**128))


def test_a_split_closes_the_parent_where_its_records_stay(source: Source) -> None:
    before = source.put("a", "b")
    source.kinesis.split_shard(StreamName=source.name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    assert source.read(FIRST) == ["a", "b"]
    after = [source.put("c", ExplicitHashKey=key)[0] for key in ("0", str(2**127))]
    assert [each["ShardId"][-1] for each in after] == ["1", "2"]
    parent, *children = source.kinesis.list_shards(StreamName=source.name)["Shards"]
    end = int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
    assert int(before[-1]["SequenceNumber"]) < end < int(after[0]["SequenceNumber"])
    assert [child["ParentShardId"] for child in children] == [FIRST, FIRST]
    assert all("EndingSequenceNumber" not in child["SequenceNumberRange"] for child in children)
    with pytest.raises(ClientError, match="already been merged or split"):
        source.kinesis.split_shard(StreamName=source.name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_merge_closes_both_parents(ctx: Context, stack_name: str, order: tuple[int, int]) -> None:
    source = Source(ctx, stack_name, shards=3)
    source.put_into(0, "a")
    source.put_into(1, "b")
    one, other = (f"shardId-{n:012}" for n in order)
    source.kinesis.merge_shards(StreamName=source.name, ShardToMerge=one, AdjacentShardToMerge=other)
    assert [source.read(f"shardId-{n:012}") for n in range(4)] == [["a"], ["b"], [], []]
    assert source.put("c", ExplicitHashKey="0")[0]["ShardId"][-1] == "3"
    child = source.kinesis.list_shards(StreamName=source.name)["Shards"][3]
    assert (child["ParentShardId"], child["AdjacentParentShardId"]) == (one, other)
    assert child["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(2**128 // 3 * 2 - 1)}


def test_shards_that_are_not_adjacent_are_not_merged(ctx: Context, stack_name: str) -> None:
    source = Source(ctx, stack_name, shards=3)
    with pytest.raises(ClientError, match="adjacent"):
        source.kinesis.merge_shards(
            StreamName=source.name, ShardToMerge=FIRST, AdjacentShardToMerge="shardId-000000000002"
        )


@pytest.mark.parametrize(("start", "target"), [(1, 2), (2, 3), (4, 2), (4, 6)])
def test_the_shard_count_is_updated(ctx: Context, stack_name: str, start: int, target: int) -> None:
    source = Source(ctx, stack_name, shards=start)
    source.put("kept")
    source.kinesis.update_shard_count(StreamName=source.name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
    summary = source.kinesis.describe_stream_summary(StreamName=source.name)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == target
    shards = source.kinesis.list_shards(StreamName=source.name)["Shards"]
    ranges = sorted(
        (int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]))
        for shard in shards
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    )
    assert (ranges[0][0], ranges[-1][1]) == (0, 2**128 - 1)
    assert all(one[1] + 1 == other[0] for one, other in itertools.pairwise(ranges))
    assert [data for shard in shards for data in source.read(shard["ShardId"])] == ["kept"]


@pytest.mark.parametrize(("start", "target", "limit"), [(1, 3, "double"), (4, 1, "half")])
def test_a_count_is_not_more_than_doubled_or_halved(
    ctx: Context, stack_name: str, start: int, target: int, limit: str
) -> None:
    source = Source(ctx, stack_name, shards=start)
    with pytest.raises(ClientError, match=limit):
        source.kinesis.update_shard_count(
            StreamName=source.name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )


def test_iterators_start_where_they_say(source: Source) -> None:
    _, second, _ = source.put("a", "b", "c")
    number = second["SequenceNumber"]
    assert source.read(kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=number) == ["b", "c"]
    assert source.read(kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=number) == ["c"]
    assert source.read(kind="LATEST") == []
    moment = source.moto.shards[FIRST].log[1].created_at
    source.moto.shards[FIRST].log[0].created_at -= 10
    when = datetime.datetime.fromtimestamp(moment - 5, datetime.UTC)
    assert source.read(kind="AT_TIMESTAMP", Timestamp=when) == ["b", "c"]
    latest = source.iterator(kind="LATEST")
    source.put("d")
    assert source.kinesis.get_records(ShardIterator=latest)["Records"][0]["Data"] == b"d"
    with pytest.raises(ClientError, match="did not come from this stream"):
        source.read(kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber="1")


def test_a_stream_is_read_by_its_arn(source: Source) -> None:
    source.kinesis.put_record(StreamARN=source.arn, PartitionKey="k", Data=b"a")
    given = {"StreamARN": source.arn, "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = source.kinesis.get_shard_iterator(**given)["ShardIterator"]
    assert source.kinesis.get_records(ShardIterator=iterator)["Records"][0]["Data"] == b"a"


def test_get_records_pages_and_says_how_far_behind_it_is(source: Source) -> None:
    source.put("a", "b", "c")
    for record in source.moto.shards[FIRST].log:
        record.created_at -= 100
    page = source.kinesis.get_records(ShardIterator=source.iterator(), Limit=2)
    assert [record["Data"] for record in page["Records"]] == [b"a", b"b"]
    assert 100_000 <= page["MillisBehindLatest"] < 130_000
    rest = source.kinesis.get_records(ShardIterator=page["NextShardIterator"], Limit=2)
    assert ([record["Data"] for record in rest["Records"]], rest["MillisBehindLatest"]) == ([b"c"], 0)
    for limit in (0, 10_001):
        with pytest.raises(Exception, match=r"(?i)limit"):
            source.kinesis.get_records(ShardIterator=source.iterator(), Limit=limit)


@pytest.mark.slow
def test_get_records_gives_at_most_ten_megabytes(source: Source) -> None:
    for _ in range(2):
        source.put(*["x" * (2**20 - 10)] * 7)
    page = source.kinesis.get_records(ShardIterator=source.iterator())
    assert len(page["Records"]) == 10
    assert len(source.kinesis.get_records(ShardIterator=page["NextShardIterator"])["Records"]) == 4


def test_a_closed_shard_ends_with_its_children(source: Source) -> None:
    source.put("a", "b")
    source.kinesis.split_shard(StreamName=source.name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    page = source.kinesis.get_records(ShardIterator=source.iterator(), Limit=1)
    assert "ChildShards" not in page
    last = source.kinesis.get_records(ShardIterator=page["NextShardIterator"])
    assert last.get("NextShardIterator") is None
    assert [child["ShardId"][-1] for child in last["ChildShards"]] == ["1", "2"]
    assert last["ChildShards"][0]["ParentShards"] == [FIRST]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"Type": "AT_LATEST"}, "12"),
        ({"Type": "FROM_TRIM_HORIZON"}, "012"),
        ({"Type": "AT_TRIM_HORIZON"}, "0"),
        ({"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000001"}, "2"),
        ({"Type": "AT_TIMESTAMP", "Timestamp": 100}, "0"),
        ({"Type": "FROM_TIMESTAMP", "Timestamp": 300}, "12"),
    ],
)
def test_shards_are_listed_by_filter(source: Source, wanted: dict[str, Any], found: str) -> None:
    source.kinesis.split_shard(StreamName=source.name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    now = source.moto.shards[FIRST].created_at
    for shard in source.moto.shards.values():  # the parent lived from 0 to 200, the children from 200 on
        shard.created_at = now if shard.shard_id == FIRST else now + 200
    source.moto.shards[FIRST].closed_at = now + 200
    if "Timestamp" in wanted:
        wanted = {**wanted, "Timestamp": now + wanted["Timestamp"]}
    listed = source.kinesis.list_shards(StreamName=source.name, ShardFilter=wanted)["Shards"]
    assert "".join(shard["ShardId"][-1] for shard in listed) == found


def test_shards_are_listed_in_pages(ctx: Context, stack_name: str) -> None:
    source = Source(ctx, stack_name, shards=5)
    page = source.kinesis.list_shards(StreamName=source.name, MaxResults=3)
    rest = source.kinesis.list_shards(NextToken=page["NextToken"])
    assert [len(page["Shards"]), len(rest["Shards"])] == [3, 2]
    assert "NextToken" not in rest


def test_what_is_older_than_the_retention_is_gone(source: Source) -> None:
    source.put("old", "new")
    source.moto.shards[FIRST].log[0].created_at -= 25 * 3600
    assert source.read() == ["new"]


@pytest.mark.parametrize(
    ("records", "named"),
    [
        ([2**20 - 1], "1048576"),
        ([1] * 501, "500"),
        ([2**20 - 2] * 11, "10 MB"),
    ],
)
def test_what_is_too_large_is_refused(source: Source, records: list[int], named: str) -> None:
    with pytest.raises(ClientError, match=named):
        source.put(*["x" * size for size in records], key="kk")
    assert source.read() == []


def test_one_record_that_is_too_large_is_refused_alone_too(source: Source) -> None:
    source.kinesis.put_record(StreamName=source.name, PartitionKey="k", Data=b"x" * (2**20 - 1))
    with pytest.raises(ClientError, match=r"ValidationException.*1048576"):
        source.kinesis.put_record(StreamName=source.name, PartitionKey="k", Data=b"x" * 2**20)


# ---- throttling on demand


def test_some_records_of_a_request_are_throttled(source: Source) -> None:
    faults.throttle(Throttle(source.name, "PutRecords", count=2, skip=1))
    records = [{"Data": data.encode(), "PartitionKey": "k"} for data in "abcd"]
    answer = source.kinesis.put_records(StreamName=source.name, Records=records)
    assert faults.throttle(None) == 2
    assert answer["FailedRecordCount"] == 2
    codes = [each.get("ErrorCode") for each in answer["Records"]]
    assert codes == [None, "ProvisionedThroughputExceededException", "ProvisionedThroughputExceededException", None]
    assert FIRST in answer["Records"][1]["ErrorMessage"]
    assert source.read() == ["a", "d"]


def test_calls_are_throttled(source: Source) -> None:
    faults.throttle(Throttle(source.name, "PutRecord"))
    with pytest.raises(source.kinesis.exceptions.ProvisionedThroughputExceededException):
        source.kinesis.put_record(StreamName=source.name, PartitionKey="k", Data=b"a")
    source.kinesis.put_record(StreamName=source.name, PartitionKey="k", Data=b"b")
    faults.throttle(Throttle(source.name, "GetRecords"))
    with pytest.raises(source.kinesis.exceptions.ProvisionedThroughputExceededException, match="Rate exceeded"):
        source.read()
    assert source.read() == ["b"]
    assert faults.throttle(None) == 1
    with pytest.raises(ValueError, match="action"):
        Throttle(source.name, "SplitShard")


def test_a_role_reads_only_the_stream_it_may(ctx: Context, source: Source) -> None:
    source.put("a")
    may = role(ctx, f"{source.name}-reader", {"Action": "kinesis:Get*", "Resource": source.arn})
    given = ctx.client("sts").assume_role(RoleArn=may, RoleSessionName="reader")["Credentials"]
    reader = boto3.client(
        "kinesis",
        region_name="us-east-1",
        endpoint_url=ctx.endpoint,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    assert reader.get_records(ShardIterator=source.iterator())["Records"][0]["Data"] == b"a"
    with pytest.raises(ClientError, match="InvalidArgumentException"):
        source.kinesis.get_records(ShardIterator="WyJub25zZW5zZSJd")
    other = Source(ctx, f"{source.name}-other", shards=2)
    with pytest.raises(ClientError, match="not authorized"):
        reader.get_records(ShardIterator=other.iterator())
    page = other.kinesis.list_shards(StreamName=other.name, MaxResults=1)["NextToken"]
    with pytest.raises(ClientError, match=f"kinesis:ListShards on resource: {other.arn}"):
        reader.list_shards(NextToken=page)


def test_throttling_is_asked_for_over_http(ctx: Context, source: Source) -> None:
    import urllib.request

    def post(body: Any) -> Any:
        url = f"{ctx.endpoint}/_localaws/faults/throttle"
        headers = {"X-Localaws-Token": ctx.token}
        request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    assert post({"stream": source.name, "action": "GetRecords"}) == 0
    with pytest.raises(ClientError, match="Rate exceeded"):
        source.read()
    assert post(None) == 1
