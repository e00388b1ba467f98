"""The one place of the local AWS that opens a DuckDB connection: out of reach of files, network and settings."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

_CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
}


def connect(settings: Mapping[str, str | int]) -> duckdb.DuckDBPyConnection:
    """Return an empty database in memory, in UTC, that SQL can neither leave nor set otherwise.

    It writes to the folder of the setting ``temp_directory`` what does not fit into memory.
    """
    connection = duckdb.connect(config={**_CLOSED, **settings})
    connection.execute("SET TimeZone = 'UTC'")
    # The temporary directory cannot be set once files are out of reach, so this comes second.
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection
