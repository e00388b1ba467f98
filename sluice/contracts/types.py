"""Column types: those that Athena, Spark, DuckDB and Iceberg all have with the same meaning.

Money is decimal, timestamps are UTC with microseconds.
"""

from __future__ import annotations

import re

import msgspec

#: Simple type names, as Athena and Spark spell them, to the names DuckDB understands.
DUCKDB_NAMES = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "binary": "BLOB",
}
ALLOWED = (*DUCKDB_NAMES, "decimal(precision,scale)")

_DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_MAX_PRECISION = 38


class ColumnType(msgspec.Struct, frozen=True):
    """One column's type: ``name`` as Athena spells it; ``precision`` and ``scale`` for decimals only."""

    name: str
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.name == "decimal" else self.name

    @property
    def duckdb(self) -> str:
        """Return the type as DuckDB spells it."""
        return f"DECIMAL({self.precision},{self.scale})" if self.name == "decimal" else DUCKDB_NAMES[self.name]


def parse_type(text: str) -> ColumnType:
    """Return the type that ``text`` names; ``ValueError`` lists what is allowed."""
    spelled = text.strip().lower()
    if spelled in DUCKDB_NAMES:
        return ColumnType(spelled)
    if match := _DECIMAL.fullmatch(spelled):
        precision, scale = int(match[1]), int(match[2])
        if 1 <= precision <= _MAX_PRECISION and scale <= precision:
            return ColumnType("decimal", precision, scale)
        if scale > precision:
            raise ValueError(
                f"{text!r} is not a column type: its scale, {scale} digits after the point, is more than its "
                f"precision, {precision} digits in all; allowed: {', '.join(ALLOWED)}"
            )
        raise ValueError(f"{text!r} is not a column type: a precision is 1 to {_MAX_PRECISION} digits")
    raise ValueError(f"{text!r} is not a column type; allowed: {', '.join(ALLOWED)}")
