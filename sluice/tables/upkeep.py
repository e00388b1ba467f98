"""What both engines agree on about tables: how one without a snapshot is called, which snapshots are kept, file sizes.

Imports the standard library only.
"""

from __future__ import annotations

#: Stands for the snapshot of a table that has none yet.
EMPTY = "empty"
#: In the summary of a snapshot that retention made: the moment before which its rows were read, ISO 8601 in UTC.
RETIRED_BEFORE = "sluice.retired-before"
#: Table property: how many rows retention has removed so far. Its snapshots expire; what they removed does not return.
RETIRED_ROWS = "sluice.retired-rows"
#: Key in the summary of a snapshot that a rollback published: such a snapshot has files again that were removed.
ROLLED_BACK = "sluice.rolled-back"
#: Seconds for which snapshots are kept; fewer in a table with so many snapshots that its metadata grows. A refresh
#: never reads older ones.
_KEEP_SECONDS, _KEEP_SECONDS_WHEN_MANY, _MANY = 5 * 86_400, 2 * 3600, 500
#: How many snapshots are expired at once at least, since expiring costs a commit.
WORTH_EXPIRING = 50
#: The least and the greatest size of a data file in bytes, and the number of files that a table has between the two.
_LEAST_FILE, _MOST_FILE, _FILES = 1 << 20, 128 << 20, 64


def keep_seconds(snapshots: int) -> int:
    """Return for how many seconds the snapshots of a table are kept that has so many of them."""
    return _KEEP_SECONDS_WHEN_MANY if snapshots > _MANY else _KEEP_SECONDS


def file_size(table_bytes: int) -> int:
    """Return the target size in bytes of the data files of a table with ``table_bytes``.

    A change rewrites the files with affected rows, so even a small table has several; reading a large table is faster
    with few files.
    """
    return min(max(table_bytes // _FILES, _LEAST_FILE), _MOST_FILE)
