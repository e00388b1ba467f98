from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sluice.contracts import Contract
from sluice.contracts.load import load_contract, load_contracts
from sluice.errors import ContractError

ROOT = Path(__file__).resolve().parents[3]
SOUND = (ROOT / "contracts" / "order_lines.yaml").read_text()


def test_every_contract_of_the_project_survives_a_trip_through_json() -> None:
    contracts = load_contracts([ROOT / "contracts"])
    assert len(contracts) >= 13
    again = msgspec.json.decode(msgspec.json.encode(contracts), type=tuple[Contract, ...])
    assert again == contracts


def test_what_a_contract_says_is_what_the_code_sees() -> None:
    contract = load_contract(ROOT / "contracts" / "order_lines.yaml")
    assert contract.table == "bronze.order_lines"
    assert contract.key == ("order_id", "line_number")
    assert str(contract.column("unit_price").type) == "decimal(12,2)"
    assert contract.column("currency").rules.allowed == ("EUR", "USD", "GBP", "SEK", "PLN")
    assert contract.must_be_present(contract.column("order_id"))
    assert contract.retention_days == 3650
    assert contract.arrival is not None
    assert contract.arrival.format == "csv"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "physicalType: int\n",
            "physicalType: integr\n",
            ["properties.1.physicalType", "'integr'", "decimal(precision"],
        ),
        ("physicalType: decimal(12,2)", "physicalType: decimal(2,12)", ["'decimal(2,12)'"]),
        ("format: csv", "format: xlsx", ["servers.0.format", "'xlsx'", "csv, json, ndjson"]),
        ("apiVersion: v3.1.0", "apiVersion: v2.0.0", ["apiVersion", "v3"]),
        ("primaryKey: true", "primaryKy: true", ["primaryKy", "no such field"]),
        ("nullKeys: quarantine", "nullKeys: drop", ["nullKeys", "quarantine, keep"]),
        ("nullKeys: quarantine", "nulKeys: quarantine", ["nulKeys", "allowed", "nullKeys"]),
        ("encoding: utf-8", "encoding: utf-9", ["encoding", "utf-9"]),
        ("pattern: '^O[0-9]{9}$'", "pattern: '^(O+)+$'", ["pattern", "'(O+)+' at character 2 is not allowed"]),
        ("pattern: '^O[0-9]{9}$'", "pattern: '^O[0-9{9}$'", ["pattern", "regular expression"]),
        ("name: line_number", "name: order_id", ["declared twice"]),
        ("name: line_number", "name: _line", ["name", "'_line'"]),
        ("physicalName: bronze.order_lines", "physicalName: brass.order_lines", ["brass", "bronze, silver, gold"]),
        ("unit: d", "unit: fortnight", ["unit", "fortnight"]),
        ("minimum: 1", "minimun: 1", ["minimun", "minimum"]),
        ("logicalType: string", "logicalType: object\n        items: {logicalType: string}", ["JSON text", "items"]),
        ("schema:", "schema: [", ["not YAML"]),
    ],
)
def test_a_broken_contract_is_refused_with_file_line_field_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, said: list[str]
) -> None:
    assert old in SOUND
    file = tmp_path / "order_lines.yaml"
    file.write_text(SOUND.replace(old, new, 1))
    with pytest.raises(ContractError) as caught:
        load_contract(file)
    text = str(caught.value)
    assert str(file) in text
    line = int(text.split(str(file))[1].split(":")[1])
    broken = next(n for n, content in enumerate(file.read_text().splitlines(), 1) if new.splitlines()[0] in content)
    assert abs(line - broken) <= (15 if new == "schema: [" or "twice" in text else 0), text
    for word in said:
        assert word in text
    assert "sluice check" in text


def test_a_stream_contract_says_which_events_are_late() -> None:
    arrival = load_contract(ROOT / "contracts" / "clickstream.yaml").arrival
    assert arrival is not None
    assert (arrival.stream, arrival.format, arrival.partition_key) == (True, "json", "session_id")
    assert (arrival.event_time, arrival.lateness_seconds) == ("event_time", 7200)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "stream: clickstream",
            "stream: clicks",
            ["servers.0.stream", "'clicks'", "its dataset's name, 'clickstream'"],
        ),
        ("format: json", "format: csv", ["servers.0.format", "'csv'", "json, debezium, dms"]),
        ("partitionKey: session_id", "partitionKey: session", ["partitionKey", "'session'", "session_id"]),
        ("element: clickstream.event_time", "element: clickstream.time", ["slaProperties", "'time'", "event_time"]),
        ("partitionKey: session_id", "delimiter: ;", ["delimiter", "allowed", "nullKeys"]),
    ],
)
def test_a_broken_stream_contract_is_refused(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    sound = (ROOT / "contracts" / "clickstream.yaml").read_text()
    assert old in sound
    file = tmp_path / "clickstream.yaml"
    file.write_text(sound.replace(old, new, 1))
    with pytest.raises(ContractError) as caught:
        load_contract(file)
    for word in said:
        assert word in str(caught.value)


def test_lateness_is_for_streams_only(tmp_path: Path) -> None:
    file = tmp_path / "order_lines.yaml"
    file.write_text(SOUND.replace("property: freshness", "property: lateness", 1))
    with pytest.raises(ContractError, match="lateness is for datasets that arrive by stream"):
        load_contract(file)


def test_a_table_declared_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SOUND)
    (tmp_path / "b.yaml").write_text(SOUND)
    with pytest.raises(ContractError, match="already declared"):
        load_contracts([tmp_path])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no contracts folder"):
        load_contracts([tmp_path / "nothing"])
