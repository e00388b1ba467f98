"""Step of the refresh workflow: refreshes one derived table on DuckDB and writes the run to the ledger.

The command line calls it to roll a table back (``rollback``), which takes the rights of a run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from sluice.bounded import Messages, bounds_errors
from sluice.errors import CommandError, CommitConflict
from sluice.ledger import Ledger, to_backfill
from sluice.project import deployed_project
from sluice.refresh.duckdb.engine import DuckDbEngine
from sluice.refresh.plan import followers
from sluice.refresh.rollback import roll_back
from sluice.refresh.run import Held
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

    if "rollback" in event:
        return _roll_back(event, ledger, load, started)
    backfill = event.get("backfill") and to_backfill(event["backfill"])
    try:
        engine = DuckDbEngine(deployed_project(), load, S3Store(), int(context.memory_limit_in_mb))
        run = engine.run(table, run_id=event["run"], pinned=event.get("pinned"), backfill=backfill)
    except Held as held:
        log.info("%s", held)
        ledger.record_run({"run_id": event["run"], "status": "held", "reason": str(held)}, started=started, table=table)
        return {"table": table, "held": held.rollback.to}
    except Exception as error:
        log.exception("%s failed", table)
        failure = {"run_id": event["run"], "status": "failed", "error": f"{type(error).__name__}: {error}"}
        ledger.record_run(failure, started=started, table=table)
        raise
    ledger.record_run({"status": "published", **msgspec.to_builtins(run)}, started=started, table=table)
    if backfill:
        ledger.finish_backfill(backfill)
    return {"table": table, "snapshot": run.snapshot, "rows": run.rows}


def _roll_back(event: dict[str, Any], ledger: Ledger, load: Callable[[str], Any], started: str) -> dict[str, Any]:
    """Roll the table back and write that to the ledger; return what was done, or why it was refused."""
    table, to, by = event["table"], event["rollback"], event["by"]
    project = deployed_project()
    try:
        done = roll_back(project, load, table, to=to, by=by)
    except (CommandError, CommitConflict) as error:
        return {"refused": error.as_data()}
    told = msgspec.to_builtins(done)
    if told.pop("changed"):
        ledger.record_run({"status": "rolled back", "engine": "", "by": by, **told}, started=started, table=table)
    made_of = [given.name for given in project.arriving if table in followers(project, given.table)]
    return {"done": {**told, "changed": done.changed}, "made_of": made_of}
