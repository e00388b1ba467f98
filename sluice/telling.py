"""Names in SQL that engines take for functions about themselves, and the mark of Spark's variables."""

from __future__ import annotations

#: Such names of DuckDB and Spark, in lower case; they need no parentheses and may be quoted.
TELLING = frozenset({
    "current_catalog", "current_database", "current_role", "current_schema", "current_time", "current_user",
    "localtime", "localtimestamp", "session_user", "user",
})  # fmt: skip

#: Begins a variable that Spark replaces in a query before it parses the query.
VARIABLE = "${"
