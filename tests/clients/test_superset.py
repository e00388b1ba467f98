"""Superset's own code against the local Athena, without its web pages: SQL Lab, data sets, charts."""

from __future__ import annotations

import pytest

from tests.clients.environments import FOLDER, outcomes
from tests.clients.test_python import steps

pytestmark = pytest.mark.proof
PROGRAM = FOLDER / "superset" / "superset_charts.py"


@pytest.fixture(scope="module")
def ended(aws: dict[str, str]) -> dict[str, str | None]:
    return outcomes(PROGRAM, aws, "superset")


@pytest.mark.parametrize("step", steps(PROGRAM))
def test_superset_asks_and_is_answered(ended: dict[str, str | None], step: str) -> None:
    assert ended[step] is None, ended[step]
