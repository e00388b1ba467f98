"""Kinesis batch → staged units, a wake-up for each dataset's committer, and events for what the rules find."""

from __future__ import annotations

import logging
from typing import Any

from sluice.ingestion.ingest_stream import ingest_records
from sluice.ingestion.rules.watch import Memory, Watch
from sluice.ingestion.wake import Known, wake_committers
from sluice.project import deployed_project
from sluice.settings import settings_from_environment
from sluice.storage import S3Store

logging.getLogger("sluice").setLevel(logging.INFO)
#: Live as long as this warm function does: what the rules watch, and when commits are due.
_MEMORY: Memory = {}
_DUE: Known = {}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Stage the batch; a record that breaks its contract is quarantined, any other failure fails the whole batch.

    With ``event["unread"]`` the records are quarantined unread for that reason: reading them ended this function.

    Operational events are sent last: when sending fails, the records are staged already, and Lambda retries the batch.
    """
    del context
    settings = settings_from_environment()
    watch = Watch(_MEMORY)
    project = deployed_project()
    unread = event.get("unread", "")
    units = ingest_records(event["Records"], project, settings, S3Store(), watch.add, unread=unread)
    wake_committers(settings, project, units, _DUE)
    watch.tell(settings)
    return {"batchItemFailures": []}
