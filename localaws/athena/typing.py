"""The types of Athena (Trino): read from Hive and Iceberg declarations, converted to Arrow, spelled as Athena does.

https://docs.aws.amazon.com/athena/latest/ug/data-types.html
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pyarrow as pa
from pyiceberg import types as iceberg
from sqlglot import exp

from localaws.athena.errors import QueryFailed

DType = exp.DType
#: Integer types and the decimal precision that Trino gives each when it meets a decimal.
INTEGERS = {DType.TINYINT: 3, DType.SMALLINT: 5, DType.INT: 10, DType.BIGINT: 19}
FLOATS = {DType.FLOAT, DType.DOUBLE}
TEXT = {DType.VARCHAR, DType.TEXT, DType.CHAR}
TIMESTAMPS = {DType.TIMESTAMP, DType.TIMESTAMPNTZ}

_WIDER_FLOAT = (DType.FLOAT, DType.DOUBLE)
_SIMPLE = {
    DType.TINYINT: "tinyint",
    DType.SMALLINT: "smallint",
    DType.INT: "integer",
    DType.BIGINT: "bigint",
    DType.FLOAT: "real",
    DType.DOUBLE: "double",
    DType.BOOLEAN: "boolean",
    DType.DATE: "date",
    DType.TIME: "time",
    DType.VARBINARY: "varbinary",
    DType.BINARY: "varbinary",
    DType.JSON: "json",
    DType.UUID: "uuid",
    DType.NULL: "unknown",
}
_ARROW = {
    DType.TINYINT: pa.int8(),
    DType.SMALLINT: pa.int16(),
    DType.INT: pa.int32(),
    DType.BIGINT: pa.int64(),
    DType.FLOAT: pa.float32(),
    DType.DOUBLE: pa.float64(),
    DType.BOOLEAN: pa.bool_(),
    DType.DATE: pa.date32(),
    DType.VARBINARY: pa.binary(),
    DType.BINARY: pa.binary(),
}


@lru_cache(maxsize=4096)
def hive_type(declared: str) -> exp.DataType:
    """Return the type that a Glue column declares (``struct<a:int>``, ``decimal(12,2)``, ``string``)."""
    if declared.strip().lower() == "decimal":
        return decimal(10, 0)  # Hive's default, unlike Trino's decimal(38,0)
    kind = exp.DataType.build(declared, dialect="hive")
    for node in kind.find_all(exp.DataType):
        if node.this in TEXT:
            node.set("this", DType.VARCHAR)
        elif node.this in (DType.TIMESTAMPTZ, DType.TIMESTAMPLTZ, DType.TIMESTAMP):  # sqlglot's reading of Hive's
            node.set("this", DType.TIMESTAMP)
            node.set("expressions", [_param(3)])
    return kind


def declared_type(table: dict[str, Any], declared: str) -> exp.DataType:
    """Return the type of a column of a Glue table: Iceberg's timestamps have microseconds."""
    kind = hive_type(declared)
    if "metadata_location" not in (table.get("Parameters") or {}):
        return kind
    kind = kind.copy()
    for node in kind.find_all(exp.DataType):
        if node.this == DType.TIMESTAMP:
            node.set("expressions", [_param(6)])
    return kind


def iceberg_type(kind: Any) -> exp.DataType:  # noqa: PLR0911
    """Return the type of an Iceberg field."""
    if isinstance(kind, iceberg.DecimalType):
        return decimal(kind.precision, kind.scale)
    if isinstance(kind, iceberg.ListType):
        return nested(DType.ARRAY, [iceberg_type(kind.element_type)])
    if isinstance(kind, iceberg.MapType):
        return nested(DType.MAP, [iceberg_type(kind.key_type), iceberg_type(kind.value_type)])
    if isinstance(kind, iceberg.StructType):
        fields = [
            exp.ColumnDef(this=exp.to_identifier(f.name.lower()), kind=iceberg_type(f.field_type)) for f in kind.fields
        ]
        return nested(DType.STRUCT, fields)
    if isinstance(kind, iceberg.TimestampType):
        return timestamp(6)
    if isinstance(kind, iceberg.TimestamptzType):
        return exp.DataType(this=DType.TIMESTAMPTZ, expressions=[_param(6)])
    simple: dict[Any, DType] = {
        iceberg.BooleanType: DType.BOOLEAN,
        iceberg.IntegerType: DType.INT,
        iceberg.LongType: DType.BIGINT,
        iceberg.FloatType: DType.FLOAT,
        iceberg.DoubleType: DType.DOUBLE,
        iceberg.DateType: DType.DATE,
        iceberg.TimeType: DType.TIME,
        iceberg.StringType: DType.VARCHAR,
        iceberg.UUIDType: DType.UUID,
        iceberg.BinaryType: DType.VARBINARY,
        iceberg.FixedType: DType.VARBINARY,
    }
    found: DType = simple[type(kind)]
    return exp.DataType(this=found)


def decimal(precision: int, scale: int) -> exp.DataType:
    """Return ``decimal(precision, scale)``, limited to Trino's 38 digits."""
    return exp.DataType(this=DType.DECIMAL, expressions=[_param(min(38, precision)), _param(scale)])


def timestamp(precision: int) -> exp.DataType:
    """Return ``timestamp(precision)``."""
    return exp.DataType(this=DType.TIMESTAMP, expressions=[_param(precision)])


#: Names of the zone that a timestamp with a zone has when its type names none.
UTC = frozenset({"UTC", "Etc/UTC", "Z", "+00:00"})


def zoned(zone: str, precision: int) -> exp.DataType:
    """Return ``timestamp(precision) with time zone``, all of whose values have this zone."""
    kind = exp.DataType(this=DType.TIMESTAMPTZ, expressions=[_param(precision)])
    if zone != "UTC":
        kind.set("zone", zone)
    return kind


def zone_of(kind: exp.DataType) -> str:
    """Return the zone that the values of a type of timestamps with a zone have."""
    return str(kind.args.get("zone") or "UTC")


def nested(kind: DType, inner: list[Any]) -> exp.DataType:
    """Return an array, map or row type with these inner types."""
    return exp.DataType(this=kind, expressions=inner, nested=True)


def array_of(kind: Any) -> Any:
    """Return the type of an array of values of ``kind``; None when that is not known."""
    if kind is None or kind.this == DType.UNKNOWN:
        return None
    return nested(DType.ARRAY, [kind.copy()])


def element_of(kind: Any) -> Any:
    """Return the type of an array's elements; None for another type."""
    return kind.expressions[0] if kind is not None and kind.this == DType.ARRAY and kind.expressions else None


def kept(kind: exp.DataType) -> exp.DataType:
    """Return a type of Athena's as DuckDB keeps its values: JSON is a text there."""
    made = kind.copy()
    for part in list(made.find_all(exp.DataType)):
        if part.this == DType.JSON:
            part.set("this", DType.VARCHAR)
    return made


def row_of(kinds: list[Any]) -> Any:
    """Return the type of a row without names; None when the type of one of its fields is not known."""
    if any(kind is None or kind.this == DType.UNKNOWN for kind in kinds):
        return None
    return nested(DType.STRUCT, [kind.copy() for kind in kinds])


def fields(kind: exp.DataType) -> list[tuple[str | None, exp.DataType]]:
    """Return the fields of a row, each with its name; None for that of a field without one."""
    found: list[tuple[str | None, exp.DataType]] = []
    for part in kind.expressions:
        named: Any = part
        found.append((named.name, named.kind) if isinstance(part, exp.ColumnDef) else (None, named))
    return found


def places(kind: exp.DataType) -> list[str | int]:
    """Return by what DuckDB finds each field of a row: its number if no field has a name, otherwise a name of its own.

    DuckDB has rows with names and rows without: among fields with names, one without or with another's gets its own.
    """
    names = [name for name, _ in fields(kind)]
    if all(name is None for name in names):
        return list(range(1, len(names) + 1))
    found: list[str | int] = []
    for number, name in enumerate(names, 1):
        chosen = name if name is not None and name not in names[: number - 1] else f"field {number}"
        found.append(chosen)
    return found


def has_rows(kind: exp.DataType | None) -> bool:
    """Return whether a type is of rows, or of arrays or maps that have some."""
    if kind is None or kind.this not in (DType.ARRAY, DType.MAP, DType.STRUCT):
        return False
    return kind.this == DType.STRUCT or any(has_rows(each) for _, each in fields(kind))


def has_null(kind: exp.DataType | None) -> bool:
    """Return whether a type is that of NULL, or of arrays, maps or rows that have nothing else in a place."""
    if kind is None or kind.this not in (DType.ARRAY, DType.MAP, DType.STRUCT):
        return kind is not None and kind.this == DType.NULL
    return any(has_null(each) for _, each in fields(kind))


def parameters(kind: exp.DataType) -> list[int]:
    """Return the numbers in a type's brackets: ``decimal(12,2)`` gives ``[12, 2]``."""
    return [int(p.name) for p in kind.expressions if isinstance(p, exp.DataTypeParam)]


def as_decimal(kind: exp.DataType | None) -> tuple[int, int] | None:
    """Return the precision and scale with which a number takes part in decimal arithmetic; None if it does not."""
    if kind is None:
        return None
    if kind.this in INTEGERS:
        return INTEGERS[kind.this], 0
    if kind.this == DType.DECIMAL:
        found = parameters(kind)
        return (found[0], found[1] if len(found) > 1 else 0) if found else (38, 0)
    return None


def interval(unit: str) -> exp.DataType:
    """Return the type of an interval of this unit: there is one of months, and one of what has a fixed length."""
    return exp.DataType(this=DType.INTERVAL, expressions=[exp.var("MONTH" if unit in ("YEAR", "MONTH") else "DAY")])


def trino_name(kind: Any) -> str:  # noqa: PLR0911
    """Return the type as Trino spells it: ``array(varchar)``, ``row(a integer)``, ``decimal(12,2)``."""
    this = kind.this
    if this == DType.CHAR:
        return f"char({(parameters(kind) or [1])[0]})"
    if this == DType.INTERVAL and kind.expressions:
        return f"interval {'year to month' if kind.expressions[0].name == 'MONTH' else 'day to second'}"
    if this in TEXT:
        size = parameters(kind)
        return f"varchar({size[0]})" if size else "varchar"
    if this == DType.DECIMAL:
        precision, scale = as_decimal(kind) or (38, 0)
        return f"decimal({precision},{scale})"
    if this in TIMESTAMPS:
        return f"timestamp({(parameters(kind) or [3])[0]})"
    if this == DType.TIMESTAMPTZ:
        return f"timestamp({(parameters(kind) or [3])[0]}) with time zone"
    if this == DType.ARRAY:
        return f"array({trino_name(kind.expressions[0])})"
    if this == DType.MAP and not kind.expressions:  # MAP()
        return "map(unknown, unknown)"
    if this == DType.MAP:
        if not kind.expressions:  # MAP()
            return "map(unknown, unknown)"
        return f"map({trino_name(kind.expressions[0])}, {trino_name(kind.expressions[1])})"
    if this == DType.STRUCT:
        inner = (
            f"{f.name} {trino_name(f.kind)}" if isinstance(f, exp.ColumnDef) else trino_name(f)
            for f in kind.expressions
        )
        return f"row({', '.join(inner)})"
    return _SIMPLE.get(this, str(this.value).lower())


def arrow_type(kind: exp.DataType) -> pa.DataType:  # noqa: PLR0911
    """Return the Arrow type that holds a value of ``kind``."""
    this = kind.this
    if this in TEXT:
        return pa.string()
    if this == DType.DECIMAL:
        return pa.decimal128(*(as_decimal(kind) or (38, 0)))
    if this in TIMESTAMPS:
        return pa.timestamp("us")
    if this == DType.ARRAY:
        return pa.list_(arrow_type(kind.expressions[0]))
    if this == DType.MAP:
        return pa.map_(arrow_type(kind.expressions[0]), arrow_type(kind.expressions[1]))
    if this == DType.STRUCT:
        return pa.struct([(f.name.lower(), arrow_type(f.kind)) for f in kind.expressions])
    if this == DType.TIMESTAMPTZ:
        return pa.timestamp("us", "UTC")
    if this == DType.TIME:
        return pa.time64("us")
    return _ARROW[this]


def from_arrow(kind: pa.DataType) -> exp.DataType | None:  # noqa: PLR0911
    """Return the Athena type of an Arrow column; None if Athena has no such type."""
    if pa.types.is_decimal(kind):
        return decimal(kind.precision, kind.scale)
    if pa.types.is_timestamp(kind):
        return exp.DataType(this=DType.TIMESTAMPTZ, expressions=[_param(3)]) if kind.tz else timestamp(3)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        element = from_arrow(kind.value_type)
        return nested(DType.ARRAY, [element]) if element else None
    if pa.types.is_map(kind):
        inner = [from_arrow(kind.key_type), from_arrow(kind.item_type)]
        return nested(DType.MAP, inner) if all(inner) else None
    if pa.types.is_struct(kind):
        fields = [(f.name, from_arrow(f.type)) for f in kind]
        if not fields or not all(found for _, found in fields):
            return None
        return nested(DType.STRUCT, [exp.ColumnDef(this=exp.to_identifier(n.lower()), kind=k) for n, k in fields])
    for test, found in _FROM_ARROW:
        if test(kind):
            return exp.DataType(this=found)
    return None


_FROM_ARROW = (
    (pa.types.is_int8, DType.TINYINT),
    (pa.types.is_int16, DType.SMALLINT),
    (pa.types.is_int32, DType.INT),
    (pa.types.is_int64, DType.BIGINT),
    (pa.types.is_float32, DType.FLOAT),
    (pa.types.is_float64, DType.DOUBLE),
    (pa.types.is_boolean, DType.BOOLEAN),
    (pa.types.is_date, DType.DATE),
    (pa.types.is_time, DType.TIME),
    (pa.types.is_string, DType.VARCHAR),
    (pa.types.is_large_string, DType.VARCHAR),
    (pa.types.is_binary, DType.VARBINARY),
    (pa.types.is_large_binary, DType.VARBINARY),
    (pa.types.is_fixed_size_binary, DType.VARBINARY),
    (pa.types.is_null, DType.NULL),
)


def insertable(given: exp.DataType, wanted: exp.DataType) -> bool:  # noqa: PLR0911
    """Return whether Trino puts a value of the type ``given`` into a column of the type ``wanted`` by itself."""
    if given.this == DType.NULL:
        return True
    if given.this in TEXT:
        sizes = parameters(given), parameters(wanted)
        return wanted.this in TEXT and (not sizes[1] or bool(sizes[0] and sizes[0][0] <= sizes[1][0]))
    if given.this in INTEGERS and wanted.this in INTEGERS:
        return INTEGERS[given.this] <= INTEGERS[wanted.this]
    numbers = as_decimal(given), as_decimal(wanted)
    if numbers[0] is not None and wanted.this == DType.DECIMAL and numbers[1] is not None:
        (precision, scale), (most, digits) = numbers[0], numbers[1]
        return scale <= digits and precision - scale <= most - digits
    if wanted.this in FLOATS:
        return numbers[0] is not None or given.this == wanted.this or (given.this, wanted.this) == _WIDER_FLOAT
    if wanted.this in TIMESTAMPS or wanted.this == DType.TIMESTAMPTZ:
        return given.this == wanted.this or given.this in TIMESTAMPS or given.this == DType.DATE
    if given.this in (DType.BINARY, DType.VARBINARY):
        return wanted.this in (DType.BINARY, DType.VARBINARY)
    if given.this != wanted.this:
        return False
    if given.this in (DType.ARRAY, DType.MAP, DType.STRUCT):
        inner = [[getattr(part, "kind", None) or part for part in each.expressions] for each in (given, wanted)]
        return len(inner[0]) == len(inner[1]) and all(map(insertable, *inner))
    return True


def hive_name(kind: exp.DataType) -> str:
    """Return the type as a Glue column declares it."""
    if kind.this == DType.ARRAY:
        return f"array<{hive_name(kind.expressions[0])}>"
    if kind.this == DType.MAP:
        return f"map<{hive_name(kind.expressions[0])},{hive_name(kind.expressions[1])}>"
    if kind.this == DType.STRUCT:
        if any(name is None for name, _ in fields(kind)):
            reason = f"Anonymous row type is not supported in Hive. Please give each field a name: {trino_name(kind)}"
            raise QueryFailed("NOT_SUPPORTED", reason)
        return "struct<" + ",".join(f"{name}:{hive_name(found)}" for name, found in fields(kind)) + ">"
    if kind.this in TEXT:
        return "string"
    if kind.this in TIMESTAMPS:
        return "timestamp"
    simple = {DType.INT: "int", DType.FLOAT: "float", DType.VARBINARY: "binary", DType.BINARY: "binary"}
    if kind.this in (DType.TIMESTAMPTZ, DType.TIME, DType.JSON, DType.INTERVAL, DType.UUID):
        raise QueryFailed("NOT_SUPPORTED", f"Unsupported Hive type: {trino_name(kind)}")
    if kind.this == DType.NULL:
        raise QueryFailed("SYNTAX_ERROR", "line 1:1: Column type is unknown")
    return simple.get(kind.this, trino_name(kind))


def _param(value: int) -> exp.DataTypeParam:
    return exp.DataTypeParam(this=exp.Literal.number(value))
