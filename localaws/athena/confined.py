"""Opens every DuckDB connection of the local AWS, without access to files, network and settings.

https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
"""

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
    """Return an empty in-memory database, in UTC, whose SQL can reach no file or network and change no setting.

    What does not fit into memory is written to the folder of the setting ``temp_directory``.
    """
    connection = duckdb.connect(config={**_CLOSED, **settings})
    connection.execute("SET TimeZone = 'UTC'")
    # The temporary directory cannot be set once files are out of reach, so this comes second.
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection
