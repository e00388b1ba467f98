"""Synthesis refuses what `sluice check` refuses: nothing is deployed that was not bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.errors import ContractError
from sluice.load import load_project
from tests.sluice.hostile import HOSTILE, SUBSTITUTED, filled
from tests.sluice.test_confined import CONTRACT

pytestmark = pytest.mark.slow

#: Each is refused by `sluice check` in tests/sluice/test_confined.py; that synthesis goes the same way, a share tells.
_SHARE = 9
_TEXTS = [*HOSTILE, *SUBSTITUTED, "SELECT count(*) FROM {table} WHERE nothing = 1", "SELECT 1 FROM silver.no"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, marks=() if number % _SHARE == 0 or text in _TEXTS[-2:] else pytest.mark.proof)
        for number, text in enumerate(_TEXTS)
    ],
)
def test_synthesis_refuses_it_with_its_place(text: str, tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    (contracts / "things.yaml").write_text(CONTRACT.format(query=filled(text, tmp_path).replace("'", "''")))
    with pytest.raises(ContractError, match=r"things\.yaml:15: schema\.0\.quality\.0\.query: "):
        load_project([contracts])
