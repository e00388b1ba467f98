"""SQS batch of S3 'Object Created' events → staged units, and a wake-up for each dataset's committer."""

from __future__ import annotations

import logging
from typing import Any

from sluice.errors import DeliveryError
from sluice.ingestion.dead_letters import event_for, read_notice
from sluice.ingestion.ingest import ingest_files
from sluice.ingestion.landing import Notice
from sluice.ingestion.retry import give_back
from sluice.ingestion.surroundings import of_call
from sluice.ingestion.wake import wake_committers
from sluice.settings import Settings
from sluice.storage import client

log = logging.getLogger("sluice")
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Stage every file of the batch; messages that must come again are returned as item failures."""
    around = of_call(context, _hand_on)
    notices, failed = _notices(event["Records"])
    outcome = ingest_files(notices, around)
    wake_committers(around.settings, around.project, outcome.units)
    return give_back(around.settings.landing_queue_url, event["Records"], [*failed, *outcome.failed])


def _notices(records: list[dict[str, Any]]) -> tuple[list[Notice], list[str]]:
    """Return the notices, and the ids of messages that contain none."""
    notices, failed = [], []
    for record in records:
        try:
            received = int(record["attributes"]["ApproximateReceiveCount"])
            notices.append(read_notice(record["body"], reference=record["messageId"], received=received))
        except DeliveryError as error:
            log.error("%s", error)
            failed.append(record["messageId"])
    return notices, failed


def _hand_on(settings: Settings, notice: Notice) -> None:
    """Hand the file on to a call of its own, asynchronously: Lambda keeps the event until that call has ended."""
    log.info("%s is read by a call of its own", notice.uri)
    client("lambda").invoke(
        FunctionName=settings.ingest_alone_function, InvocationType="Event", Payload=event_for(notice)
    )
