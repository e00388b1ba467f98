"""Whatever the bytes are, decoding gives a change or a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.ingestion.changes import ENVELOPES, Change, decode
from sluice.ingestion.records import Reason
from tests.laws import cases
from tests.repository.toys.envelope import ENVELOPE
from tests.sluice.ingestion.changes.changing import PARCELS, debezium, dms, enveloped

pytestmark = pytest.mark.slow
#: The toy is what somebody begins an envelope of their own with: it holds to what all hold to.
FORMATS = [*ENVELOPES, "toy"]


@pytest.fixture(autouse=True, scope="module")
def toy() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENVELOPES, "toy", ENVELOPE)
        yield


ROW = {"id": 1, "label": "x", "weight": 1.5, "sent_on": 1, "seen_at": 5}
WHOLE: list[Any] = [
    debezium("u", before=ROW, after=ROW, transaction={"id": "1", "total_order": 1}),
    enveloped(debezium("d", before=ROW), {"sent_on": {"type": "int32", "name": "io.debezium.time.Date"}}),
    {"status": "END", "id": "1", "event_count": 1},
    dms("update", ROW, record={"before-image": {"id": 2}}, stream_position="0/1.2.0/1", transaction_record_id=1),
    {"did": "insert", "at": "1", "row": ROW},
    dms("create-table", record={"control": {}}, record_type="control"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _decoded(raw: bytes, change_format: str) -> Change | Reason:
    found = decode(raw, change_format, PARCELS)
    assert isinstance(found, Change | Reason)
    if isinstance(found, Change) and found.row is not None:
        assert isinstance(json.loads(found.row), dict)
        assert b"\n" not in found.row
    return found


@pytest.mark.parametrize("change_format", FORMATS)
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"{", "malformed_record"),
        (b"[]", "malformed_record"),
        (b"[1]", "malformed_record"),
        (b'"text"', "malformed_record"),
        (b"7", "malformed_record"),
        (b"true", "malformed_record"),
        (b"{} {}", "malformed_record"),
        (b"\xef\xbb\xbf{}", "malformed_record"),
        (b'{"op":NaN}', "malformed_record"),
        (b'{"op":"c","op":', "malformed_record"),
        (b'{"metadata":5}', None),
        (b'{"op":"\xff"}', "wrong_encoding"),
        (b'{"op":"\x00"}', "nul_byte"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "malformed_record"),
        (b'{"op":"c","after":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", "malformed_record"),
    ],
)
def test_broken_bytes_give_a_reason(raw: bytes, code: str | None, change_format: str) -> None:
    found = _decoded(raw, change_format)
    assert isinstance(found, Reason)
    assert found.message
    if code is not None:
        assert found.code == code


def test_dms_sends_no_empty_records() -> None:
    for raw in (b"", b"null"):
        found = _decoded(raw, "dms")
        assert isinstance(found, Reason)
        assert found.code == "malformed_record"


@pytest.mark.parametrize(
    "change",
    [
        {"op": 5},
        {"op": ["c"]},
        {"source": "here"},
        {"source": {"ts_ms": "now"}},
        {"ts_ms": "now"},
        {"ts_ms": 1.5},
        {"after": []},
        {"after": 5},
        {"after": "text"},
        {"after": "[1]"},
        {"before": 5},
        {"transaction": "t"},
        {"transaction": {"total_order": "first"}},
    ],
)
def test_a_field_of_the_wrong_kind_gives_a_reason(change: dict[str, Any]) -> None:
    found = _decoded(json.dumps({**WHOLE[0], **change}).encode(), "debezium")
    assert isinstance(found, Reason)
    assert found.code == "malformed_record"


@pytest.mark.parametrize("schema", [5, "x", [], {"fields": 1}, {"type": {"a": 1}}, {"fields": [{"field": 5}]}])
def test_an_envelope_s_schema_that_is_none_gives_a_reason(schema: Any) -> None:
    found = _decoded(json.dumps({"schema": schema, "payload": WHOLE[0]}).encode(), "debezium")
    assert isinstance(found, Reason)
    assert found.code == "malformed_record"


@pytest.mark.parametrize("change_format", FORMATS)
@given(raw=st.binary(max_size=200))
def test_no_bytes_raise(change_format: str, raw: bytes) -> None:
    _decoded(raw, change_format)


@pytest.mark.parametrize("change_format", FORMATS)
@given(record=JSON)
def test_no_json_raises(change_format: str, record: Any) -> None:
    _decoded(json.dumps(record).encode(), change_format)


@pytest.mark.parametrize("change_format", FORMATS)
@settings(max_examples=cases(400))
@given(data=st.data())
def test_no_damage_to_a_whole_record_raises(change_format: str, data: st.DataObject) -> None:
    record = json.loads(json.dumps(data.draw(st.sampled_from(WHOLE))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = record
        while True:
            name = data.draw(st.sampled_from(sorted(place)))
            if not isinstance(place[name], dict) or not place[name] or data.draw(st.booleans()):
                break
            place = place[name]
        place[name] = data.draw(JSON | st.integers(-(2**80), 2**80))
    _decoded(json.dumps(record).encode(), change_format)


@pytest.mark.parametrize("change_format", FORMATS)
@given(data=st.data())
def test_no_cut_or_changed_byte_raises(change_format: str, data: st.DataObject) -> None:
    raw = bytearray(json.dumps(data.draw(st.sampled_from(WHOLE))).encode())
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    _decoded(bytes(raw[: data.draw(st.integers(0, len(raw)))]), change_format)
