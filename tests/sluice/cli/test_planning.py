"""What `sluice rollback` tells of the files that are on their way."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sluice.cli import planning
from sluice.cli.deployment import Deployment
from sluice.cli.planning import roll_back
from sluice.ledger import Delivery

OUTPUTS = {"LedgerTableName": "ledger", "RunFunctionName": "run", "RefreshStateMachineArn": "arn:machine"}
STATES = ("failing", "staged", "set_aside", "committed", "rejected", "duplicate")


class Aws:
    """What a rollback asks AWS: each call by its name, in order."""

    def __init__(self) -> None:
        self.asked = list[str]()

    def invoke(self, **given: Any) -> dict[str, Any]:
        self.asked.append("invoke")
        return {"Payload": BytesIO(json.dumps({"done": {"to": "1"}, "made_of": ["orders", "lines"]}).encode())}

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:ann"}

    def start_execution(self, **given: Any) -> None:
        self.asked.append("start")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    made = Aws()
    monkeypatch.setattr(planning, "client", lambda service: made)
    return made


def test_files_that_an_ingestor_has_seen_and_nobody_waits_for_are_on_their_way(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = {
        "orders": [Delivery("orders", state, state) for state in STATES],
        "lines": [Delivery("lines", "x", "committed")],
    }
    monkeypatch.setattr(planning.Ledger, "deliveries", lambda self, name: iter(held[name]))
    assert roll_back(Deployment(OUTPUTS), "gold.days", "1") == {"to": "1", "in_flight": {"orders": 2}}


def test_a_rollback_that_is_done_is_told_though_the_ledger_cannot_be_read(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: object, name: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Query")

    monkeypatch.setattr(planning.Ledger, "deliveries", denied)
    assert roll_back(Deployment(OUTPUTS), "gold.days", "1") == {"to": "1", "in_flight": None}
    assert aws.asked == ["invoke", "start"]
