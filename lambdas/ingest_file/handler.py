"""SQS batch of S3 'Object Created' events → staged units, and a wake-up for each dataset's committer."""

from __future__ import annotations

import json
import logging
from typing import Any

import pyarrow as pa

from sluice.contracts import Contract
from sluice.ingestion.ingest import ingest_files
from sluice.ingestion.landing import Notice
from sluice.ingestion.retry import give_back
from sluice.ingestion.wake import wake_committers
from sluice.project import deployed_project
from sluice.settings import settings_from_environment

logging.getLogger("sluice").setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Stage every file of the batch; messages that must come again are returned as item failures."""
    settings = settings_from_environment()
    notices = [_notice(record) for record in event["Records"]]
    outcome = ingest_files(
        notices,
        deployed_project(),
        settings,
        data_folder=_data_folder,
        time_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    wake_committers(settings, outcome.units)
    return give_back(settings.landing_queue_url, event["Records"], outcome.failed)


def _notice(record: dict[str, Any]) -> Notice:
    detail = json.loads(record["body"])["detail"]
    item = detail["object"]
    return Notice(
        bucket=detail["bucket"]["name"],
        key=item["key"],
        version_id=item.get("version-id", ""),
        size=int(item["size"]),
        reference=record["messageId"],
    )


def _data_folder(contract: Contract) -> tuple[str, pa.Schema]:
    """Return where the dataset's table keeps its data, and its schema with field ids."""
    from sluice.tables.catalog import glue_catalog
    from sluice.tables.schema import arrow_with_field_ids

    table = glue_catalog().load_table((settings_from_environment().database(contract.database), contract.name))
    return f"{table.location()}/data/", arrow_with_field_ids(table.schema())
