"""The same where logs, queues, topics, streams and the ledger have the deployment's own key: each statement is needed.

A role uses the key by way of several services, and has a statement for each of them.
"""

from __future__ import annotations

import pytest

from tests.infra import test_statements_of_people as of_people
from tests.infra.people import Deployed
from tests.infra.people_uses import PEOPLE
from tests.infra.proving import every_statement
from tests.infra.work import WORK

pytestmark = pytest.mark.proof


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in WORK if name != "Spark"])
def test_without_any_one_statement_the_roles_work_is_refused(encrypted: Deployed, name: str) -> None:
    every_statement(encrypted, name, WORK[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", PEOPLE)
def test_without_any_one_statement_the_test_of_a_roles_work_fails(encrypted: Deployed, name: str) -> None:
    every_statement(encrypted, name, [of_people.WORK[name]], restored_once=True)


@pytest.mark.spark
def test_without_any_one_statement_the_job_is_refused(encrypted: Deployed) -> None:
    every_statement(encrypted, "Spark", WORK["Spark"], restored_once=True)
