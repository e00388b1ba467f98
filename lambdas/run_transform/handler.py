"""Step of the refresh workflow: refreshes one derived table on DuckDB and writes the run to the ledger."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from sluice.bounded import Messages, bounds_errors
from sluice.ledger import Ledger, to_backfill
from sluice.project import deployed_project
from sluice.refresh.duckdb.engine import DuckDbEngine
from sluice.settings import settings_from_environment
from sluice.storage import S3Store
from sluice.tables.catalog import glue_catalog

log = logging.getLogger(__name__)


@bounds_errors(lambda: settings_from_environment().lake)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Refresh the table and return it with its new snapshot; write an error to the ledger and raise it again."""
    settings = settings_from_environment()
    ledger = Ledger(settings.ledger_table, Messages(settings.lake))
    table, started = event["table"], datetime.now(UTC).isoformat(timespec="microseconds")

    def load(name: str) -> Any:
        database, _, plain = name.partition(".")
        return glue_catalog().load_table((settings.database(database), plain))

    backfill = event.get("backfill") and to_backfill(event["backfill"])
    try:
        engine = DuckDbEngine(deployed_project(), load, S3Store(), int(context.memory_limit_in_mb))
        run = engine.run(table, run_id=event["run"], pinned=event.get("pinned"), backfill=backfill)
    except Exception as error:
        log.exception("%s failed", table)
        failure = {"run_id": event["run"], "status": "failed", "error": f"{type(error).__name__}: {error}"}
        ledger.record_run(failure, started=started, table=table)
        raise
    ledger.record_run({"status": "published", **msgspec.to_builtins(run)}, started=started, table=table)
    if backfill:
        ledger.finish_backfill(backfill)
    return {"table": table, "snapshot": run.snapshot, "rows": run.rows}
