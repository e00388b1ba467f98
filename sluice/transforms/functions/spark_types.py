"""Spark's types by the names that Spark gives them, e.g. ``decimal(12,2)`` or ``array<struct<a:int>>``."""

from __future__ import annotations

import re

UNKNOWN = "unknown"
NULL = "void"
#: Spark's names of types with those of DuckDB; both hold the same values.
_DUCKDB = {
    "string": "VARCHAR",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp_ntz": "TIMESTAMP",
    "timestamp_ltz": "TIMESTAMP WITH TIME ZONE",
    "binary": "BLOB",
}
#: Other spellings. The Glue job sets spark.sql.timestampType, so that a timestamp is one without a zone.
#: https://spark.apache.org/docs/3.5.6/sql-ref-datatypes.html
_SPELLED = {
    "integer": "int", "long": "bigint", "short": "smallint", "byte": "tinyint", "timestamp": "timestamp_ntz",
    "timestampntz": "timestamp_ntz", "timestamptz": "timestamp_ltz", "text": "string", "varchar": "string",
    "bool": "boolean", "hugeint": "bigint", "real": "float", "decimal": "decimal(10,0)", "dec": "decimal(10,0)",
    "numeric": "decimal(10,0)", "blob": "binary", "timestamp with time zone": "timestamp_ltz", "null": NULL,
}  # fmt: skip
_DECIMAL = re.compile(r"(?:decimal|dec|numeric)\((\d+)(?:,(-?\d+))?\)")


def spark_type(text: str) -> str:
    """Return Spark's name of a type as PySpark or DuckDB spell it; the text itself where it is no such type."""
    plain = re.sub(r"\s*([(),<>:])\s*", r"\1", text.strip().lower())
    if found := _DECIMAL.fullmatch(plain):
        return f"decimal({int(found[1])},{int(found[2] or 0)})"
    if plain.endswith("[]"):
        return f"array<{spark_type(plain[:-2])}>"
    if plain.startswith("array<") and plain.endswith(">"):
        return f"array<{spark_type(plain[6:-1])}>"
    if plain.startswith("map<") and plain.endswith(">"):
        key, value = _parts(plain[4:-1])
        return f"map<{spark_type(key)},{spark_type(value)}>"
    if plain.startswith("struct<") and plain.endswith(">"):
        named = (part.partition(":") for part in _parts(plain[7:-1]))
        return struct_of({name: spark_type(kind) for name, _, kind in named})
    return _SPELLED.get(plain, plain)


def duckdb_type(kind: str) -> str:
    """Return DuckDB's type that holds the values of Spark's ``kind``."""
    if kind == NULL:
        return '"NULL"'
    if is_array(kind):
        return f"{duckdb_type(element(kind))}[]"
    if kind.startswith("map<"):
        return f"MAP({', '.join(map(duckdb_type, _parts(kind[4:-1])))})"
    if kind.startswith("struct<"):
        return f"STRUCT({', '.join(f'{_quoted(name)} {duckdb_type(of)}' for name, of in fields(kind).items())})"
    return _DUCKDB.get(kind, kind.upper())


def is_array(kind: str) -> bool:
    """Return whether the type is an array."""
    return kind.startswith("array<")


def element(kind: str) -> str:
    """Return the type of an array's elements."""
    return kind[6:-1]


def fields(kind: str) -> dict[str, str]:
    """Return the types of a struct's fields by name."""
    return {name: of for name, _, of in (part.partition(":") for part in _parts(kind[7:-1]))}


def struct_of(types: dict[str, str]) -> str:
    """Return the type of a struct with these fields."""
    return f"struct<{','.join(f'{name}:{kind}' for name, kind in types.items())}>"


def is_decimal(kind: str) -> bool:
    """Return whether the type is a decimal of some precision and scale."""
    return kind.startswith("decimal(")


def sizes(kind: str) -> tuple[int, int]:
    """Return precision and scale of a decimal, or of the decimal that holds every value of a whole type."""
    whole = {"tinyint": (3, 0), "smallint": (5, 0), "int": (10, 0), "bigint": (20, 0)}
    if kind in whole:
        return whole[kind]
    found = _DECIMAL.fullmatch(kind)
    assert found, kind
    return int(found[1]), int(found[2] or 0)


def family(kind: str) -> str:
    """Return the type without precision and scale, or what it is made of, as signatures may name it."""
    return re.split(r"[(<]", kind, maxsplit=1)[0]


def holds(kind: str, *families: str) -> bool:
    """Return whether the type is one of these, or has one of them inside."""
    own = family(kind)
    inside: list[str] = []
    if own == "struct":
        inside = [*fields(kind).values()]
    elif own == "array":
        inside = [element(kind)]
    elif own == "map":
        inside = _parts(kind[4:-1])
    return own in families or any(holds(each, *families) for each in inside)


def _parts(text: str) -> list[str]:
    found, depth, begin = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and depth == 0:
            found.append(text[begin:place])
            begin = place + 1
    return [*found, text[begin:]] if text else []


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
