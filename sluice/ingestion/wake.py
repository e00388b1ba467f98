"""Wake-ups for committers: a message says only that something is staged; the committer looks for itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from sluice.ingestion.stage import StagedUnit
from sluice.settings import Settings
from sluice.storage import client


def wake_committers(settings: Settings, units: Iterable[StagedUnit]) -> None:
    """Send one message per unit, in its dataset's message group; the same unit is told of once."""
    for unit in units:
        wake(settings, unit.dataset, unit.attempt)


def wake(settings: Settings, dataset: str, occasion: str) -> None:
    """Wake the committer of ``dataset``; a second message for the same ``occasion`` is dropped by the queue."""
    client("sqs").send_message(
        QueueUrl=settings.commit_queue_url,
        MessageGroupId=dataset,
        MessageDeduplicationId=hashlib.sha256(f"{dataset}\n{occasion}".encode()).hexdigest(),
        MessageBody=json.dumps({"dataset": dataset}),
    )
