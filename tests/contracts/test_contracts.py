"""The contracts of ShopSphere say what they are meant to, and are kept whole."""

from __future__ import annotations

import msgspec
import pytest
import yaml

from sluice.contracts import AnyContract, Burst, Condition, LandingContract, Travel
from sluice.contracts.patterns import common_pattern
from sluice.load import load_contract, load_contracts
from tests.folders import ROOT

CONTRACTS = ROOT / "contracts"


@pytest.mark.slow
def test_every_contract_survives_a_trip_through_json() -> None:
    contracts = load_contracts([CONTRACTS])
    assert len(contracts) >= 13
    again = msgspec.json.decode(msgspec.json.encode(contracts), type=tuple[AnyContract, ...])
    assert again == contracts


def test_every_pattern_is_one_that_all_engines_know() -> None:
    found = [
        option["pattern"]
        for path in CONTRACTS.rglob("*.yaml")
        for column in yaml.safe_load(path.read_text())["schema"][0]["properties"]
        if "pattern" in (option := column.get("logicalTypeOptions") or {})
    ]
    assert len(found) > 20
    assert all(common_pattern(pattern) for pattern in found)


def test_the_rules_of_the_clicks() -> None:
    contract = load_contract(CONTRACTS / "clickstream.yaml")
    assert isinstance(contract, LandingContract)
    rules = {rule.name: rule for rule in contract.rules}
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
