"""Reads the Kinesis records of a Lambda event by shard; aggregated records of the producer library are split.

A record's identity is its stream, shard, sequence number and, within an aggregated record, its index. A batch has no
identity, since Lambda forms batches anew when it retries or bisects.
https://docs.aws.amazon.com/streams/latest/dev/kinesis-kpl-consumer-deaggregation.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sluice.decoding import converter

#: How an aggregated record begins; a protobuf message and its MD5 follow.
#: https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
_AGGREGATED = b"\xf3\x89\x9a\xc2"
_MD5_BYTES = 16
_RECORDS_FIELD, _DATA_FIELD = 3, 3
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass
class ShardRecords:
    """The records of one shard in one batch, as columns: ``arrived`` in seconds since the epoch."""

    stream_arn: str
    shard: str
    data: list[bytes] = field(default_factory=list)
    sequence: list[str] = field(default_factory=list)
    subsequence: list[int] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)

    @property
    def stream(self) -> str:
        """Return the stream's name."""
        return self.stream_arn.rpartition("/")[2]

    @property
    def source(self) -> str:
        """Return ``stream/shard``."""
        return f"{self.stream}/{self.shard}"


_to_bytes = converter(list[bytes])


def by_shard(records: Sequence[dict[str, Any]], *, unopened: bool = False) -> list[ShardRecords]:
    """Return the records of a Lambda event by shard, in their order; ``unopened`` leaves aggregated records unsplit."""
    # An event has records of one stream, and nearly always of one shard.
    arn = records[0]["eventSourceARN"] if records else ""
    shards = {record["eventID"].partition(":")[0] for record in records}
    if len(shards) == 1:
        return [_shard(arn, shards.pop(), [record["kinesis"] for record in records], unopened)]
    parted: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        parted.setdefault(record["eventID"].partition(":")[0], []).append(record["kinesis"])
    return [_shard(arn, shard, taken, unopened) for shard, taken in parted.items()]


def _shard(arn: str, shard: str, records: list[dict[str, Any]], unopened: bool) -> ShardRecords:
    # Base64 is decoded in one pass in native code.
    datas = _to_bytes([record["data"] for record in records])
    sequence = [record["sequenceNumber"] for record in records]
    arrived = [record["approximateArrivalTimestamp"] for record in records]
    if unopened or _AGGREGATED not in {data[: len(_AGGREGATED)] for data in datas}:
        return ShardRecords(arn, shard, datas, sequence, [0] * len(records), arrived)
    taken = ShardRecords(arn, shard)
    for number, data in enumerate(datas):
        for place, inner in enumerate(_user_records(data)):
            taken.data.append(inner)
            taken.sequence.append(sequence[number])
            taken.subsequence.append(place)
            taken.arrived.append(arrived[number])
    return taken


def _user_records(data: bytes) -> list[bytes]:
    """Return the records in an aggregated record; any other record, or an incomplete one, is returned as it is."""
    if not data.startswith(_AGGREGATED) or len(data) < len(_AGGREGATED) + _MD5_BYTES:
        return [data]
    message, digest = data[len(_AGGREGATED) : -_MD5_BYTES], data[-_MD5_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        return [data]
    try:
        inner = [value for number, value in _fields(message) if number == _RECORDS_FIELD]
        datas = [next(value for number, value in _fields(record) if number == _DATA_FIELD) for record in inner]
    except (IndexError, ValueError, StopIteration):
        return [data]
    # An aggregated record that contains no record is kept as it is, so that nothing sent is lost.
    return datas or [data]


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each length-delimited field of a protobuf message."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _BYTES:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("a field ends after its message")
            yield number, message[at : at + size]
            at += size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"no protobuf field has wire type {kind}")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
