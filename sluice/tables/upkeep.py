"""Limits for snapshots and file sizes of tables, for both engines. Imports the standard library only."""

from __future__ import annotations

#: Seconds for which snapshots are kept, and how many are expired at once at least, since expiring costs a commit.
KEEP_SECONDS, WORTH_EXPIRING = 5 * 86_400, 50
#: The least and the greatest size of a data file in bytes, and the number of files that a table has between the two.
_LEAST_FILE, _MOST_FILE, _FILES = 1 << 20, 128 << 20, 64


def file_size(table_bytes: int) -> int:
    """Return the target size in bytes of the data files of a table with ``table_bytes``.

    A change rewrites the files with affected rows, so even a small table has several; reading a large table is faster
    with few files.
    """
    return min(max(table_bytes // _FILES, _LEAST_FILE), _MOST_FILE)
