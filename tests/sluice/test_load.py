from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from sluice.contracts import AnyContract, LandingContract
from sluice.errors import ContractError
from sluice.load import load_contract, load_contracts
from sluice.redelivery import LONGEST_DAYS, QUEUE_DAYS, STREAM_HOURS
from sluice.tables.tokens import KEEP
from tests.folders import ENVIRONMENTS, SMALL

CONTRACTS = SMALL / "contracts"
SOUND = (CONTRACTS / "order_lines.yaml").read_text()
CLICKS = (CONTRACTS / "clicks.yaml").read_text()


def test_contracts_survive_a_trip_through_json() -> None:
    contracts = load_contracts([CONTRACTS])
    assert len(contracts) >= 8
    again = msgspec.json.decode(msgspec.json.encode(contracts), type=tuple[AnyContract, ...])
    assert again == contracts


def test_what_a_contract_says_is_what_the_code_sees() -> None:
    contract = load_contract(CONTRACTS / "order_lines.yaml")
    assert contract.table == "bronze.order_lines"
    assert contract.key == ("order_id", "line_number")
    assert str(contract.column("unit_price").type) == "decimal(12,2)"
    assert contract.column("currency").rules.allowed == ("EUR", "USD", "GBP", "SEK", "PLN")
    assert contract.must_be_present(contract.column("order_id"))
    assert contract.retention_days == 3650
    assert isinstance(contract, LandingContract)
    assert contract.arrival.format == "csv"


@pytest.mark.parametrize(
    ("declared", "seconds"),
    [
        ("", 60),
        ("value: 5, unit: m", 300),
        ("value: 1, unit: d", 86_400),
        ("freshness", 15),
        ("value: 90, unit: s", 90),
        ("value: 1.15, unit: m", 69),
    ],
)
def test_a_latency_is_read_or_is_a_minute_or_half_of_a_short_freshness(
    tmp_path: Path, declared: str, seconds: int
) -> None:
    text = (
        SOUND.replace("unit: d", "unit: s", 1).replace("value: 1", "value: 30", 1) if declared == "freshness" else SOUND
    )
    more = f"  - {{property: latency, {declared}}}\n" if ":" in declared else ""
    file = tmp_path / "order_lines.yaml"
    file.write_text(text.replace("slaProperties:\n", f"slaProperties:\n{more}"))
    assert load_contract(file).latency_seconds == seconds


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("value: 0, unit: s", "0 s is no latency; allowed: 1 s and more"),
        ("value: 0.5, unit: s", "0.5 s are 0.5 s; allowed: whole seconds"),
        ("value: 1.51, unit: m", "1.51 m are 90.6 s; allowed: whole seconds"),
        ("value: 2, unit: d", "172,800 s, longer than the 86,400 s for which the table's newest data may be old, as"),
        ("value: soon, unit: s", "'soon' is no number"),
        ("value: 1, unit: s, element: order_lines.quantity", "latency is one of the whole dataset; remove it"),
    ],
)
def test_a_latency_that_cannot_be_kept_is_refused_with_file_line_and_field(
    tmp_path: Path, declared: str, said: str
) -> None:
    file = tmp_path / "order_lines.yaml"
    file.write_text(SOUND.replace("slaProperties:\n", f"slaProperties:\n  - {{property: latency, {declared}}}\n"))
    with pytest.raises(ContractError) as caught:
        load_contract(file)
    line = file.read_text().splitlines().index("slaProperties:") + 2
    assert f"{file}:{line}: slaProperties.0" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "physicalType: int\n",
            "physicalType: integr\n",
            ["properties.1.physicalType", "'integr'", "decimal(precision"],
        ),
        (
            "physicalType: decimal(12,2)",
            "physicalType: decimal(2,12)",
            ["'decimal(2,12)'", "its scale, 12", "more than"],
        ),
        ("physicalType: decimal(12,2)", "physicalType: decimal(39,2)", ["'decimal(39,2)'", "1 to 38 digits"]),
        ("physicalType: decimal(12,2)", "physicalType: decimal(0,0)", ["'decimal(0,0)'", "1 to 38 digits"]),
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
        ("logicalType: string", "items: {logicalType: string}", ["JSON text", "items"]),
        (
            "location: s3://landing/order_lines/",
            "host: db.example.org",
            ["servers.0.host", "host has no effect here; remove it"],
        ),
        ("value: 3650", "value: 0.5", ["slaProperties", "0.5 d is no retention", "one or more whole days"]),
        ("property: retention", "property: retension", ["'retension'", "freshness, latency, retention, lateness"]),
        ("encoding: ", "repeatedKeys: ", ["it is no option any more", "remove the line"]),
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
    contract = load_contract(CONTRACTS / "clicks.yaml")
    assert isinstance(contract, LandingContract)
    arrival = contract.arrival
    assert (arrival.stream, arrival.format, arrival.partition_key) == (True, "json", "session_id")
    assert (arrival.event_time, arrival.lateness_seconds) == ("event_time", 7200)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "stream: clicks",
            "stream: visits",
            ["servers.0.stream", "'visits'", "its dataset's name, 'clicks'"],
        ),
        ("format: json", "format: csv", ["servers.0.format", "'csv'", "json, debezium, dms"]),
        ("partitionKey: session_id", "partitionKey: session", ["partitionKey", "'session'", "session_id"]),
        ("element: clicks.event_time", "element: clicks.time", ["slaProperties", "'time'", "event_time"]),
        ("partitionKey: session_id", "delimiter: ;", ["delimiter", "belongs under servers", "allowed", "nullKeys"]),
        ("    stream: clicks\n", "", ["servers.0.stream", "it is missing; write 'clicks'"]),
        ("    format: json\n", "", ["servers.0.format", "it is missing; allowed: json"]),
    ],
)
def test_a_broken_stream_contract_is_refused(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    assert old in CLICKS
    file = tmp_path / "clicks.yaml"
    file.write_text(CLICKS.replace(old, new, 1))
    with pytest.raises(ContractError) as caught:
        load_contract(file)
    for word in said:
        assert word in str(caught.value)


def test_lateness_is_for_streams_only(tmp_path: Path) -> None:
    file = tmp_path / "order_lines.yaml"
    file.write_text(SOUND.replace("property: freshness", "property: lateness", 1))
    with pytest.raises(ContractError, match="lateness is for datasets that arrive by stream"):
        load_contract(file)


@pytest.mark.parametrize(
    ("kind", "transform", "said"),
    [
        ("int", "day", ["'day' is not a partition transform of a int", "identity, bucket[n]"]),
        ("date", "hour", ["identity, year, month, day, bucket[n]"]),
        ("double", "identity", ["allowed: none"]),
        ("double", "bucket[4]", ["allowed: none"]),
        ("boolean", "bucket[4]", ["allowed: identity"]),
        ("bigint", "truncate[4]", ["allowed: identity, bucket[n]"]),
        ("string", "bucket[0]", ["n is 1 to"]),
        ("string", "truncate[2147483648]", ["n is 1 to"]),
        ("string", "bucket", ["identity, bucket[n], truncate[n]"]),
        ("string", "bucket[-1]", ["identity, bucket[n], truncate[n]"]),
        ("string", "identity[3]", ["identity, bucket[n], truncate[n]"]),
        ("timestamp", "days", ["identity, year, month, day, hour, bucket[n]"]),
        ("timestamp", "5", ["identity, year, month, day, hour, bucket[n]"]),
    ],
)
def test_a_partition_transform_that_cannot_act_is_refused(
    tmp_path: Path, kind: str, transform: str, said: list[str]
) -> None:
    new = f"""name: p
        logicalType: string
        physicalType: {kind}
        partitioned: true
        customProperties:
          - property: partitionTransform
            value: {transform}
      - name: order_id"""
    refused = refusal(tmp_path, SOUND.replace("name: order_id", new, 1))
    for word in ["properties.0.customProperties", *said]:
        assert word in refused


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("customProperties: [{property: partitionTransform, value: day}]", "order_id is not partitioned"),
        ("partitionKeyPosition: 2", "order_id is not partitioned"),
        (
            "customProperties: [{property: partitionTransform, value: 'bucket[2]'}, "
            "{property: partitionTransform, value: 'bucket[3]'}]",
            "partitionTransform is declared twice",
        ),
    ],
)
def test_a_partitioning_that_would_not_act_is_refused(tmp_path: Path, new: str, said: str) -> None:
    assert said in refusal(tmp_path, SOUND.replace("name: order_id", f"name: order_id\n        {new}", 1))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("delimiter: ','", "delimiter: ';;'", ["servers.0.delimiter", "';;'", "one ASCII character"]),
        ("delimiter: ','", "delimiter: ''", ["servers.0.delimiter", "one ASCII character"]),
        ("delimiter: ','", "delimiter: '\"'", ["servers.0.delimiter", "no quote"]),
        ("delimiter: ','", "delimiter: §", ["servers.0.delimiter", "one ASCII character"]),
        ("format: csv", "format: ndjson", ["servers.0.delimiter", "a delimiter is for csv"]),
        ("encoding: utf-8", "quoteChar: '##'", ["quoteChar", "'##' is not allowed", "none, and one of"]),
        ("encoding: utf-8", "quoteChar: a", ["quoteChar", "'a' is not allowed"]),
        ("encoding: utf-8", "quoteChar: ','", ["quoteChar", "',' is the delimiter"]),
        ("encoding: utf-8", "quoteChar: '\\'", ["quoteChar", "a backslash is no quote"]),
        ("encoding: utf-8", "quoteChar: 1", ["quoteChar", "1 is not allowed"]),
        ("encoding: utf-8", "escapeChar: '\"'", ["escapeChar", "is the quote", "doubled"]),
        ("encoding: utf-8", "escapeChar: ','", ["escapeChar", "is the delimiter"]),
        ("encoding: utf-8", "escapeChar: '\\'\n      nullValues: ['\\N,']", ["nullValues", "such as \\N"]),
        ("encoding: utf-8", "escapeChar: é", ["escapeChar", "not allowed"]),
        ("encoding: utf-8", "escapeChar: '\\'\n      nullValues: ['\\-']", ["nullValues", "such as \\N"]),
        ("encoding: utf-8", "escapeChar: '\\'\n      nullValues: ['a\\N']", ["nullValues", "such as \\N"]),
        ("encoding: utf-8", "encoding: rot13", ["encoding", "'rot13'"]),
        ("encoding: utf-8", "encoding: undefined", ["encoding", "'undefined'"]),
        ("encoding: utf-8", "encoding: 8", ["encoding", "8 is not"]),
        ("logicalType: integer", "logicalType: int", ["logicalType", "'int'", "integer"]),
        ("logicalType: integer", "logicalType: date", ["physicalType", "is no date"]),
        ("minimum: 1\n", "minimum: one\n", ["'one' is not a whole number"]),
        ("minimum: 1\n", "minimum: [1]\n", ["minimum", "a text or a number is wanted"]),
        ("value: EUR", "value:", ["enum.0.value", "a text or a number is wanted"]),
        ("pattern: '^O[0-9]{9}$'", "pattern: '^O(?=[0-9])'", ["pattern", "every engine"]),
        ("pattern: '^O[0-9]{9}$'", "maxLength: long", ["maxLength", "'long'"]),
        ("name: line_number", "name: line_number\n        physicalName: order_id", ["both called 'order_id'"]),
        ("- property: retention", "- property: freshness", ["freshness is declared twice"]),
        ("expectedFilesPerDay: 1", "expectedFilesPerDay: -1", ["expectedFilesPerDay", "-1"]),
    ],
)
def test_what_cannot_act_is_refused(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    assert old in SOUND
    refused = refusal(tmp_path, SOUND.replace(old, new, 1))
    for word in said:
        assert word in refused, refused


@pytest.mark.parametrize(
    ("form", "option"),
    [
        ("ndjson", "header: false"),
        ("parquet", "encoding: utf-8"),
        ("parquet", "compression: gzip"),
        ("parquet", "nullValues: ['']"),
        ("access_log", "nullValues: ['']"),
        ("json", "extraColumns: reject"),
    ],
)
def test_an_option_that_does_nothing_in_its_format_is_refused(tmp_path: Path, form: str, option: str) -> None:
    text = SOUND.replace("    delimiter: ','\n", "").replace("format: csv", f"format: {form}")
    start = text.index("      encoding: utf-8")
    refused = refusal(tmp_path, f"{text[:start]}      {option}\n")
    assert option.split(":", maxsplit=1)[0] in refused
    assert form in refused


def refusal(tmp_path: Path, text: str) -> str:
    file = tmp_path / "order_lines.yaml"
    file.write_text(text)
    with pytest.raises(ContractError) as caught:
        load_contract(file)
    return str(caught.value)


def test_a_table_declared_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SOUND)
    (tmp_path / "b.yaml").write_text(SOUND)
    with pytest.raises(ContractError, match="already declared"):
        load_contracts([tmp_path])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no contracts folder"):
        load_contracts([tmp_path / "nothing"])


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("decimal(5,2)", {"decimalSeparator": ",", "groupSeparator": ","}, "are both ','"),
        ("decimal(5,2)", {"groupSeparator": "."}, "are both '.'"),
        ("int", {"decimalSeparator": ","}, "decimalSeparator is for decimal, float, double, not int"),
        ("decimal(5,2)", {"decimalSeparator": ",,"}, "',,' is not allowed; did you mean ','? allowed"),
        ("boolean", {"trueValues": ["J"]}, "said together"),
        ("boolean", {"trueValues": ["J"], "falseValues": ["J"]}, "both true and false"),
        ("boolean", {"trueValues": [1], "falseValues": [0]}, "between quotes"),
        ("string", {"trueValues": ["J"], "falseValues": ["N"]}, "trueValues is for boolean"),
        ("string", {"trim": "yes"}, "allowed: true, false"),
        ("binary", {"trim": True}, "not binary"),
        ("date", {"twoDigitYearStart": 1950}, "no pattern of the column's format has yy"),
    ],
)
def test_a_spelling_that_cannot_act_is_refused(tmp_path: Path, kind: str, given: dict[str, object], said: str) -> None:
    assert said in refusal(tmp_path, spelled(kind, given))


def test_spellings_are_read_and_are_for_csv_alone(tmp_path: Path) -> None:
    text = spelled("decimal(5,2)", {"decimalSeparator": ",", "groupSeparator": ".", "trim": True})
    file = tmp_path / "sound.yaml"
    file.write_text(text)
    spelling = load_contract(file).column("p").spelling
    assert spelling is not None
    assert (spelling.decimal, spelling.group, spelling.trim) == (",", ".", True)
    other = text.replace("    delimiter: ','\n", "").replace("format: csv", "format: ndjson")
    assert "are for csv" in refusal(tmp_path, other)


def spelled(kind: str, given: dict[str, object]) -> str:
    custom = [{"property": name, "value": value} for name, value in given.items()]
    column = f"name: p\n        physicalType: {kind}\n        customProperties: {json.dumps(custom)}"
    return SOUND.replace("name: order_id", f"{column}\n      - name: order_id", 1)


OWN = "  - property: arrival\n    value:\n"


@pytest.mark.parametrize("given", ["[]", "0", "''", "false", "null", "", "[nullKeys]", "text"])
def test_an_arrival_that_is_no_mapping_is_refused(tmp_path: Path, given: str) -> None:
    before, found, _ = SOUND.partition(OWN)
    assert found
    file = tmp_path / "order_lines.yaml"
    file.write_text(f"{before}  - property: arrival\n    value: {given}\n")
    with pytest.raises(ContractError, match=r"order_lines.yaml:\d+: customProperties.0.value: arrival is a mapping"):
        load_contract(file)


@pytest.mark.parametrize(
    "given", ["1.0e+400", "-1.0e+400", ".nan", ".inf", "true", "false", "-1", "[]", "''", "null", "1" + "0" * 400]
)
@pytest.mark.parametrize("key", ["expectedFilesPerDay", "expectedRowsPerDay"])
def test_what_is_expected_a_day_is_a_number_that_can_be(tmp_path: Path, key: str, given: str) -> None:
    file = tmp_path / "order_lines.yaml"
    file.write_text(f"{SOUND.partition(OWN)[0]}{OWN}      {key}: {given}\n")
    with pytest.raises(ContractError, match=r"order_lines.yaml:\d+: .*(not a number from 0|cannot be held)"):
        load_contract(file)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("description: Price", "partitionKeyPosition: 0\n        description: Price", "is not partitioned: true"),
        ("minimum: 1\n", "minimum: 1\n          format: null\n", "format is for date"),
        ("logicalType: string", "logicalType: array", "format is for date"),
        *(
            ("    properties:\n", f"    customProperties: [{{property: sortOrder, value: {empty}}}]\n    properties:\n",
             "sortOrder is a list")
            for empty in ("0", "''", "{}", "null")
        ),
        (SOUND[SOUND.index("enum:") : SOUND.index("      - name: updated_at")], "enum: []\n", "the enum is empty"),
    ],
)  # fmt: skip
def test_what_is_empty_is_not_taken_as_absent(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SOUND
    file = tmp_path / "order_lines.yaml"
    text = SOUND.replace(old, new, 1)
    file.write_text(text.replace("pattern: '^O", "format: '^O", 1) if "array" in new else text)
    with pytest.raises(ContractError, match=said):
        load_contract(file)


def test_no_message_commands_a_terminal(tmp_path: Path) -> None:
    refused = refusal(tmp_path, SOUND.replace("physicalType: string", 'physicalType: "st\\e[31mr\\u202eing"', 1))
    assert "\\x1b[31m" in refused
    assert "\\u202e" in refused
    assert all(letter.isprintable() or letter == "\n" for letter in refused)


def test_a_stream_keeps_its_rows_as_long_as_a_record_may_come_again(tmp_path: Path) -> None:
    text = (CONTRACTS / "readings.yaml").read_text()
    (tmp_path / "a.yaml").write_text(text)
    assert load_contract(tmp_path / "a.yaml").retention_days == LONGEST_DAYS == 90
    (tmp_path / "a.yaml").write_text(text.replace("value: 90", "value: 89"))
    with pytest.raises(ContractError, match="89 days are fewer than the 90 for which a record of a stream may come"):
        load_contract(tmp_path / "a.yaml")


def test_a_dataset_of_files_keeps_its_rows_as_long_as_a_file_may_come_again(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SOUND.replace("value: 3650", "value: 35"))
    assert timedelta(days=load_contract(tmp_path / "a.yaml").retention_days or 0) == KEEP
    (tmp_path / "a.yaml").write_text(SOUND.replace("value: 3650", "value: 34"))
    with pytest.raises(ContractError, match="34 days are fewer than the 35 for which a file may come again"):
        load_contract(tmp_path / "a.yaml")


def test_no_environment_keeps_a_stream_longer_than_what_recognises_its_records() -> None:
    assert max(each.stream_retention_hours for each in ENVIRONMENTS.values()) == STREAM_HOURS
    assert LONGEST_DAYS >= 2 * QUEUE_DAYS + STREAM_HOURS / 24
