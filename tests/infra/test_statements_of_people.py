"""Each statement of each role for people is needed: without it, the test of the role's work fails by being refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.infra import test_people_at_work as at_work
from tests.infra.people import Deployed
from tests.infra.people_uses import PEOPLE
from tests.infra.proving import every_statement
from tests.infra.work import Watch, Work, tidy

pytestmark = [pytest.mark.slow, pytest.mark.proof]


def does(test: Callable[[Deployed], None]) -> Work:
    """Return the work that a test of people does; it judges itself what was refused."""

    def work(deployed: Deployed, watch: Watch) -> None:
        try:
            test(deployed)
        finally:
            tidy(deployed)

    return work


WORK: dict[str, Work] = {
    "Analyst": does(at_work.test_an_analyst_asks_of_what_is_open),
    "Steward": does(at_work.test_a_steward_looks_at_quarantine_tries_again_gives_up_and_retracts),
    "Operator": does(at_work.test_an_operator_watches_refreshes_pauses_and_tries_again),
    "OrdersProducer": does(at_work.test_a_producer_of_files_delivers),
    "ClicksProducer": does(at_work.test_a_producer_of_a_stream_sends),
}


@pytest.mark.parametrize("name", PEOPLE)
def test_without_any_one_statement_the_test_of_a_roles_work_fails(peopled: Deployed, name: str) -> None:
    every_statement(peopled, name, [WORK[name]], restored_once=True)
