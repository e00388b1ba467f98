"""What engines take in a text for something of their own: names that tell of themselves, and variables."""

from __future__ import annotations

#: Of DuckDB and of Spark, in lower case: written without parentheses, quoted or not.
TELLING = frozenset({
    "current_catalog", "current_database", "current_role", "current_schema", "current_time", "current_user",
    "localtime", "localtimestamp", "session_user", "user",
})  # fmt: skip

#: Where Spark writes a variable of the process into a text, before it reads it as SQL.
VARIABLE = "${"
