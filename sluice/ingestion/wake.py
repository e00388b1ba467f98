"""Wakes committers by messages that say only that something is staged; the committer lists the units itself."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterable

from sluice.contracts import LandingContract
from sluice.ingestion.stage import StagedUnit
from sluice.settings import Settings
from sluice.storage import client

_SLOWEST_PACE, _SLOWEST_STREAM_PACE = 5.0, 60.0


def commit_pace(contract: LandingContract) -> float:
    """Return the least seconds between two commits of the contract's tables, from the freshness that it states.

    A stream never pauses, so its tables get a snapshot in each such interval.
    """
    if contract.arrival.stream:
        return min(_SLOWEST_STREAM_PACE, max(1.0, contract.freshness_seconds / 60))
    return min(_SLOWEST_PACE, max(1.0, contract.freshness_seconds / 3600))


def wake_committers(settings: Settings, units: Iterable[StagedUnit]) -> None:
    """Send one message per unit, in its dataset's message group; the queue drops a repeated message for a unit."""
    for unit in units:
        wake(settings, unit.dataset, unit.attempt)


def wake_at_intervals(settings: Settings, contract: LandingContract) -> None:
    """Wake the committer of a stream once per interval of its commit pace, at the interval's end.

    With a message for every batch, messages would arrive faster than the committer, once per interval, uses them up.
    """
    pace = commit_pace(contract)
    interval = math.floor(time.time() / pace)
    wake(settings, contract.name, f"interval {interval}", not_before=(interval + 1) * pace)


def wake(settings: Settings, dataset: str, occasion: str, *, not_before: float = 0.0, maintain: bool = False) -> None:
    """Send the committer of ``dataset`` a message; the queue drops a second one for the same ``occasion``.

    With ``maintain`` it then deletes what is older than the dataset's retention.
    """
    body = (
        {"dataset": dataset}
        | ({"notBefore": not_before} if not_before else {})
        | ({"maintain": True} if maintain else {})
    )
    client("sqs").send_message(
        QueueUrl=settings.commit_queue_url,
        MessageGroupId=dataset,
        MessageDeduplicationId=hashlib.sha256(f"{dataset}\n{occasion}".encode()).hexdigest(),
        MessageBody=json.dumps(body),
    )
