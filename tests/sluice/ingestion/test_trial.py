"""Checks that cannot run are refused where they are declared, and never blamed on a file."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings

from sluice.contracts import LandingContract, Rules, parse_type
from sluice.contracts.values.convert import convert
from sluice.contracts.values.limits import bound
from sluice.errors import ContractError, DeliveryError, UnreadableFile
from sluice.ingestion import alone, check, trial
from sluice.ingestion.changes.read import check_changes
from sluice.ingestion.check import Checked
from sluice.ingestion.readers.json_records import parse_records
from sluice.load import load_contract
from tests.laws import cases
from tests.sluice.ingestion.changes.changing import dms
from tests.sluice.ingestion.reading import codes, column, contract, read

HEAD = """kind: DataContract
apiVersion: v3.0.2
id: x
name: things
version: 1.0.0
status: active
servers: [{server: landing, type: s3, format: csv, location: "s3://landing/things/"}]
schema:
  - name: things
    physicalName: bronze.things
    properties:
      - {name: id, physicalType: string}
      - name: v
"""
TYPES = (
    "int", "bigint", "float", "double", "decimal(1,0)", "decimal(5,2)", "decimal(38,0)", "decimal(38,20)",
    "decimal(38,38)", "date", "timestamp", "boolean", "string", "binary",
)  # fmt: skip
TEXTS = (
    "0", "-0", "1", "0.1", "-1.0e+40", "1.0e-60", "1.0e+50", "1e38", "9" * 38, "-" + "9" * 38, "0." + "9" * 38,
    "99999999999999999999999999999999999999.0123456789", "9007199254740993", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "2147483648", "1e999", "1e-999", "3.5e38", "2024-01-01",
    '"2024-01-01T00:00:00Z"', '"2024-01-01T00:00:00+01:00"', '"0001-01-01T00:00:00+05:00"',
    '"2024-01-01T00:00:00.1234567"', "9999-12-31", "20240101", "true", "TRUE", "1.5", "+5", "(", "x", '"\\ud7ff"', "é",
)  # fmt: skip
OPTIONS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern", "enum")
LENGTHS = ("0", "5", "2147483647", "2147483648", "99999999999999999999999", "-1", "1.0")


def dms_of(row: dict[str, Any]) -> bytes:
    return json.dumps(dms("insert", row)).encode()


def checked_of(sent: list[bytes], declared: LandingContract) -> list[Checked]:
    """Return the records of a stream, checked."""
    if declared.arrival.changes:
        return check_changes(sent, declared)[0]
    return [found for block in parse_records(sent, declared, 0) for found in alone.check_records(block, declared)]


def declared(folder: Path, kind: str, rules: dict[str, str]) -> Path:
    enum = f"        enum: [{{value: {rules['enum']}}}]\n" if "enum" in rules else ""
    options = "".join(f"          {name}: {text}\n" for name, text in rules.items() if name != "enum")
    file = folder / "things.yaml"
    body = f"        physicalType: {kind}\n{enum}" + (f"        logicalTypeOptions:\n{options}" if options else "")
    file.write_text(HEAD + body)
    return file


VALUES = ("0", "1", "-1", "0.5", "99999", "true", "2024-01-01", "2024-01-01T00:00:00Z", "x", "", '"a b"', "9" * 38)
RULE = st.sampled_from(OPTIONS).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(LENGTHS if "Length" in name else TEXTS))
)


@given(st.sampled_from(TYPES), st.lists(RULE, max_size=3).map(dict))
@settings(max_examples=cases(60), deadline=None)
@example("timestamp", {"enum": '"2024-01-01T00:00:00Z"'})
@example("decimal(38,38)", {"maximum": "9" * 38})
@example("decimal(38,20)", {"minimum": "-1.0e+40", "maximum": "1.0e-60"})
@example("string", {"maxLength": "99999999999999999999999"})
def test_what_a_contract_may_say_can_be_checked_of_any_file(
    tmp_path_factory: pytest.TempPathFactory, kind: str, rules: dict[str, str]
) -> None:
    file = declared(tmp_path_factory.mktemp("contracts"), kind, rules)
    loaded, refused = None, ""
    try:
        loaded = load_contract(file)
    except ContractError as error:
        refused = error.what
    assert (loaded is None) == (f"{file}:1" in refused and "schema.0.properties.1" in refused)
    if loaded is None:
        return
    assert isinstance(loaded, LandingContract)
    data = "id,v\n" + "".join(f"{number},{value}\n" for number, value in enumerate(VALUES))
    accepted, rejected = read(data.encode(), loaded)
    assert accepted.num_rows + len(rejected) == len(VALUES)


@pytest.mark.parametrize(
    ("kind", "rules", "field"),
    [
        ("string", {"maxLength": "99999999999999999999999"}, "logicalTypeOptions.maxLength"),
        ("decimal(5,2)", {"minimum": "1000"}, "logicalTypeOptions.minimum: no decimal(5,2) keeps the minimum 1000"),
        ("int", {"exclusiveMinimum": "2147483647"}, "logicalTypeOptions.exclusiveMinimum"),
        ("bigint", {"maximum": "-9223372036854775809"}, "logicalTypeOptions.maximum"),
        ("float", {"maximum": "3.5e38"}, "logicalTypeOptions.maximum"),
        ("timestamp", {"minimum": '"2024-01-01T00:00:00.1234567"'}, "logicalTypeOptions.minimum"),
        ("int", {"minimum": "5", "maximum": "4"}, "no int keeps both minimum 5 and maximum 4"),
        ("int", {"exclusiveMinimum": "4", "exclusiveMaximum": "5"}, "no int keeps both"),
        ("double", {"minimum": "5", "exclusiveMaximum": "5.0"}, "no double keeps both"),
        ("date", {"minimum": "2024-01-02", "maximum": "2024-01-01"}, "no date keeps both"),
        ("string", {"minLength": "3", "maxLength": "2"}, "minLength"),
    ],
)
def test_what_no_value_could_keep_is_refused_with_its_line(
    tmp_path: Path, kind: str, rules: dict[str, str], field: str
) -> None:
    with pytest.raises(ContractError) as caught:
        load_contract(declared(tmp_path, kind, rules))
    assert f"{tmp_path}/things.yaml:1" in caught.value.what
    assert field in caught.value.what


def test_an_enum_of_moments_with_a_zone_takes_what_is_equal_to_them(tmp_path: Path) -> None:
    loaded = load_contract(declared(tmp_path, "timestamp", {"enum": '"2024-01-01T00:00:00+01:00"'}))
    assert isinstance(loaded, LandingContract)
    accepted, rejected = read(b"id,v\na,2023-12-31T23:00:00\nb,2024-01-01T00:00:00+01:00\nc,2024-01-01\n", loaded)
    assert accepted["id"].to_pylist() == ["a", "b"]
    assert codes(rejected) == [(3, ("not_in_set",))]


def test_a_rule_that_cannot_run_is_refused_at_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "bounds", fails)
    with pytest.raises(ContractError, match=r"things.yaml:1\d: schema.0.properties.1.logicalTypeOptions.maximum: it"):
        load_contract(declared(tmp_path, "int", {"maximum": "5"}))


def fails(*_: Any) -> Any:
    if _ and isinstance(_[0], Rules) and _[0].maximum is None:
        return []
    raise TypeError("not for this type")


def test_a_fault_of_the_checks_is_not_blamed_on_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "bounds", fails)
    with pytest.raises(ContractError, match=r"things.yaml: the checks .* cannot run, for n \(maximum\)") as caught:
        read(b"id,n\na,1\n", contract(column("id"), column("n", "int", maximum="5")))
    assert not isinstance(caught.value, DeliveryError), "it comes again, and nothing is quarantined"


@pytest.mark.parametrize("kind", ["csv", "ndjson", "stream", "dms"])
def test_a_record_whose_values_cannot_be_checked_costs_no_other(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(values: pa.Array, declared: Any) -> Any:
        if "odd" in values.to_pylist():
            raise OverflowError("odd")
        return convert(values, declared)

    monkeypatch.setattr(check, "convert", odd)
    values = ["a", "odd", "b", "odd", "c"]
    if kind == "csv":
        accepted, rejected = read(b"id\n" + "\n".join(values).encode(), contract(column("id")))
    elif kind == "ndjson":
        data = "\n".join(f'{{"id":"{value}"}}' for value in values).encode()
        accepted, rejected = read(data, contract(column("id"), format="ndjson"))
    else:
        fmt = "json" if kind == "stream" else "dms"
        declared = contract(column("id"), format=fmt, stream=True)
        sent = [f'{{"id":"{v}"}}'.encode() if kind == "stream" else dms_of({"id": v}) for v in values]
        blocks = checked_of(sent, declared)
        accepted = pa.concat_tables([block.accepted.select(["id"]) for block in blocks])
        kept = [row for block in blocks for row in block.rejected.to_pylist()]
        assert sorted(row["_position"] for row in kept) == [1, 3]
        assert {row["record"] for row in kept} == {sent[1]}
        assert {row["reasons"][0]["code"] for row in kept} == {"uncheckable"}
        assert sorted(accepted["id"].to_pylist()) == ["a", "b", "c"]
        return
    assert accepted["id"].to_pylist() == ["a", "b", "c"]
    assert codes(rejected) == [(2, ("uncheckable",)), (4, ("uncheckable",))]
    assert "OverflowError: odd" in rejected[0].reasons[0].message


def test_memory_and_what_the_bytes_bring_about_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for raised, code in ((MemoryError("much"), "too_much_memory"), (UnreadableFile("x", code="corrupt"), "corrupt")):

        def raises(*_: Any, error: Exception = raised) -> Any:
            raise error

        monkeypatch.setattr(alone, "check_block", raises)
        with pytest.raises(UnreadableFile) as caught:
            read(b"id\na\n", contract(column("id")))
        assert caught.value.code == code


def test_a_contract_of_every_type_and_rule_can_be_run() -> None:
    rules: dict[str, Any] = {
        "minimum": "1",
        "maximum": "5",
        "exclusive_minimum": "0",
        "exclusive_maximum": "6",
        "allowed": ("2",),
    }
    numbers = [
        column(f"c{n}", kind, **rules)
        for n, kind in enumerate(("int", "bigint", "float", "double", "decimal(5,2)", "decimal(38,20)"))
    ]
    others = [column("t", pattern="^a$", min_length=1, max_length=2), column("j", fmt="json"), column("b", "boolean")]
    assert trial.cannot_run(contract(*numbers, *others, key=("t",))) is None


NUMBERS = ("int", "bigint", "float", "double", "decimal(5,2)", "decimal(18,4)", "decimal(38,0)", "decimal(38,38)")


def written(kind: str) -> st.SearchStrategy[tuple[str, str, str]]:
    """Texts of a number of a type, of the one below, and of the one above."""
    declared = parse_type(kind)
    if declared.name in ("float", "double"):
        numbers = st.floats(-(2.0**99), 2.0**99, width=32 if declared.name == "float" else 64)
        return st.tuples(st.just(kind), numbers, st.integers(1, 17)).map(lambda it: _floats(*it))
    bits = {"int": 31, "bigint": 63}.get(declared.name)
    most = 2**bits - 1 if bits else 10**declared.precision - 1
    near = st.sampled_from([1 - most, most - 1, 0, 2**53 + 1, -(2**53) - 1]).filter(lambda n: abs(n) < most)
    steps = st.integers(1 - most, most - 1) | near
    return steps.map(
        lambda n: (_steps(n, declared.scale), _steps(n - 1, declared.scale), _steps(n + 1, declared.scale))
    )


def _steps(number: int, scale: int) -> str:
    return f"{Decimal(f'{number}E-{scale}'):f}"


def _floats(kind: str, number: float, digits: int) -> tuple[str, str, str]:
    text = f"{number:.{digits}e}"
    held = bound("minimum", text, parse_type(kind)).value
    one = np.float32 if kind == "float" else np.float64
    below, above = (np.nextafter(one(held.as_py()), one(end)) for end in ("-inf", "inf"))
    return text, f"{float(below):.17e}", f"{float(above):.17e}"


@pytest.mark.parametrize("kind", NUMBERS)
@given(data=st.data())
@settings(max_examples=cases(25), deadline=None)
def test_a_bound_is_equal_to_the_value_of_the_same_text_and_less_than_the_next(kind: str, data: st.DataObject) -> None:
    same, below, above = data.draw(written(kind))
    for rule, kept in (
        ("minimum", (same, above)), ("maximum", (same, below)),
        ("exclusive_minimum", (above,)), ("exclusive_maximum", (below,)),
    ):  # fmt: skip
        rules = msgspec.convert({rule: same}, Rules)
        declared = contract(column("id"), msgspec.structs.replace(column("n", kind), rules=rules))
        accepted, rejected = read(f"id,n\nbelow,{below}\nsame,{same}\nabove,{above}\n".encode(), declared)
        names = {"below": below, "same": same, "above": above}
        assert [names[name] for name in accepted["id"].to_pylist()] == [t for t in names.values() if t in kept], rule
        assert {code for _, found in codes(rejected) for code in found} == {"out_of_range"}


@pytest.mark.parametrize(
    ("kind", "rules", "kept", "refused"),
    [
        ("bigint", {"minimum": "9007199254740993"}, "9007199254740993", "9007199254740992"),
        ("bigint", {"maximum": "9223372036854775807"}, "9223372036854775807", None),
        ("bigint", {"exclusive_maximum": "9223372036854775808"}, "9223372036854775807", None),
        ("int", {"maximum": "99999999999"}, "2147483647", None),
        ("float", {"maximum": "0.1"}, "0.1", "0.100000009"),
        ("decimal(38,38)", {"maximum": "9" * 38}, "0." + "9" * 38, None),
        ("decimal(38,20)", {"minimum": "-1.0e+40"}, "-" + "9" * 18, None),
        ("decimal(38,20)", {"maximum": "1.0e-60"}, "0", "0.00000000000000000001"),
        ("decimal(5,2)", {"minimum": "0.005"}, "0.01", "0.00"),
        ("decimal(5,2)", {"exclusive_minimum": "0.005"}, "0.01", "0.00"),
        ("decimal(5,2)", {"maximum": "-0.005"}, "-0.01", "0.00"),
        ("decimal(5,2)", {"exclusive_maximum": "0.005"}, "0.00", "0.01"),
        ("decimal(2,2)", {"exclusive_maximum": "1"}, "0.99", None),
        ("date", {"exclusive_maximum": "2024-01-02"}, "2024-01-01", "2024-01-02"),
        ("timestamp", {"minimum": "2024-01-01T00:00:00.000001"}, "2024-01-01T00:00:00.000001", "2024-01-01T00:00:00"),
    ],
)
def test_bounds_at_the_ends_of_a_type(kind: str, rules: dict[str, Any], kept: str, refused: str | None) -> None:
    declared = contract(column("id"), msgspec.structs.replace(column("n", kind), rules=Rules(**rules)))
    accepted, _ = read(f"id,n\na,{kept}\nb,{kept if refused is None else refused}\n".encode(), declared)
    assert accepted["id"].to_pylist() == (["a", "b"] if refused is None else ["a"])


def test_looking_for_records_that_cannot_be_checked_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def odd(values: pa.Array, declared: Any) -> Any:
        nonlocal calls
        calls += 1
        if "odd" in values.to_pylist():
            raise OverflowError("odd")
        return convert(values, declared)

    monkeypatch.setattr(check, "convert", odd)
    monkeypatch.setattr(alone, "_MOST_ALONE", 8)
    accepted, rejected = read(b"id\n" + b"odd\n" * 1_000, contract(column("id")))
    assert accepted.num_rows == 0
    assert [record.position for record in rejected] == list(range(1, 1_001))
    assert calls < 100
