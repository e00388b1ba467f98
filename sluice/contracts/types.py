"""Column types: those that Athena, Spark, DuckDB and Iceberg all have with the same meaning.

Money is decimal, timestamps are UTC with microseconds.
"""

from __future__ import annotations

import re

import msgspec

from sluice.nearest import nearest

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

#: What other systems call a type.
_ELSEWHERE = {
    "integer": "int",
    "long": "bigint",
    "int64": "bigint",
    "int32": "int",
    "smallint": "int",
    "tinyint": "int",
    "short": "int",
    "number": "decimal(12,2)",
    "numeric": "decimal(12,2)",
    "money": "decimal(12,2)",
    "varchar": "string",
    "char": "string",
    "text": "string",
    "str": "string",
    "uuid": "string",
    "json": "string",
    "bool": "boolean",
    "datetime": "timestamp",
    "timestamptz": "timestamp",
    "timestamp_ntz": "timestamp",
    "real": "float",
    "float64": "double",
    "float32": "float",
    "bytes": "binary",
    "blob": "binary",
}

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
    meant = f" did you mean {near!r}?" if (near := _meant(spelled)) else ""
    raise ValueError(f"{text!r} is not a column type;{meant} allowed: {', '.join(ALLOWED)}")


def _meant(spelled: str) -> str:
    """Return the type that was probably meant: one of another system's names, or the nearest; an empty text if none."""
    name = re.split("[(<]", spelled)[0].strip()
    if name in ("array", "map", "struct", "list", "row"):
        return "string"
    if name in _ELSEWHERE:
        other = _ELSEWHERE[name]
        return _decimal(spelled) if other.startswith("decimal") else other
    near = nearest(name.split()[0] if name.split() else "", (*DUCKDB_NAMES, "decimal"))
    return _decimal(spelled) if near == "decimal" else near


def _decimal(spelled: str) -> str:
    """Return the decimal type that has the first two of the numbers that are written, as far as they make one."""
    precision, scale = [*map(int, re.findall("[0-9]{1,3}", spelled)), 0, 0][:2]
    fits = 1 <= precision <= _MAX_PRECISION and scale <= precision
    return f"decimal({precision},{scale})" if fits else "decimal(12,2)"
