"""A contract is that of a landing dataset or that of a derived table; neither has what only the other needs."""

from __future__ import annotations

import msgspec
import pytest

from sluice.contracts import AnyContract, Arrival, Check, Column, Contract, DerivedContract, LandingContract, parse_type
from sluice.decoding import json_decoder

COLUMNS = (Column("id", parse_type("string")),)
LANDING = LandingContract("things", "bronze", COLUMNS, key=("id",), arrival=Arrival("csv"))
DERIVED = DerivedContract("things", "silver", COLUMNS, key=("id",), checks=(Check("some", "rowCount", ("mustBe", 1)),))

decode = json_decoder(AnyContract)


@pytest.mark.parametrize("contract", [LANDING, DERIVED])
def test_a_contract_comes_back_as_the_kind_that_it_is(contract: AnyContract) -> None:
    again = decode(msgspec.json.encode(contract))
    assert again == contract
    assert type(again) is type(contract)


def test_a_landing_contract_does_not_exist_without_its_arrival() -> None:
    raw = msgspec.json.decode(msgspec.json.encode(LANDING))
    del raw["arrival"]
    with pytest.raises(msgspec.ValidationError, match="arrival"):
        decode(msgspec.json.encode(raw))


@pytest.mark.parametrize("raw", [{}, {"kind": "another"}])
def test_a_contract_of_no_kind_is_refused(raw: dict[str, str]) -> None:
    whole = msgspec.json.decode(msgspec.json.encode(DERIVED))
    del whole["kind"]
    with pytest.raises(msgspec.ValidationError, match="kind"):
        decode(msgspec.json.encode(whole | raw))


def test_a_null_in_a_key_breaks_a_contract_unless_the_arrival_keeps_it() -> None:
    kept = msgspec.structs.replace(LANDING, arrival=Arrival("csv", null_keys="keep"))
    found = [contract.must_be_present(contract.column("id")) for contract in (LANDING, DERIVED, kept)]
    assert found == [True, True, False]


def test_a_contract_of_neither_kind_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="LandingContract or a DerivedContract"):
        Contract("orders", "bronze", ())
