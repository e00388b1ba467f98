"""Kinesis batch → staged units, a wake-up for each dataset's committer, and events for what the rules find."""

from __future__ import annotations

import logging
from typing import Any

from sluice.ingestion.ingest_stream import ingest_records
from sluice.ingestion.rules.watch import Memory, Watch
from sluice.ingestion.wake import wake_at_intervals
from sluice.project import deployed_project
from sluice.settings import settings_from_environment
from sluice.storage import S3Store

logging.getLogger("sluice").setLevel(logging.INFO)
#: Lives as long as this warm function does.
_MEMORY: Memory = {}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Stage the batch; a broken record is no failure, and what is one fails the whole batch.

    With ``event["unread"]`` its records are quarantined for that reason and none is read: each ended this function.

    Events come last: a topic that is down holds no record back from bronze, and the batch comes again for its events.
    """
    del context
    settings = settings_from_environment()
    watch = Watch(_MEMORY)
    project = deployed_project()
    unread = event.get("unread", "")
    units = ingest_records(event["Records"], project, settings, S3Store(), watch.add, unread=unread)
    for dataset in dict.fromkeys(unit.dataset for unit in units):
        contract = project.landing(dataset)
        assert contract is not None
        wake_at_intervals(settings, contract)
    watch.tell(settings)
    return {"batchItemFailures": []}
