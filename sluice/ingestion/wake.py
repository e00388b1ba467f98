"""Wakes committers by messages that say only that something is staged; the committer lists the units itself.

However much is staged, one message waits per dataset: whoever stages claims the next commit in the ledger, and only
the first to do so sends one. The message comes at once when nothing was committed for the dataset's latency, and else
when that has passed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, MutableMapping
from typing import Any

from sluice.contracts import LandingContract
from sluice.ingestion.stage import StagedUnit
from sluice.pace import Pace
from sluice.pace_items import CLOCKS, HORIZON, Waiting
from sluice.project import Project
from sluice.settings import Settings
from sluice.storage import client

#: Until when a commit is known to be due, by dataset: what is staged before that asks nobody.
Known = MutableMapping[str, float]


def wake_committers(
    settings: Settings, project: Project, units: Iterable[StagedUnit], known: Known | None = None
) -> None:
    """Have the units' datasets committed within their latency; call it when the units are staged."""
    for dataset in dict.fromkeys(unit.dataset for unit in units):
        contract = project.landing(dataset)
        assert contract is not None
        ask_commit(settings, contract, known)


def ask_commit(settings: Settings, contract: LandingContract, known: Known | None = None) -> bool:
    """Have a dataset committed within its latency; return False when that was asked for already."""
    now, pace, dataset = time.time(), Pace(settings.ledger_table), contract.name
    if known is not None and known.get(dataset, 0.0) - CLOCKS > now:
        return False
    waiting, first = pace.claim_commit(dataset, contract.latency_seconds, now)
    assert waiting.due is not None
    # Later ones get their message from a sweep, shortly before.
    if first and waiting.due - now <= HORIZON:
        try:
            send_due(settings, waiting)
        except Exception:
            pace.withdraw_commit(waiting)
            raise
    if known is not None:
        known[dataset] = waiting.due
    return first


def send_due(settings: Settings, waiting: Waiting, occasion: str = "") -> None:
    """Send the message of a commit that is due; without an ``occasion`` the queue drops a second one of its claim."""
    assert waiting.due is not None
    body = {"dataset": waiting.dataset, "notBefore": waiting.due, "paced": True}
    _send(settings, waiting.dataset, occasion or f"due {waiting.due} {waiting.asked}", body)


def send_refresh(settings: Settings, due: float, occasion: str = "") -> None:
    """Send the message by which the committer's function asks for the refresh that is due."""
    # In a group of its own: a later one that waits does not hold it up. Each message names a dataset, as functions of
    # an earlier Sluice want, to which somebody may go back: they find that none has this name.
    body = {"dataset": ".refresh", "refresh": True, "notBefore": due}
    _send(settings, f".refresh.{due:.0f}", occasion or f"due {due}", body)


def wake(settings: Settings, dataset: str, occasion: str, *, maintain: bool = False, through: bool = False) -> None:
    """Send the committer of ``dataset`` a message; the queue drops a second one for the same ``occasion``.

    It commits whatever its pace, past a message that waits. With ``maintain`` it then deletes what is older than the
    dataset's retention, with ``through`` it has what is made of the dataset refreshed at once.
    """
    asked = {"maintain": maintain, "through": through}
    _send(settings, f"{dataset}.now", occasion, {"dataset": dataset} | {name: True for name in asked if asked[name]})


def _send(settings: Settings, group: str, occasion: str, body: dict[str, Any]) -> None:
    client("sqs").send_message(
        QueueUrl=settings.commit_queue_url,
        MessageGroupId=group,
        MessageDeduplicationId=hashlib.sha256(f"{group}\n{occasion}".encode()).hexdigest(),
        MessageBody=json.dumps(body),
    )
