"""The order of a key's and a partitioning's columns is the one that is meant: positions are 1, 2, 3 … or none."""

from __future__ import annotations

import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sluice.contracts import Contract
from sluice.errors import ContractError
from sluice.load import load_contract
from tests.sluice.contracts.test_odcs import DERIVED

KINDS = {"primaryKey": "primaryKeyPosition", "partitioned": "partitionKeyPosition"}


def read(flag: str, positions: list[int | None], *, said: bool = True) -> Contract:
    """Return a contract with a column c0, c1 … for each position; with ``said``, of which all have the flag."""
    contract: dict[str, Any] = deepcopy(DERIVED)
    contract["schema"][0]["properties"] = [
        {"name": f"c{number}", "physicalType": "string", **({flag: True} if said else {})}
        | ({} if position is None else {KINDS[flag]: position})
        for number, position in enumerate(positions)
    ]
    contract["schema"][0]["quality"] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "things.yaml"
        path.write_text(yaml.safe_dump(contract, sort_keys=False))
        return load_contract(path)


def order(flag: str, contract: Contract) -> list[str]:
    return list(contract.key) if flag == "primaryKey" else [field.column for field in contract.partitioning]


@pytest.mark.parametrize("flag", KINDS)
@given(positions=st.lists(st.none() | st.integers(-2, 4), min_size=1, max_size=4))
def test_positions_order_columns_or_are_refused(flag: str, positions: list[int | None]) -> None:
    none = all(position in (None, -1) for position in positions)
    if none or sorted(p or 0 for p in positions) == list(range(1, len(positions) + 1)):
        numbered = enumerate(positions) if none else sorted(enumerate(positions), key=lambda each: each[1] or 0)
        assert order(flag, read(flag, positions)) == [f"c{number}" for number, _ in numbered]
        return
    with pytest.raises(ContractError, match=rf"things\.yaml:[0-9]+: schema\.0\.properties\.[0-9]\.{KINDS[flag]}: "):
        read(flag, positions)


@pytest.mark.parametrize("flag", KINDS)
def test_a_position_is_one_of_a_column_that_has_it(flag: str) -> None:
    with pytest.raises(ContractError, match=rf"c0 is not {flag}: true"):
        read(flag, [1], said=False)
    assert order(flag, read(flag, [-1], said=False)) == []
