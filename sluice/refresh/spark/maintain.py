"""Expires old snapshots of a table after runs on Spark, as ``sluice.tables.maintain`` does after runs on DuckDB."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from sluice.errors import CommitConflict
from sluice.refresh.spark.branch import conflicts
from sluice.refresh.spark.lake import Lake
from sluice.tables.upkeep import WORTH_EXPIRING, keep_seconds

log = logging.getLogger(__name__)


def expire_snapshots(lake: Lake, table: str, *, keep: float | None = None, worth: int = WORTH_EXPIRING) -> int:
    """Expire the table's snapshots older than ``keep`` seconds and delete the files that only they refer to.

    None for ``keep`` stands for as long as every table's are kept. Return how many were expired. That is 0, and the
    next run tries again, when fewer than ``worth`` are that old or another writer commits meanwhile.
    """
    head = lake.head(table)
    oldest = datetime.now(UTC) - timedelta(seconds=keep_seconds(len(head.committed)) if keep is None else keep)
    moment = f"TIMESTAMP_LTZ '{oldest:%Y-%m-%d %H:%M:%S.%f}+00:00'"
    old = sum(at < oldest.timestamp() for snapshot, at in head.committed.items() if snapshot not in head.referred)
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
    return old
