"""Dialect fixes: rewrites DuckDB SQL where a function means something else on DuckDB than on Spark."""

from __future__ import annotations

import sqlglot
from sqlglot import exp


def alike(sql: str) -> str:
    """Return DuckDB's ``sql`` rewritten so that each function computes what it computes on Spark.

    So far this is ``trim``: Spark's removes the space character alone, DuckDB's also U+00A0, U+2003 and other spaces of
    Unicode. https://spark.apache.org/docs/3.5.6/api/sql/#trim
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    trims = [trim for trim in tree.find_all(exp.Trim) if trim.expression is None]
    for trim in trims:
        trim.set("expression", exp.Literal.string(" "))
    return tree.sql(dialect="duckdb", pretty=True) if trims else sql
