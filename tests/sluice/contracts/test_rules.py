"""Stream rules in contracts: what is said is what the code sees, and a broken one is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.contracts import Burst, Condition, LandingContract, StreamRule, Travel
from sluice.errors import ContractError
from sluice.load import load_contract
from tests.folders import SMALL

FILE = SMALL / "contracts" / "clicks.yaml"
WHERE = "where: event_type = 'purchase' and unit_price < unit_cost"


def rules_of(file: Path) -> tuple[StreamRule, ...]:
    contract = load_contract(file)
    assert isinstance(contract, LandingContract)
    return contract.rules


def test_rules_are_read_as_they_are_declared() -> None:
    rules = {rule.name: rule for rule in rules_of(FILE)}
    assert {name: rule.severity for name, rule in rules.items()} == {
        "price_below_cost": "warning", "card_testing": "critical", "impossible_travel": "warning",
    }  # fmt: skip
    assert rules["price_below_cost"].where == (
        Condition("event_type", "=", value="purchase"),
        Condition("unit_price", "<", other="unit_cost"),
    )
    assert rules["card_testing"].burst == Burst(
        "session_id", "event_time", 6, 60, distinct="card_hash", distinct_at_least=4,
        where=(Condition("event_type", "=", value="payment"), Condition("outcome", "=", value="declined")),
    )  # fmt: skip
    assert rules["impossible_travel"].travel == Travel(
        "customer_id", "event_time", "latitude", "longitude", 1000.0, 100.0
    )


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("unit_price<1", Condition("unit_price", "<", value="1")),
        ("unit_price >= -1.50", Condition("unit_price", ">=", value="-1.50")),
        ("country != 'a and b < c'", Condition("country", "!=", value="a and b < c")),
        ("event_time > '2026-01-01'", Condition("event_time", ">", value="2026-01-01")),
        ("quantity > unit_price", Condition("quantity", ">", other="unit_price")),
    ],
)
def test_conditions_are_read(tmp_path: Path, condition: str, expected: Condition) -> None:
    file = tmp_path / "clicks.yaml"
    file.write_text(FILE.read_text().replace(WHERE, f"where: {condition}"))
    assert rules_of(file)[0].where == (expected,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (WHERE, "where: unit_price < unit_const", ["value.0.where", "'unit_const'", "unit_cost"]),
        (WHERE, "where: unit_price ~ unit_cost", ["not a comparison", "allowed: comparisons", "and"]),
        (WHERE, "where: __import__('os')", ["not a comparison"]),
        (WHERE, "where: unit_price < unit_cost or quantity > 1", ["' or quantity > 1'", "follow"]),
        (WHERE, "where: unit_price < unit_cost and", ["' and'", "follow"]),
        (WHERE, "where: unit_price < country", ["unit_price is of type decimal", "country of type string"]),
        (WHERE, "where: unit_price = 'cheap'", ["unit_price is of type decimal"]),
        (WHERE, "where: quantity = true", ["quantity is of type int"]),
        (WHERE, "where: event_time > 'noon'", ["cannot be compared"]),
        (WHERE, f"where: latitude > {'9' * 400}", ["cannot be compared"]),
        (WHERE, "where: 7", ["is not a condition"]),
        (WHERE, "were: x", ["value.0.were", "'were'", "where, burst, travel"]),
        (WHERE, "burst: {key: session_id}", ["value.0.burst", "atLeast is missing"]),
        (WHERE, f"burst: {{}}\n        {WHERE}", ["value.0", "exactly one of where, burst, travel"]),
        ("name: price_below_cost", "name: Price", ["value.0.name", "'Price'"]),
        ("name: price_below_cost", "name: card_testing", ["value.1.name", "declared twice"]),
        ("severity: critical", "severity: bad", ["value.1.severity", "info, warning, critical"]),
        ("key: session_id", "key: session", ["value.1.burst.key", "'session'", "session_id"]),
        ("key: session_id", "time: country\n          key: session_id", ["burst.time", "no timestamp"]),
        ("atLeast: 6", "atLeast: 1", ["burst.atLeast", "2 to 1000"]),
        ("atLeast: 4", "atLeast: 7", ["distinct.atLeast", "2 to 6"]),
        ("column: card_hash", "column: card", ["distinct.column", "'card'"]),
        ("within: 1m", "within: 2d", ["burst.within", "1s to 24h"]),
        ("within: 1m", "within: 60", ["burst.within", "1s to 24h"]),
        ("latitude: latitude\n", "latitude: country\n", ["travel.latitude", "not a number"]),
        ("fasterThanKmh: 1000", "fasterThanKmh: fast", ["travel.fasterThanKmh", "'fast'"]),
        ("fasterThanKmh: 1000", "fasterThanKmh: 0", ["travel.fasterThanKmh", "at least 1"]),
        ("format: json", "format: debezium", ["customProperties.1.value", "JSON records"]),
    ],
)
def test_a_broken_rule_is_refused_with_file_line_field_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, said: list[str]
) -> None:
    sound = FILE.read_text()
    assert old in sound
    file = tmp_path / "clicks.yaml"
    file.write_text(sound.replace(old, new, 1))
    with pytest.raises(ContractError) as caught:
        load_contract(file)
    text = str(caught.value)
    for word in (str(file), *said):
        assert word in text
    line = int(text.split(str(file))[1].split(":")[1])
    if "debezium" not in new and "twice" not in text and new != "burst: {key: session_id}":
        broken = next(n for n, content in enumerate(file.read_text().splitlines(), 1) if new.splitlines()[0] in content)
        assert abs(line - broken) <= 3, text


def test_rules_need_an_event_time(tmp_path: Path) -> None:
    lines = FILE.read_text()
    start, end = lines.index("  - property: lateness"), lines.index("  - property: retention")
    file = tmp_path / "clicks.yaml"
    file.write_text(lines[:start] + lines[end:])
    with pytest.raises(ContractError, match="time is missing"):
        load_contract(file)
    file.write_text(file.read_text().replace("key: session_id", "key: session_id\n          time: event_time"))
    with pytest.raises(ContractError, match=r"value\.2\.travel: time is missing"):
        load_contract(file)


def test_rules_are_for_streams_only(tmp_path: Path) -> None:
    file = tmp_path / "order_lines.yaml"
    text = (SMALL / "contracts" / "order_lines.yaml").read_text()
    file.write_text(
        text.replace(
            "customProperties:\n  - property: arrival",
            "customProperties:\n  - property: rules\n    value: []\n  - property: arrival",
        )
    )
    with pytest.raises(ContractError, match="rules are for datasets that arrive as a stream"):
        load_contract(file)
