"""Wake-ups for committers: a message says only that something is staged; the committer looks for itself."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterable

from sluice.contracts import Contract
from sluice.ingestion.stage import StagedUnit
from sluice.settings import Settings
from sluice.storage import client

_SLOWEST_PACE, _SLOWEST_STREAM_PACE = 5.0, 60.0


def commit_pace(contract: Contract) -> float:
    """Return the least seconds between commits: what must be fresh is committed often, what need not be seldom.

    A stream never pauses, so each of its tables gets a snapshot that often, day and night.
    """
    assert contract.arrival is not None
    if contract.arrival.stream:
        return min(_SLOWEST_STREAM_PACE, max(1.0, contract.freshness_seconds / 60))
    return min(_SLOWEST_PACE, max(1.0, contract.freshness_seconds / 3600))


def wake_committers(settings: Settings, units: Iterable[StagedUnit]) -> None:
    """Send one message per unit, in its dataset's message group; the same unit is told of once."""
    for unit in units:
        wake(settings, unit.dataset, unit.attempt)


def wake_at_intervals(settings: Settings, contract: Contract) -> None:
    """Wake the committer of a stream once in each interval of its pace, when that is over.

    What is staged by then is due; a wake-up for every batch would come faster than commits use them up.
    """
    pace = commit_pace(contract)
    interval = math.floor(time.time() / pace)
    wake(settings, contract.name, f"interval {interval}", not_before=(interval + 1) * pace)


def wake(settings: Settings, dataset: str, occasion: str, *, not_before: float = 0.0) -> None:
    """Wake the committer of ``dataset``; a second message for the same ``occasion`` is dropped by the queue."""
    client("sqs").send_message(
        QueueUrl=settings.commit_queue_url,
        MessageGroupId=dataset,
        MessageDeduplicationId=hashlib.sha256(f"{dataset}\n{occasion}".encode()).hexdigest(),
        MessageBody=json.dumps({"dataset": dataset} | ({"notBefore": not_before} if not_before else {})),
    )
