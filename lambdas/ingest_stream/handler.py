"""Kinesis batch → staged units, and a wake-up for each dataset's committer."""

from __future__ import annotations

import logging
from typing import Any

from sluice.ingestion.ingest_stream import ingest_records
from sluice.ingestion.wake import wake_committers
from sluice.project import deployed_project
from sluice.settings import settings_from_environment
from sluice.storage import S3Store

logging.getLogger("sluice").setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Stage the batch; a broken record is no failure, and what is one fails the whole batch."""
    del context
    settings = settings_from_environment()
    units = ingest_records(event["Records"], deployed_project(), settings, S3Store())
    wake_committers(settings, units)
    return {"batchItemFailures": []}
