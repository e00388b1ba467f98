"""Names that engines take for functions which tell of themselves, where no column is called so."""

from __future__ import annotations

#: Of DuckDB and of Spark, in lower case: written without parentheses, quoted or not.
TELLING = frozenset({
    "current_catalog", "current_database", "current_role", "current_schema", "current_time", "current_user",
    "localtime", "localtimestamp", "session_user", "user",
})  # fmt: skip
