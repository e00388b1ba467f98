"""One file, invoked asynchronously → a staged unit and a wake-up.

A call that dies, or raises, is made again by Lambda after one and after two minutes; then its record goes to landing's
dead letters, where the sweep takes it up.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import logging
from typing import Any

from sluice.bounded import bounds_errors
from sluice.errors import NotStaged
from sluice.ingestion.ingest import ingest_files, reject_unread
from sluice.ingestion.landing import to_notice
from sluice.ingestion.surroundings import of_call
from sluice.ingestion.wake import wake_committers
from sluice.settings import settings_from_environment

logging.getLogger("sluice").setLevel(logging.INFO)


@bounds_errors(lambda: settings_from_environment().lake)
def handler(event: dict[str, Any], context: Any) -> None:
    """Stage the file of ``event["notice"]``; with ``event["unread"]`` quarantine it whole for that reason."""
    if event.get("are_you_well"):  # asked before a file is blamed for the deaths of this function
        return
    notice, around = to_notice(event["notice"]), of_call(context)
    unread = event.get("unread")
    outcome = reject_unread(notice, unread, around) if unread else ingest_files([notice], around)
    wake_committers(around.settings, around.project, outcome.units)
    if outcome.failed:
        entry = around.ledger.known([(notice.dataset, notice.delivery_id)]).get(notice.delivery_id)
        raise NotStaged(
            f"{notice.uri} could not be staged: {entry.error if entry else 'see the log'}",
            dataset=notice.dataset,
            file=notice.uri,
        )
