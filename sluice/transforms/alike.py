"""Makes DuckDB compute what Spark computes, where the same function means something else in each."""

from __future__ import annotations

import sqlglot
from sqlglot import exp


def alike(sql: str) -> str:
    """Return ``sql``, of DuckDB, with every function meaning what it means in Spark.

    Spark trims spaces, DuckDB also what else Unicode calls a space (U+00A0, U+2003).
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    trims = [trim for trim in tree.find_all(exp.Trim) if trim.expression is None]
    for trim in trims:
        trim.set("expression", exp.Literal.string(" "))
    return tree.sql(dialect="duckdb", pretty=True) if trims else sql
