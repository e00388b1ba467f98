"""SQS batch of S3 'Object Created' events → staged units, and a wake-up for each dataset's committer."""

from __future__ import annotations

import logging
from typing import Any

from sluice.bounded import Messages
from sluice.errors import DeliveryError
from sluice.ingestion.adopt import data_folder
from sluice.ingestion.dead_letters import event_for, read_notice
from sluice.ingestion.ingest import Surroundings, ingest_files
from sluice.ingestion.landing import Notice
from sluice.ingestion.retry import give_back
from sluice.ingestion.wake import wake_committers
from sluice.ledger import Ledger
from sluice.project import deployed_project
from sluice.settings import Settings, settings_from_environment
from sluice.storage import client

log = logging.getLogger("sluice")
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Stage every file of the batch; messages that must come again are returned as item failures."""
    settings = settings_from_environment()
    notices, failed = _notices(event["Records"])
    around = Surroundings(
        project=deployed_project(),
        settings=settings,
        ledger=Ledger(settings.ledger_table, Messages(settings.lake)),
        data_folder=lambda contract: data_folder(settings, contract),
        time_left=lambda: context.get_remaining_time_in_millis() / 1000,
        hand_on=lambda notice: _hand_on(settings, notice),
    )
    outcome = ingest_files(notices, around)
    wake_committers(settings, outcome.units)
    return give_back(settings.landing_queue_url, event["Records"], [*failed, *outcome.failed])


def _notices(records: list[dict[str, Any]]) -> tuple[list[Notice], list[str]]:
    """Return the notices, and the ids of messages that are none."""
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
    """Let a call of its own read the file; Lambda keeps the event until that has ended."""
    log.info("%s is read by a call of its own", notice.uri)
    client("lambda").invoke(
        FunctionName=settings.ingest_alone_function, InvocationType="Event", Payload=event_for(notice)
    )
