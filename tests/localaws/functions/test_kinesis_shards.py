"""How a Kinesis mapping reads shards: lanes, shards that are split and merged, their children."""

# ruff: noqa: F811  `ctx`, `source`, `consume` are fixtures

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from localaws.context import Context
from localaws.functions import kinesis_batches, kinesis_poller
from tests.localaws.functions.streaming import FIRST, Consume, Source, consume, numbers, source, text  # noqa: F401
from tests.localaws.running import ctx, function, messages, queue, role, until  # noqa: F401

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


@pytest.mark.slow
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
