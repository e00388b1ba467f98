"""Reads of Kinesis streams: shard iterators, GetRecords within AWS's limits, ListShards with its filters.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.kinesis.exceptions import InvalidArgumentError, ResourceNotFoundError
from moto.kinesis.models import KinesisBackend
from moto.kinesis.responses import KinesisResponse

from localaws.context import Context
from localaws.gateway import faults
from localaws.kinesis import streams
from localaws.kinesis.tokens import make_token, read_token
from localaws.moto_patches import replace

_MOST_RECORDS = 10_000
_MOST_BYTES = 10 * 2**20
_MOST_SHARDS = 10_000


def install(ctx: Context) -> None:
    """Replace how this process's moto answers reads of streams."""
    del ctx
    replace(KinesisBackend, "get_shard_iterator", _get_shard_iterator)
    replace(KinesisResponse, "get_records", _get_records)
    replace(KinesisResponse, "list_shards", _list_shards)


def start_of(stream: Any, shard: Any, position: str, moment: Any = None) -> int:
    """Return the sequence number after which reading starts; ``position`` is an iterator type without a number."""
    with stream.lock:
        stream.expire()
        match position:
            case "TRIM_HORIZON":
                return 0
            case "LATEST":
                return int(shard.tip)
            case "AT_TIMESTAMP" if moment is not None:
                return int(shard.before_time(seconds(moment)))
    raise InvalidArgumentError(f"Invalid ShardIteratorType: {position}, Timestamp: {moment}")


def seconds(moment: Any) -> float:
    """Return a time of the APIs (seconds, ISO 8601 text or a datetime) as seconds since 1970."""
    if isinstance(moment, str) and not moment.replace(".", "", 1).isdigit():
        moment = datetime.datetime.fromisoformat(moment)
    return moment.timestamp() if isinstance(moment, datetime.datetime) else float(moment)


def _get_shard_iterator(  # noqa: PLR0917  moto's signature
    self: Any,
    stream_arn: str | None,
    stream_name: str | None,
    shard_id: str,
    shard_iterator_type: str,
    starting_sequence_number: Any,
    at_timestamp: Any,
) -> str:
    stream = self.describe_stream(stream_arn=stream_arn, stream_name=stream_name)
    shard = stream.shards.get(shard_id)
    if shard is None:
        raise ResourceNotFoundError(
            f"Shard {shard_id} in stream {stream.stream_name} under account {self.account_id} does not exist"
        )
    if shard_iterator_type in {"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"}:
        number = str(starting_sequence_number)
        if not number.isdigit() or int(number) < shard.first_number:
            raise InvalidArgumentError(
                f"StartingSequenceNumber {number} used in GetShardIterator on shard {shard_id} in stream "
                f"{stream.stream_name} under account {self.account_id} is invalid because it did not come from this "
                "stream."
            )
        after = int(number) - (shard_iterator_type == "AT_SEQUENCE_NUMBER")
    else:
        after = start_of(stream, shard, shard_iterator_type, at_timestamp)
    return make_token(stream.stream_name, shard_id, str(after))


def _get_records(self: Any) -> ActionResult:
    name, shard_id, number = read_token(self._get_param("ShardIterator"))
    limit = self._get_param("Limit") or _MOST_RECORDS
    if not 1 <= limit <= _MOST_RECORDS:
        raise JsonRESTError(
            "ValidationException",
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            f"Member must have value less than or equal to {_MOST_RECORDS}",
        )
    stream = self.kinesis_backend.describe_stream(stream_arn=None, stream_name=name)
    shard = stream.get_shard(shard_id)
    if faults.throttles("GetRecords", name):
        raise streams.Throttled(streams.rate_exceeded(stream, shard))
    with stream.lock:
        stream.expire()
        records = _within_bytes(shard.after(int(number), limit))
        last = records[-1].sequence_number if records else int(number)
        ahead = shard.after(last, 1)
        drained = not shard.is_open and not ahead
        answer: dict[str, Any] = {"Records": [record.to_json() for record in records]}
        answer["MillisBehindLatest"] = max(1, int(1000 * (time.time() - ahead[0].created_at))) if ahead else 0
        if drained:
            children = [other for other in stream.shards.values() if shard_id in other.parents]
            answer["ChildShards"] = [_child(child) for child in children]
        else:
            answer["NextShardIterator"] = make_token(name, shard_id, str(last))
    return ActionResult(answer)


def _within_bytes(records: list[Any]) -> list[Any]:
    room = _MOST_BYTES
    for index, record in enumerate(records):
        room -= len(record.data) * 3 // 4
        if room < 0 and index:
            return records[:index]
    return records


def _child(shard: Any) -> dict[str, Any]:
    range_ = {"StartingHashKey": str(shard.starting_hash), "EndingHashKey": str(shard.ending_hash)}
    return {"ShardId": shard.shard_id, "ParentShards": list(shard.parents), "HashKeyRange": range_}


# ---- ListShards


def _list_shards(self: Any) -> ActionResult:
    token = self._get_param("NextToken")
    wanted = self._get_param("ShardFilter") or {}
    most = self._get_param("MaxResults") or _MOST_SHARDS
    if token:
        name, after, wanted = read_token(token)
        stream = self.kinesis_backend.describe_stream(stream_arn=None, stream_name=name)
    else:
        after = self._get_param("ExclusiveStartShardId") or ""
        stream = self.kinesis_backend.describe_stream(self._get_param("StreamARN"), self._get_param("StreamName"))
    if "Timestamp" in wanted:
        wanted = {**wanted, "Timestamp": seconds(wanted["Timestamp"])}
    with stream.lock:
        found = [shard for shard in stream.shards.values() if shard.shard_id > after and _passes(stream, shard, wanted)]
        answer: dict[str, Any] = {"Shards": [shard.to_json() for shard in found[:most]]}
    if len(found) > most:
        answer["NextToken"] = make_token(stream.stream_name, found[most - 1].shard_id, wanted)
    return ActionResult(answer)


def _passes(stream: Any, shard: Any, wanted: Mapping[str, Any]) -> bool:
    """Return whether a shard matches a ShardFilter; shards closed before the retention period never do."""
    oldest = time.time() - 3600 * stream.retention_period_hours
    horizon = max(oldest, *(other.created_at for other in stream.shards.values() if not other.parents))
    closed = shard.closed_at or float("inf")
    kind, moment = wanted.get("Type", "FROM_TRIM_HORIZON"), wanted.get("Timestamp", horizon)
    match kind:
        case "AFTER_SHARD_ID":
            passes = shard.shard_id > wanted.get("ShardId", "")
        case "AT_LATEST":
            passes = shard.is_open
        case "AT_TRIM_HORIZON":
            passes = shard.created_at <= horizon <= closed
        case "AT_TIMESTAMP":
            passes = shard.created_at <= moment <= closed
        case "FROM_TRIM_HORIZON" | "FROM_TIMESTAMP":
            passes = closed >= moment
        case _:
            raise InvalidArgumentError(f"Invalid ShardFilter Type: {kind}")
    return bool(passes and closed >= oldest)
