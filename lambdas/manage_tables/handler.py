"""CloudFormation custom resource: right after a deployment every contracted table exists and is as its contract says.

Create and Update ensure all tables; Delete keeps them. A rollback comes as an Update with the old contracts: columns
that the failed deployment added stay, since nothing is ever dropped.
"""

from __future__ import annotations

import logging
from typing import Any

from sluice.bounded import ANSWER_BYTES, Messages
from sluice.custom_resource import answer
from sluice.project import deployed_project
from sluice.settings import settings_from_environment
from sluice.tables.catalog import glue_catalog
from sluice.tables.manage import ensure_tables

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)
_PHYSICAL_ID = "sluice-tables"


def handler(event: dict[str, Any], context: Any) -> None:
    """Do what CloudFormation asks and answer it, also after an error, so that the stack does not wait in vain."""
    failed = ""
    settings = settings_from_environment()
    try:
        if event["RequestType"] != "Delete" and not _goes_back(event):
            for line in ensure_tables(glue_catalog(), deployed_project(), settings):
                log.info("%s", line)
    except Exception as error:
        log.exception("tables could not be made as their contracts say")
        failed = Messages(settings.lake).bounded(f"{type(error).__name__}: {error}", ANSWER_BYTES)
    answer(event, physical_id=_PHYSICAL_ID, failed=failed)


def _goes_back(event: dict[str, Any]) -> bool:
    """Return whether a failed update is rolled back while this function still has the contracts that failed.

    Then there is nothing to do: no table lost anything, so the tables still fit the previous contracts.
    """
    carried = deployed_project().contracts_fingerprint
    failed = event.get("OldResourceProperties", {}).get("Contracts")
    return bool(failed == carried != event["ResourceProperties"].get("Contracts"))
