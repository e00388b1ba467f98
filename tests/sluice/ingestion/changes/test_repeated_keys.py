"""A captured change in which a key comes twice has no one meaning: it is refused, at any depth."""

from __future__ import annotations

import json

import pytest

from sluice.ingestion.changes import decode
from sluice.ingestion.records import Reason
from tests.sluice.ingestion.reading import column, contract

ROWS = contract(column("id", required=True), column("name"), key=("id",), format="debezium", stream=True)
DEBEZIUM = b'{"op":"c","after":{"id":"1","name":"a"},"source":{"connector":"mysql","ts_ms":1},"ts_ms":1}'
DMS = (
    b'{"data":{"id":"1","name":"a"},"metadata":{"operation":"insert","record-type":"data",'
    b'"timestamp":"2026-01-01T00:00:00Z","table-name":"t"}}'
)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("debezium", DEBEZIUM.replace(b'"name":"a"', b'"name":"a","name":"b"')),
        ("debezium", DEBEZIUM.replace(b'"op":"c"', b'"op":"d","op":"c"')),
        ("debezium", DEBEZIUM.replace(b'"connector":"mysql"', b'"connector":"x","connector":"mysql"')),
        ("debezium", DEBEZIUM.replace(b'{"id":"1","name":"a"}', json.dumps('{"id":"1","id":"2"}').encode())),
        ("dms", DMS.replace(b'"name":"a"', b'"name":"a","name":"b"')),
        ("dms", DMS.replace(b'"table-name":"t"', b'"table-name":"t","table-name":"u"')),
    ],
)
def test_a_change_with_a_key_twice_is_refused(kind: str, raw: bytes) -> None:
    found = decode(raw, kind, ROWS)
    assert isinstance(found, Reason)
    assert found.code == "duplicate_key"


@pytest.mark.parametrize(
    ("kind", "raw"), [("debezium", DEBEZIUM), ("dms", DMS), ("debezium", b""), ("debezium", b"null")]
)
def test_a_sound_change_is_none_of_these(kind: str, raw: bytes) -> None:
    assert not isinstance(decode(raw, kind, ROWS), Reason)


@pytest.mark.parametrize("kind", ["debezium", "dms"])
def test_a_change_nested_without_end_is_refused(kind: str) -> None:
    found = decode(b'{"a":' * 5_000 + b"1" + b"}" * 5_000, kind, ROWS)
    assert isinstance(found, Reason)
    assert found.code == "malformed_record"
