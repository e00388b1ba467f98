"""How a table is kept healthy, whichever engine writes it: snapshots, sizes of files. Needs nothing but Python."""

from __future__ import annotations

#: Time travel reaches this far back; expiring costs a commit, so it is done for so many snapshots at once.
KEEP_SECONDS, WORTH_EXPIRING = 5 * 86_400, 50
#: Bytes of a data file at least and at most, and how many files a table has in between.
_LEAST_FILE, _MOST_FILE, _FILES = 1 << 20, 128 << 20, 64


def file_size(table_bytes: int) -> int:
    """Return how large a table's data files shall be, bytes.

    A change rewrites the files that it touches, so even a small table has several; readers of large ones want few.
    """
    return min(max(table_bytes // _FILES, _LEAST_FILE), _MOST_FILE)
