"""Runs one transform on DuckDB over a few rows written out in a test."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sluice.contracts import Column
from sluice.project import Project
from sluice.tables.arrow import data_arrow
from tests.glue_jobs.transforming import TRANSFORMS, on_duckdb

Rows = list[dict[str, Any]]
MOMENT = datetime(2025, 3, 1, 12)
_FILL: dict[str, Any] = {
    "string": "x",
    "int": 1,
    "bigint": 1,
    "double": 1.0,
    "boolean": True,
    "date": date(2025, 3, 1),
    "timestamp": MOMENT,
    "decimal": Decimal(1),
}


def run(project: Project, table: str, **inputs: Rows) -> Rows:
    """Return the rows of ``table``, ordered by key; what an input's row does not say is null, or filled if it must be.

    An input that is not given is empty.
    """
    (item,) = [each for each in TRANSFORMS if each.table == table]
    assert inputs.keys() <= item.inputs.keys()
    tables = {}
    for name, source in item.inputs.items():
        contract = project.contract(source)
        empty = {
            column.name: _fill(column) if contract.must_be_present(column) else None for column in contract.columns
        }
        rows = [{**empty, **row} for row in inputs.get(name, [])]
        tables[name] = pa.Table.from_pylist(rows, schema=data_arrow(contract))
    found: Rows = on_duckdb(project, item, tables).to_pylist()
    key = project.contract(table).key
    return sorted(found, key=lambda row: tuple(row[name] for name in key))


def pick(rows: Rows, *names: str) -> list[tuple[Any, ...]]:
    """Return those columns of the rows."""
    return [tuple(row[name] for name in names) for row in rows]


def _fill(column: Column) -> Any:
    return column.rules.allowed[0] if column.rules.allowed else _FILL[column.type.name]
