"""What `sluice rollback` tells of the files that are on their way."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from sluice.cli import planning
from sluice.cli.deployment import Deployment
from sluice.cli.planning import roll_back
from sluice.compiled import Pause
from sluice.ledger import Delivery

OUTPUTS = {
    "LedgerTableName": "ledger", "RunFunctionName": "run", "RefreshStateMachineArn": "arn:machine",
    "PlanFunctionName": "plan",
}  # fmt: skip
DONE = {"table": "gold.days", "to": "1", "snapshot": "3", "since": "2", "rows": 5, "rows_before": 7, "changed": True}
STATES = ("failing", "staged", "set_aside", "committed", "rejected", "duplicate")


class Aws:
    """What a rollback asks AWS: each call by its name, in order."""

    def __init__(self) -> None:
        self.asked = list[str]()

    def invoke(self, **given: Any) -> dict[str, Any]:
        self.asked.append("invoke")
        return {"Payload": BytesIO(json.dumps({"done": DONE, "made_of": ["orders", "lines"]}).encode())}

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:ann"}

    def start_execution(self, **given: Any) -> dict[str, str]:
        self.asked.append("start")
        return {"executionArn": "arn:aws:states:eu-central-1:1:execution:refresh:e1"}


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
    monkeypatch.setattr(planning.Ledger, "pauses", lambda self: iter(()))
    done = roll_back(Deployment(OUTPUTS), "gold.days", "1")
    assert (done["to"], done["in_flight"], done["paused"]) == ("1", {"orders": 2}, None)
    assert "(2 of orders)" in done["told"]
    assert "`sluice backfill gold.days` computes it anew at once" in done["told"]


def test_a_table_that_is_paused_and_rolled_back_or_backfilled_is_said_to_wait_for_its_resumption(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused = [Pause("gold.weeks", "bob", "2026-01-01"), Pause("gold.days", "ann", "2026-01-02")]
    monkeypatch.setattr(planning.Ledger, "deliveries", lambda self, name: iter(()))
    monkeypatch.setattr(planning.Ledger, "pauses", lambda self: iter(paused))
    done = roll_back(Deployment(OUTPUTS), "gold.days", "1")
    assert done["told"].endswith(
        "gold.days is paused since 2026-01-02 by ann, and no refresh computes it until `sluice resume gold.days`."
    )
    assert "computes it anew at once" not in done["told"]
    noted = {"noted": {"column": "", "first": "", "last": ""}, "paused": msgspec.to_builtins(paused[1])}
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(planning, "ask_planner", lambda _, question: asked.append(question) or noted)
    told = planning.request_backfill(Deployment(OUTPUTS), "gold.days", first="", last="", column="")["told"]
    assert told.endswith("It waits: " + done["told"].splitlines()[-1])
    # What is made of it is refreshed with it, whatever its latency.
    assert asked[-1]["forward"]["tables"] == ["gold.days"]
    assert asked[-1]["forward"]["followers"] is True


def test_a_rollback_that_is_done_is_told_though_the_ledger_cannot_be_read(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: object, name: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Query")

    monkeypatch.setattr(planning.Ledger, "deliveries", denied)
    monkeypatch.setattr(planning.Ledger, "pauses", lambda self: denied(self, "refresh"))
    done = roll_back(Deployment(OUTPUTS), "gold.days", "1")
    assert (done["to"], done["in_flight"]) == ("1", None)
    assert "the ledger cannot be read" in done["told"]
    assert aws.asked == ["invoke", "invoke", "start"]
