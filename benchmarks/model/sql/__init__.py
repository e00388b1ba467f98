"""The model as SQL for DuckDB, written by hand: ``{database.table}`` stands for a table's rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

_FOLDER = Path(__file__).parent
TABLES = (
    "silver.latest_products",
    "silver.latest_orders",
    "silver.latest_lines",
    "gold.sales_by_day",
    "gold.sales_by_month",
)


def query(table: str, rows_of: Callable[[str], str]) -> str:
    """Return the SELECT that makes ``table``; ``rows_of`` says how a table's rows are named in SQL."""
    text = (_FOLDER / f"{table}.sql").read_text(encoding="utf-8")
    return re.sub(r"\{(\w+\.\w+)\}", lambda found: rows_of(found[1]), text)
