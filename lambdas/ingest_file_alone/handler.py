"""One file, invoked asynchronously → a staged unit and a wake-up.

A call that dies, or raises, is made again by Lambda after one and after two minutes; then its record goes to landing's
dead letters, where the sweep takes it up.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import logging
from typing import Any

from sluice.bounded import Messages, bounds_errors
from sluice.errors import DeliveryError
from sluice.ingestion.adopt import data_folder
from sluice.ingestion.ingest import Surroundings, ingest_files, reject_unread
from sluice.ingestion.landing import to_notice
from sluice.ingestion.wake import wake_committers
from sluice.ledger import Ledger
from sluice.project import deployed_project
from sluice.settings import settings_from_environment

logging.getLogger("sluice").setLevel(logging.INFO)


@bounds_errors(lambda: settings_from_environment().lake)
def handler(event: dict[str, Any], context: Any) -> None:
    """Stage the file of ``event["notice"]``; with ``event["unread"]`` quarantine it whole for that reason."""
    if event.get("are_you_well"):  # asked before a file is blamed for the deaths of this function
        return
    settings = settings_from_environment()
    notice = to_notice(event["notice"])
    around = Surroundings(
        project=deployed_project(),
        settings=settings,
        ledger=Ledger(settings.ledger_table, Messages(settings.lake)),
        data_folder=lambda contract: data_folder(settings, contract),
        time_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    unread = event.get("unread")
    outcome = reject_unread(notice, unread, around) if unread else ingest_files([notice], around)
    wake_committers(settings, outcome.units)
    if outcome.failed:
        entry = around.ledger.known([(notice.dataset, notice.delivery_id)]).get(notice.delivery_id)
        raise DeliveryError(
            f"{notice.uri} could not be staged: {entry.error if entry else 'see the log'}",
            safe="nothing of it was committed.",
            next_step="it is tried again by itself.",
        )
