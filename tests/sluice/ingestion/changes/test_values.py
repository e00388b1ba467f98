from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.ingestion.changes import Change, decode
from tests.sluice.ingestion.changes.changing import PARCELS, change, debezium, enveloped, one, reason, row, typed
from tests.sluice.ingestion.reading import column, contract

CONNECT = "org.apache.kafka.connect.data."
DEBEZIUM = "io.debezium.time."
DAYS = {0: "1970-01-01", -1: "1969-12-31", 19439: "2023-03-23", -719162: "0001-01-01", 2932896: "9999-12-31"}
UNITS = {"": 10**3, "Micro": 10**6, "Nano": 10**9}
FORMATS = {None: 10**3, "epoch_seconds": 1, "epoch_millis": 10**3, "epoch_micros": 10**6, "epoch_nanos": 10**9}


def logical(name: str, kind: str = "int64", **parameters: str) -> dict[str, Any]:
    return {"type": kind, "name": name, "parameters": parameters}


def encoded(value: int) -> str:
    return base64.b64encode(value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True)).decode()


@pytest.mark.parametrize(("days", "day"), DAYS.items())
def test_a_day_is_counted_from_1970(days: int, day: str) -> None:
    expected = date.fromisoformat(day)
    assert one(days, "date") == expected
    assert one(days, "date", logical(f"{DEBEZIUM}Date", "int32")) == expected
    assert one(days, "date", logical(f"{CONNECT}Date", "int32")) == expected
    assert one(days, "timestamp", logical(f"{DEBEZIUM}Date", "int32")) == datetime.fromisoformat(day)
    assert one(days, "string", logical(f"{DEBEZIUM}Date", "int32")) == day
    assert one(days, "int", logical(f"{DEBEZIUM}Date", "int32")) == days


@pytest.mark.parametrize("name", [f"{DEBEZIUM}{unit}Timestamp" for unit in UNITS] + [f"{CONNECT}Timestamp"])
@given(moment=st.datetimes(datetime(1700, 1, 1), datetime(9999, 12, 31)))
def test_a_logical_timestamp_is_exact(name: str, moment: datetime) -> None:
    per_second = UNITS[name.rpartition(".")[2].removesuffix("Timestamp")]
    microseconds = (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    count = microseconds * per_second // 10**6
    expected = moment - timedelta(microseconds=moment.microsecond % 1000 if per_second == 1000 else 0)
    assert one(count, "timestamp", logical(name)) == expected


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("seconds", [0, -1, 1_679_581_805, -86_400 * 30_000])
def test_the_contract_s_format_tells_the_unit_of_a_bare_timestamp(fmt: str | None, seconds: int) -> None:
    assert one(seconds * FORMATS[fmt], "timestamp", fmt=fmt) == datetime(1970, 1, 1) + timedelta(seconds=seconds)


def test_what_is_finer_than_a_microsecond_is_cut_off() -> None:
    assert one(-1, "timestamp", fmt="epoch_nanos") == datetime(1969, 12, 31, 23, 59, 59, 999999)
    assert one(1_999, "timestamp", logical(f"{DEBEZIUM}NanoTimestamp")) == datetime(1970, 1, 1, 0, 0, 0, 1)
    zoned = logical(f"{DEBEZIUM}ZonedTimestamp", "string")
    expected = datetime(2023, 3, 23, 20, 0, 10, 123456)
    assert one("2023-03-23T22:00:10.123456789+02:00", "timestamp", zoned) == expected
    assert one("2023-03-23T20:00:10.123456789Z", "timestamp") == expected


def test_midnight_is_a_day_and_another_time_is_none() -> None:
    field = logical(f"{DEBEZIUM}Timestamp")
    assert one(86_400_000, "date", field) == date(1970, 1, 2)
    declared = contract(column("value", "date"), format="debezium")
    assert row(change(enveloped(debezium("c", after={"value": 1}), {"value": field}), declared)) == {
        "value": "1970-01-01T00:00:00.001000"
    }


@pytest.mark.parametrize(
    ("name", "count", "text"),
    [
        ("Time", 36_803_001, "10:13:23.001"),
        ("MicroTime", 36_803_000_000, "10:13:23"),
        ("MicroTime", -1, "-00:00:00.000001"),
        ("NanoTime", 363_600_000_000_001, "101:00:00.000000001"),
    ],
)
def test_a_time_of_day_is_text_or_its_count(name: str, count: int, text: str) -> None:
    assert one(count, "string", logical(f"{DEBEZIUM}{name}")) == text
    assert one(count, "bigint", logical(f"{DEBEZIUM}{name}")) == count


@given(count=st.integers(-(10**38) + 1, 10**38 - 1))
def test_a_decimal_is_exact_in_every_form(count: int) -> None:
    value, kind = Decimal(f"{count}e-9"), "decimal(38,9)"
    assert one(encoded(count), kind, logical(f"{CONNECT}Decimal", "bytes", scale="9")) == value
    assert one({"scale": 9, "value": encoded(count)}, kind, logical("io.debezium.data.VariableScaleDecimal")) == value
    assert one({"scale": 9, "value": encoded(count)}, kind) == value
    assert one(f"{value:f}", kind) == value
    assert _bare_number(f"{value:f}") == value


def _bare_number(text: str) -> Any:
    declared = contract(column("value", "decimal(38,9)"), format="debezium", stream=True)
    found = decode(f'{{"op":"c","after":{{"value":{text}}}}}'.encode(), "debezium", declared)
    assert isinstance(found, Change)
    return typed([found.row], declared)[0]["value"]


def test_a_decimal_keeps_digits_that_no_float_has() -> None:
    assert _bare_number("12345678901234567890.123456789") == Decimal("12345678901234567890.123456789")
    assert _bare_number("-1.5e3") == Decimal(-1500)


@pytest.mark.parametrize(
    ("count", "scale", "expected"), [(-1, 0, "-1"), (5, -2, "500"), (-5, 3, "-0.005"), (2**64 - 1, 0, str(2**64 - 1))]
)
def test_a_decimal_s_scale_may_be_anything(count: int, scale: int, expected: str) -> None:
    field = logical(f"{CONNECT}Decimal", "bytes", scale=str(scale))
    assert one(encoded(count), "string", field) == expected
    if abs(count) < 2**63 and scale == 0:
        assert one(encoded(count), "bigint", field) == count


def test_a_number_in_place_of_base64_is_the_number() -> None:
    assert one(12345.11, "decimal(8,3)", logical(f"{CONNECT}Decimal", "bytes", scale="3")) == Decimal("12345.110")


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("text", "string", "text"),
        (24, "string", "24"),
        (True, "string", "true"),
        ({"a": [1, 'q"']}, "string", '{"a": [1, "q\\""]}'),
        (1, "boolean", True),
        (0, "boolean", False),
        (True, "boolean", True),
        (None, "date", None),
        ("2024-02-29", "date", date(2024, 2, 29)),
        ("2024-02-29T12:00:00+01:00", "timestamp", datetime(2024, 2, 29, 11, tzinfo=UTC).replace(tzinfo=None)),
        ("AQID", "binary", b"AQID"),
        (0.1, "double", 0.1),
    ],
)
def test_a_bare_value_is_what_the_contract_says(value: Any, kind: str, expected: Any) -> None:
    assert one(value, kind) == expected


def test_text_of_logical_types_stays() -> None:
    assert one('{"a": 1}', "string", logical("io.debezium.data.Json", "string")) == '{"a": 1}'
    assert one("red", "string", logical("io.debezium.data.Enum", "string", allowed="red,blue")) == "red"


@pytest.mark.parametrize(
    ("column_name", "value", "field"),
    [
        ("sent_on", 2932897, None),
        ("sent_on", -(10**30), None),
        ("seen_at", 1_679_581_805_123_456, None),
        ("seen_at", 9_223_372_036_825_200_000, logical(f"{DEBEZIUM}MicroTimestamp")),
        ("weight", "12,5", logical(f"{CONNECT}Decimal", "bytes", scale="3")),
        ("weight", "", logical(f"{CONNECT}Decimal", "bytes", scale="3")),
        ("weight", {"scale": 1}, None),
        ("weight", {"scale": 10**9, "value": "AQ=="}, None),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_with_its_column(column_name: str, value: Any, field: Any) -> None:
    record: Any = debezium("c", after={"id": 1, column_name: value})
    found = reason(enveloped(record, {column_name: field}) if field else record)
    assert (found.code, found.column) == ("unparseable", column_name)
    assert found.message.startswith(column_name)
    assert found.value == json.dumps(value)


def test_a_huge_exponent_is_refused_and_not_written_out() -> None:
    for exponent in ("999999999", "-999999999", "9" * 30):
        found = reason(f'{{"op":"c","after":{{"weight":1e{exponent}}}}}'.encode(), PARCELS)
        assert found.code == "unparseable"
