"""dbt-athena against the local AWS: a project from its seeds to its documentation."""

from __future__ import annotations

import pytest

from tests.clients.environments import FOLDER, outcomes
from tests.clients.test_python import steps

pytestmark = [pytest.mark.slow, pytest.mark.proof]
PROGRAM = FOLDER / "dbt" / "dbt_project.py"


@pytest.fixture(scope="module")
def ended(aws: dict[str, str]) -> dict[str, str | None]:
    return outcomes(PROGRAM, aws, "dbt")


@pytest.mark.parametrize("step", steps(PROGRAM))
def test_a_project_of_dbt_works_unchanged(ended: dict[str, str | None], step: str) -> None:
    assert ended[step] is None, ended[step]
