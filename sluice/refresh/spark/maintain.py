"""Expires old snapshots of a table after runs on Spark, as ``sluice.tables.maintain`` does after runs on DuckDB."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from sluice.errors import CommitConflict
from sluice.refresh.spark.branch import conflicts
from sluice.refresh.spark.lake import Lake
from sluice.tables.upkeep import KEEP_SECONDS, WORTH_EXPIRING

log = logging.getLogger(__name__)


def expire_snapshots(lake: Lake, table: str, *, keep_seconds: float = KEEP_SECONDS, worth: int = WORTH_EXPIRING) -> int:
    """Expire the table's snapshots older than ``keep_seconds`` and delete the files that only they refer to.

    Return how many were expired. That is 0, and the next run tries again, when fewer than ``worth`` are that old or
    another writer commits meanwhile.
    """
    oldest = datetime.now(UTC) - timedelta(seconds=keep_seconds)
    moment = f"TIMESTAMP_LTZ '{oldest:%Y-%m-%d %H:%M:%S.%f}+00:00'"
    snapshots = lake.spark.table(lake.name(table, "snapshots"))
    kept = [row[0] for row in lake.spark.sql(f"SELECT snapshot_id FROM {lake.name(table, 'refs')}").collect()]
    old = snapshots.where(f"committed_at < {moment}").where(~snapshots["snapshot_id"].isin(kept)).count()
    if old < worth:
        return 0
    name = lake.name(table).removeprefix("lake.")
    try:
        with conflicts(table):
            lake.spark.sql(
                f"CALL lake.system.expire_snapshots(table => '{name}', older_than => {moment}, retain_last => 1)"
            )
    except CommitConflict as conflict:
        log.info("%s keeps its old snapshots until the next run: %s", table, conflict)
        return 0
    return int(old)
