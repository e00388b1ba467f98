"""Kinesis streams as on AWS: moto's streams made safe for many threads, fast to read, and correct when resharded.

moto's own streams give two shards the same sequence numbers, move records to the children of a split or merge, go on
writing to closed shards, and read every stored record on each read.
"""

from __future__ import annotations

import base64
import bisect
import itertools
import threading
import time
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kinesis import models
from moto.kinesis.exceptions import InvalidArgumentError, RecordSizeExceedsLimit, TooManyRecords
from moto.utilities.utils import md5_hash

from localaws.context import Context
from localaws.events import targets
from localaws.gateway import faults
from localaws.moto_patches import original, replace

MAX_RECORD_BYTES = 2**20
_MAX_REQUEST_BYTES = 10 * 2**20
_MAX_RECORDS = 500
_HASH_KEYS = 2**128
_THROTTLED = "ProvisionedThroughputExceededException"
#: Sequence numbers are as long as AWS's, so they sort as text too; one counter, so no two records share a number.
_sequence = itertools.count(49 * 10**54)
_number = attrgetter("sequence_number")
_arrival = attrgetter("created_at")


def install(ctx: Context) -> None:
    """Replace how this process's moto stores streams; ``ctx`` is not needed yet."""
    del ctx
    targets.register("kinesis", "kinesis:PutRecord", _send_event)
    replace(models, "Shard", Shard)
    replace(models, "Stream", Stream)
    replace(models.KinesisBackend, "put_record", _put_record)
    replace(models.KinesisBackend, "put_records", _put_records)
    replace(models.KinesisBackend, "delete_stream", _delete_stream)


def _send_event(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    data = base64.b64encode(payload.encode()).decode()
    models.kinesis_backends[account][region].put_record(
        stream_arn=arn, stream_name="", partition_key=options["partition_key"], explicit_hash_key="", data=data
    )


class Throttled(JsonRESTError):
    """A shard's throughput is exceeded; here only when a test asks for it."""

    def __init__(self, message: str) -> None:
        super().__init__(_THROTTLED, message)


class Shard(models.Shard):
    """A shard with its records in one list, ordered by sequence number; ``changed`` is notified of every change."""

    def __init__(
        self,
        shard_id: int,
        starting_hash: int,
        ending_hash: int,
        parent: str | None = None,
        adjacent_parent: str | None = None,
    ) -> None:
        super().__init__(shard_id, starting_hash, ending_hash, parent, adjacent_parent)
        self.log: list[models.Record] = []
        self.first_number = next(_sequence)
        self.last_number: int | None = None
        self.created_at = time.time()
        self.closed_at: float | None = None
        self.changed = threading.Condition()  # replaced by the stream's: all conditions of a stream share a lock

    @property
    def parents(self) -> tuple[str, ...]:
        """Return the ids of the shards that this one was split or merged from."""
        return tuple(parent for parent in (self.parent, self.adjacent_parent) if parent)

    @property
    def tip(self) -> int:
        """Return the highest sequence number of the shard so far; the next record comes after it."""
        return int(self.log[-1].sequence_number) if self.log else self.last_number or self.first_number

    def append(self, record: models.Record) -> None:
        """Add a record and wake the threads that wait for one; the stream's lock must be held."""
        self.log.append(record)
        self.changed.notify_all()

    def close(self) -> None:
        """Accept no more records; the stream's lock must be held."""
        self.is_open, self.last_number, self.closed_at = False, next(_sequence), time.time()
        self.changed.notify_all()

    def expire(self, before: float) -> None:
        """Delete the records that arrived before ``before``; the stream's lock must be held."""
        if self.log and self.log[0].created_at < before:
            del self.log[: bisect.bisect_left(self.log, before, key=_arrival)]

    def after(self, number: int, limit: int) -> list[models.Record]:
        """Return up to ``limit`` records after a sequence number; the stream's lock must be held."""
        start = bisect.bisect_right(self.log, number, key=_number)
        return self.log[start : start + limit]

    def before_time(self, moment: float) -> int:
        """Return the sequence number after which the records of time ``moment`` and later begin."""
        index = bisect.bisect_left(self.log, moment, key=_arrival)
        return int(self.log[index - 1].sequence_number) if index else 0

    def get_min_sequence_number(self) -> int:
        """Return the first number of the shard's range, as DescribeStream shows it."""
        return self.first_number

    def get_max_sequence_number(self) -> int:
        """Return the last number of a closed shard's range, as DescribeStream shows it."""
        return self.tip if self.last_number is None else self.last_number


class Stream(models.Stream):
    """A stream of such shards; they share one lock, so that no record is added to a shard that is being closed."""

    def init_shards(self, shard_count: int) -> None:
        """Create the first shards, which divide the hash keys equally."""
        self.lock = threading.RLock()
        self.resharded = threading.Condition(self.lock)
        self.deleted = False
        step = _HASH_KEYS // shard_count
        for index in range(shard_count):
            last = _HASH_KEYS - 1 if index == shard_count - 1 else (index + 1) * step - 1
            self._add_shard(index * step, last)

    def _add_shard(self, first: int, last: int, *parents: str) -> None:
        shard = Shard(len(self.shards), first, last, *parents)
        shard.changed = threading.Condition(self.lock)
        self.shards[shard.shard_id] = shard
        self.shard_count = sum(shard.is_open for shard in self.shards.values())

    @property
    def all_shards(self) -> list[Shard]:
        """Return every shard, open or closed, oldest first."""
        return [shard for shard in self.shards.values() if isinstance(shard, Shard)]

    def wake(self) -> None:
        """Wake all threads that wait for this stream, to look at something other than its records."""
        with self.lock:
            self.resharded.notify_all()
            for shard in self.all_shards:
                shard.changed.notify_all()

    def expire(self) -> None:
        """Delete the records that are older than the stream's retention; the stream's lock must be held."""
        before = time.time() - 3600 * self.retention_period_hours
        for shard in self.all_shards:
            shard.expire(before)

    def get_shard_for_key(self, partition_key: str, explicit_hash_key: str) -> Shard:
        """Return the open shard of a record with these keys."""
        return self._shard_of(_hash_key(partition_key, explicit_hash_key))

    def _shard_of(self, key: int) -> Shard:
        return next(s for s in self.all_shards if s.is_open and s.starting_hash <= key <= s.ending_hash)

    def put_record(self, partition_key: str, explicit_hash_key: str, data: str) -> tuple[str, str]:
        """Append a record; return its sequence number and its shard's id."""
        with self.lock:
            shard = self._shard_of(_hash_key(partition_key, explicit_hash_key))
            record = models.Record(partition_key, data, next(_sequence), explicit_hash_key)
            record.created_at = round(record.created_at * 1e6) // 1000 / 1000  # in the milliseconds that GetRecords has
            shard.append(record)
        return str(record.sequence_number), shard.shard_id

    def split_shard(self, shard_to_split: str, new_starting_hash_key: str) -> None:
        """Close a shard, whose records stay where they are, and give its hash keys to two children."""
        start = int(new_starting_hash_key)
        with self.lock:
            shard = self.shards[shard_to_split]
            if not shard.starting_hash < start < shard.ending_hash:
                raise InvalidArgumentError(
                    f"NewStartingHashKey {start} used in SplitShard() on shard {shard_to_split} in stream "
                    f"{self.stream_name} under account {self.account_id} is not both greater than one plus the "
                    f"shard's StartingHashKey {shard.starting_hash} and less than the shard's EndingHashKey "
                    f"{shard.ending_hash - 1}."
                )
            self._close(shard)
            self._add_shard(shard.starting_hash, start - 1, shard.shard_id)
            self._add_shard(start, shard.ending_hash, shard.shard_id)
            self.resharded.notify_all()

    def merge_shards(self, shard_to_merge: str, adjacent_shard_to_merge: str) -> None:
        """Close two adjacent shards, whose records stay where they are, and give their hash keys to one child."""
        with self.lock:
            one, other = self.shards[shard_to_merge], self.shards[adjacent_shard_to_merge]
            low, high = sorted((one, other), key=attrgetter("starting_hash"))
            if low.ending_hash + 1 != high.starting_hash:
                raise InvalidArgumentError(
                    f"Shards {shard_to_merge} and {adjacent_shard_to_merge} in stream {self.stream_name} under account "
                    f"{self.account_id} are not an adjacent pair of shards eligible for merging"
                )
            self._close(one, other)
            self._add_shard(low.starting_hash, high.ending_hash, one.shard_id, other.shard_id)
            self.resharded.notify_all()

    def _close(self, *shards: Any) -> None:
        for shard in shards:
            if not shard.is_open:
                raise InvalidArgumentError(
                    f"Shard {shard.shard_id} in stream {self.stream_name} under account {self.account_id} has already "
                    "been merged or split, and thus is not eligible for merging or splitting."
                )
        for shard in shards:
            shard.close()

    def update_shard_count(self, target_shard_count: int) -> None:
        """Split every shard or merge neighbours until there are ``target_shard_count``, within AWS's limits."""
        with self.lock:
            current = sum(shard.is_open for shard in self.shards.values())
            for beyond, limit in ((target_shard_count > 2 * current, "up over double"),
                                  (2 * target_shard_count < current, "down below half")):  # fmt: skip
                if beyond and self.stream_mode.get("StreamMode") != "ON_DEMAND":
                    raise InvalidArgumentError(
                        f"UpdateShardCount cannot scale {limit} your current open shard count. "
                        f"Current open shard count: {current} Target shard count: {target_shard_count}"
                    )
            super().update_shard_count(target_shard_count)


def _hash_key(partition_key: Any, explicit_hash_key: Any) -> int:
    if not isinstance(partition_key, str) or not 0 < len(partition_key) <= 256:
        raise InvalidArgumentError("partition_key")
    if not explicit_hash_key:
        return int.from_bytes(md5_hash(partition_key.encode()).digest())
    if not str(explicit_hash_key).isdigit() or int(explicit_hash_key) >= _HASH_KEYS:
        raise InvalidArgumentError(
            f"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {explicit_hash_key}"
        )
    return int(explicit_hash_key)


def _bytes(record: dict[str, Any]) -> int:
    """Return how many bytes a record counts for: its data, which is base64 here, and its partition key."""
    data = record.get("Data") or ""
    return len(data) * 3 // 4 - data[-2:].count("=") + len(str(record.get("PartitionKey")).encode())


def _put_record(  # noqa: PLR0917  moto's signature
    self: Any, stream_arn: str, stream_name: str, partition_key: str, explicit_hash_key: str, data: str
) -> tuple[str, str]:
    stream = self.describe_stream(stream_arn=stream_arn, stream_name=stream_name)
    size = _bytes({"Data": data, "PartitionKey": partition_key})
    if size > MAX_RECORD_BYTES:
        raise JsonRESTError(
            "ValidationException",
            "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length less "
            f"than or equal to {MAX_RECORD_BYTES}",
        )
    shard = stream.get_shard_for_key(partition_key, explicit_hash_key)
    if faults.throttles("PutRecord", stream.stream_name):
        raise Throttled(rate_exceeded(stream, shard))
    number, shard_id = stream.put_record(partition_key, explicit_hash_key, data)
    self._send_stream_metrics(stream.stream_name, incoming_bytes=size, incoming_records=1)
    return number, shard_id


def _put_records(self: Any, stream_arn: str, stream_name: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    stream = self.describe_stream(stream_arn=stream_arn, stream_name=stream_name)
    if len(records) > _MAX_RECORDS:
        raise TooManyRecords
    sizes = [_bytes(record) for record in records]
    for position, size in enumerate(sizes, 1):
        if size > MAX_RECORD_BYTES:
            raise RecordSizeExceedsLimit(position=position)
    if sum(sizes) > _MAX_REQUEST_BYTES:
        raise InvalidArgumentError("Records size exceeds 10 MB limit")
    keys = [(record.get("PartitionKey"), record.get("ExplicitHashKey")) for record in records]
    for key in keys:
        _hash_key(*key)  # an invalid record refuses the whole request, before any record is stored
    answers = []
    with stream.lock:  # so that a reader sees all records of the request at once
        for record, (partition_key, explicit_hash_key) in zip(records, keys, strict=True):
            if faults.throttles("PutRecords", stream.stream_name):
                shard = stream.get_shard_for_key(partition_key, explicit_hash_key)
                answers.append({"ErrorCode": _THROTTLED, "ErrorMessage": rate_exceeded(stream, shard)})
                continue
            number, shard_id = stream.put_record(partition_key, explicit_hash_key, record.get("Data") or "")
            answers.append({"SequenceNumber": number, "ShardId": shard_id})
    self._send_stream_metrics(stream.stream_name, incoming_bytes=sum(sizes), incoming_records=len(records))
    return {"FailedRecordCount": sum("ErrorCode" in answer for answer in answers), "Records": answers}


def rate_exceeded(stream: Any, shard: Any) -> str:
    """Return AWS's error message for a shard that is written to or read too fast."""
    return f"Rate exceeded for shard {shard.shard_id} in stream {stream.stream_name} under account {stream.account_id}."


def _delete_stream(self: Any, stream_arn: str | None, stream_name: str | None) -> Any:
    stream: Any = original(models.KinesisBackend, "delete_stream")(self, stream_arn, stream_name)
    stream.deleted = True
    stream.wake()
    return stream
