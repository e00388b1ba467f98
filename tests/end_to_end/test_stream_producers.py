"""Producers that know nothing of Sluice: the plain AWS CLI, boto3, and aggregated records of the producer library."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.end_to_end.running import Deployment, aws
from tests.end_to_end.streaming import LONG_AGO, Placed, arriving, content, scan, tables

pytestmark = pytest.mark.slow

STREAM = "door_scans"


def test_the_plain_command_line_and_boto3_put_records(deployed: Deployment, tmp_path: Path) -> None:
    one, two, three = scan("cli one", 5), scan("cli two", 0), scan("cli three", 6)
    file = tmp_path / "records.json"
    file.write_text(json.dumps([{"Data": data.decode(), "PartitionKey": "k"} for data in (two, three)]))
    plain = ("--output", "json", "--stream-name", STREAM)
    # Version 2 takes base64 unless told otherwise; version 1 takes text and knows no such option.
    if "aws-cli/1." not in aws("--version"):
        plain = ("--cli-binary-format", "raw-in-base64-out", *plain)

    with arriving(deployed, STREAM) as more:
        first = json.loads(aws("kinesis", "put-record", *plain, "--partition-key", "k", "--data", one.decode()))
        others = json.loads(aws("kinesis", "put-records", *plain, "--records", f"file://{file}"))
        own = deployed.client("kinesis").put_record(StreamName=STREAM, Data=scan("boto3"), PartitionKey="k")
        more(4)

    assert others["FailedRecordCount"] == 0
    answers = [first, *others["Records"], own]
    held = content(tables(deployed, STREAM), [Placed(a["ShardId"], a["SequenceNumber"]) for a in answers])
    assert [row["scan_id"] for row in held["bronze"]] == ["cli one", "cli three", "boto3"]
    assert [(row["reason"], row["record"]) for row in held["quarantine"]] == [("out_of_range", two)]


def test_an_aggregated_record_is_taken_apart(deployed: Deployment) -> None:
    inside = [scan("kpl 0", 1), scan("kpl 1", 0), b"no JSON", scan("kpl 3", 3, LONG_AGO), scan("kpl 3", 3, LONG_AGO)]
    damaged = bytearray(aggregated([scan("kpl 9")]))
    damaged[-1] ^= 1

    with arriving(deployed, STREAM) as more:
        answer = deployed.client("kinesis").put_records(
            StreamName=STREAM,
            Records=[{"Data": data, "PartitionKey": "a"} for data in (aggregated(inside), bytes(damaged))],
        )
        more(len(inside) + 1)

    whole, broken = (Placed(record["ShardId"], record["SequenceNumber"]) for record in answer["Records"])
    found = tables(deployed, STREAM)
    held = content(found, [whole])
    assert [(row["_position"], row["scan_id"], row["_late"]) for row in held["bronze"]] == [
        (0, "kpl 0", False),
        (3, "kpl 3", True),
        (4, "kpl 3", True),
    ]
    assert [(row["_position"], row["reason"], row["record"]) for row in held["quarantine"]] == [
        (1, "out_of_range", inside[1]),
        (2, "malformed_record", inside[2]),
    ]
    assert [row["record"] for row in content(found, [broken])["quarantine"]] == [bytes(damaged)]


def aggregated(records: Sequence[bytes]) -> bytes:
    """https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md"""
    message = _field(1, b"key") + b"".join(
        _field(3, _varint(1 << 3) + _varint(0) + _field(3, record)) for record in records
    )
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message, usedforsecurity=False).digest()


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
