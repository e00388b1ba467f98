from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

import pytest

from sluice.ingestion.changes import Change, decode
from tests.sluice.ingestion.changes.changing import PARCELS, change, debezium, enveloped, reason, row
from tests.sluice.ingestion.reading import column, contract

BEFORE = {"id": 1, "label": "old", "weight": "1.500", "sent_on": 0, "seen_at": None}
AFTER = {"id": 1, "label": "new", "weight": "2.500", "sent_on": 1, "seen_at": 1_000}
READ = {"id": 1, "label": "new", "weight": "2.500", "sent_on": "1970-01-02", "seen_at": "1970-01-01T00:00:01"}
PLACEHOLDER = "__debezium_unavailable_value"


@pytest.mark.parametrize(
    ("op", "operation"), [("c", "insert"), ("u", "update"), ("r", "read")], ids=["create", "update", "read"]
)
def test_what_leaves_a_row_has_the_row_after_it(op: str, operation: str) -> None:
    found = change(debezium(op, before=BEFORE if op == "u" else None, after=AFTER))
    assert found.operation == operation
    assert row(found) == READ
    assert found.control is None
    assert found.table == "shop.public.parcels"
    assert found.transaction == "77"
    assert found.changed_at == datetime(2023, 11, 14, 22, 13, 20, 123000)
    assert found.previous_key is None
    assert found.unavailable == ()


def test_a_delete_has_the_row_before_it() -> None:
    found = change(debezium("d", before=BEFORE))
    assert found.operation == "delete"
    assert row(found)["label"] == "old"


def test_columns_that_the_contract_does_not_know_stay() -> None:
    assert row(change(debezium("c", after={"id": 1, "extra": {"a": [1, 2.50]}}))) == {"id": 1, "extra": {"a": [1, 2.5]}}


@pytest.mark.parametrize(
    ("record", "operation"),
    [
        (debezium("t"), "truncate"),
        (debezium("m", message={"prefix": "note", "content": "aGk="}), "heartbeat"),
        ({"ts_ms": 1}, "heartbeat"),
        ({"status": "BEGIN", "id": "571:53195829", "ts_ms": 1, "event_count": None}, "transaction"),
        ({"status": "END", "id": "571:53195832", "event_count": 2, "data_collections": []}, "transaction"),
        ({"source": {"db": "shop"}, "databaseName": "shop", "ddl": "DROP TABLE x", "tableChanges": []}, "schema"),
    ],
    ids=["truncate", "message", "heartbeat", "begin", "end", "schema"],
)
@pytest.mark.parametrize("envelope", [False, True])
def test_a_control_record_is_kept_as_it_came(record: Any, operation: str, envelope: bool) -> None:
    sent = {"schema": {"type": "struct"}, "payload": record} if envelope else record
    found = change(sent)
    assert found.operation == operation
    assert found.row is None
    assert found.control is not None
    assert json.loads(found.control) == sent


def test_a_transaction_record_names_its_transaction() -> None:
    assert change({"status": "BEGIN", "id": "571:53195829", "event_count": None}).transaction == "571:53195829"


@pytest.mark.parametrize("raw", [b"", b" \n", b"null", b'{"schema":null,"payload":null}', b'{"payload":null}'])
def test_a_tombstone_says_nothing(raw: bytes) -> None:
    assert decode(raw, "debezium", PARCELS) == Change("tombstone", None, None, None, None, None, "")


@pytest.mark.parametrize("schema", [None, {"type": "struct"}])
def test_an_envelope_that_knows_no_types_leaves_them_to_the_contract(schema: Any) -> None:
    bare = debezium("u", before=BEFORE, after=AFTER)
    assert change({"schema": schema, "payload": bare}) == change(bare)


def test_an_envelope_and_its_payload_alone_give_the_same_change() -> None:
    bare = debezium("u", before=dict(BEFORE, id=2), after=dict(AFTER, weight="-0.005"), ts_us=9)
    encoded = dict(AFTER, weight=base64.b64encode((-5).to_bytes(1, "big", signed=True)).decode())
    fields: dict[str, Any] = {
        "id": "int64",
        "label": "string",
        "weight": {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "3"}},
        "sent_on": {"type": "int32", "name": "io.debezium.time.Date"},
        "seen_at": {"type": "int64", "name": "io.debezium.time.Timestamp"},
    }
    found = change(enveloped(dict(bare, after=encoded), fields))
    assert found == change(bare)
    assert found.previous_key == b'{"id":2}'


def test_the_transaction_of_the_metadata_comes_first() -> None:
    known = {"id": "77:900", "total_order": 3, "data_collection_order": 1}
    assert change(debezium("c", after=AFTER, transaction=known)).transaction == "77:900"
    assert change(debezium("c", after=AFTER, source={"txId": None, "gtid": "a:1"})).transaction == "a:1"


def test_the_finest_time_of_the_source_counts_and_the_record_s_own_stands_in() -> None:
    assert change(debezium("c", after=AFTER, source={"ts_us": -1})).changed_at == datetime(
        1969, 12, 31, 23, 59, 59, 999999
    )
    assert change(debezium("r", after=AFTER, source={"ts_ms": 0})).changed_at == datetime(
        2023, 11, 14, 22, 13, 20, 456000
    )


def test_an_update_under_another_key_tells_the_old_one() -> None:
    declared = contract(column("region"), column("no", "int"), column("label"), key=("region", "no"), format="debezium")
    after = {"region": "N", "no": 2, "label": "x"}
    moved = change(debezium("u", before={"region": "N", "no": 1, "label": "x"}, after=after), declared)
    assert moved.previous_key == b'{"region":"N","no":1}'
    part = change(debezium("u", before={"no": 1}, after=after), declared)
    assert part.previous_key == b'{"region":"N","no":1}'
    for before in ({"label": "y"}, {"no": None, "region": None}, {"no": 2}, None):
        assert change(debezium("u", before=before, after=after), declared).previous_key is None


@pytest.mark.parametrize("before", ["1.10", '"1.10"', "11e-1"])
def test_a_key_that_is_only_spelled_otherwise_did_not_move(before: str) -> None:
    declared = contract(column("no", "decimal(6,2)"), key=("no",), format="debezium")
    found = decode(f'{{"op":"u","before":{{"no":{before}}},"after":{{"no":1.1}}}}'.encode(), "debezium", declared)
    assert isinstance(found, Change)
    assert found.previous_key is None


@pytest.mark.parametrize("form", [PLACEHOLDER, base64.b64encode(PLACEHOLDER.encode()).decode(), [PLACEHOLDER]])
def test_a_value_that_was_not_sent_is_null_and_named(form: Any) -> None:
    found = change(debezium("u", after=dict(AFTER, label=form, extra=form)))
    assert row(found) == dict(READ, label=None, extra=None)
    assert found.unavailable == ("label",)


def test_a_value_that_was_not_sent_is_taken_from_before_where_it_stands() -> None:
    found = change(debezium("u", before=BEFORE, after=dict(AFTER, label=PLACEHOLDER)))
    assert row(found) == dict(READ, label="old")
    assert found.unavailable == ()


def test_a_value_known_neither_before_nor_after_is_null() -> None:
    found = change(debezium("u", before=dict(BEFORE, label=PLACEHOLDER), after=dict(AFTER, label=PLACEHOLDER)))
    assert found.unavailable == ("label",)


def test_a_column_under_another_header_is_named_as_the_contract_does() -> None:
    label = column("label")
    declared = contract(type(label)(label.name, label.type, header="LBL"), format="debezium")
    found = change(debezium("u", after={"LBL": PLACEHOLDER}), declared)
    assert found.unavailable == ("label",)
    assert row(found) == {"LBL": None}


def test_mongodb_s_row_is_json_inside_a_string() -> None:
    source = {"connector": "mongodb", "schema": None, "table": None, "collection": "parcels", "ord": 1}
    found = change(debezium("c", after='{"id": 1, "label": "é"}', source=source))
    assert row(found) == {"id": 1, "label": "é"}
    assert found.table == "shop.parcels"
    patch = reason(debezium("u", after=None, updateDescription={"updatedFields": "{}"}, source=source))
    assert patch.code == "missing_row"


def test_a_row_is_one_line() -> None:
    raw = json.dumps(debezium("c", after={"id": 1, "extra": {"a": [1, "x\ny"]}}), indent=2).encode()
    found = decode(raw, "debezium", PARCELS)
    assert isinstance(found, Change)
    assert found.row == b'{"id":1,"extra":{"a":[1,"x\\ny"]}}'


@pytest.mark.parametrize(
    "record",
    [
        {"id": 1, "label": "x"},
        {"id": 1, "__op": "c", "__deleted": "false"},
        {"id": 1, "status": "BEGIN"},
        {"id": 1, "status": "sent", "event_count": 2},
        {"ts_ms": 1, "id": 1},
        {"schema": {"type": "struct"}, "payload": {"id": 1}},
        {},
    ],
)
def test_a_flattened_record_is_refused_and_passes_for_no_control_record(record: Any) -> None:
    found = reason(record)
    assert found.code == "flattened_record"
    assert "ExtractNewRecordState" in found.message


def test_an_operation_without_its_row_is_refused() -> None:
    for record in (debezium("c"), debezium("u", before=AFTER), debezium("d", after=AFTER), debezium("r")):
        assert reason(record).code == "missing_row"


def test_an_unknown_operation_is_refused() -> None:
    found = reason(debezium("x", after=AFTER))
    assert (found.code, found.value) == ("unknown_operation", "x")
