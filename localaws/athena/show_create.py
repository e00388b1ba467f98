"""SHOW CREATE TABLE: the statement that makes a table again, with its columns, SerDe, partitions and parameters.

https://docs.aws.amazon.com/athena/latest/ug/show-create-table.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from localaws.athena.catalog import Catalog, comments_of
from localaws.athena.definitions.iceberg_tables import given_properties
from localaws.athena.statements.kinds import Name

#: The words that a name of a column is not in a statement that defines tables, unless it stands in backticks.
#: https://docs.aws.amazon.com/athena/latest/ug/reserved-words.html
_WORDS: Final = """
    all alter and array as authorization between bigint binary boolean both by case cashe cast char column commit
    conf constraint create cross cube current current_date current_timestamp cursor database date dayofweek decimal
    delete describe distinct div double drop else end exchange exists extended external extract false fetch float
    floor following for foreign from full function grant group grouping having if import in inner insert int integer
    intersect interval into is join lateral left less like local macro map more none not null numeric of on only or
    order out outer over partialscan partition percent preceding precision preserve primary procedure range reads
    reduce references regexp revoke right rlike rollback rollup row rows select set smallint start table tablesample
    then time timestamp to transform trigger true truncate unbounded union uniquejoin update user using
    utc_timestamp values varchar views when where window with
"""
_RESERVED: Final = frozenset(_WORDS.split())
#: What CREATE EXTERNAL TABLE says by itself, or by a clause of its own.
_SAID: Final = frozenset({"EXTERNAL", "comment"})
_ESCAPED: Final = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def hive_lines(name: Name, table: dict[str, Any], catalog: Catalog) -> list[str]:
    """Return the lines of the statement that makes a Hive table."""
    storage, parameters = table.get("StorageDescriptor") or {}, table.get("Parameters") or {}
    serde = storage.get("SerdeInfo") or {}
    columns, said = catalog.glue_columns(table), comments_of(table)
    lines = [f"CREATE EXTERNAL TABLE `{name}`("]
    lines += _listed((f"`{column}` {kind}{_comment(said.get(column))}" for column, kind, key in columns if not key), "")
    lines += _comments(parameters)
    if keys := [f"`{column}` {kind}{_comment(said.get(column))}" for column, kind, key in columns if key]:
        lines += ["PARTITIONED BY ( ", *_listed(keys, " ")]
    if buckets := storage.get("BucketColumns"):
        lines += ["CLUSTERED BY ( ", *_listed((f"`{column}`" for column in buckets), " ")]
        lines += ["INTO " + f"{storage.get('NumberOfBuckets')} BUCKETS"]
    if library := serde.get("SerializationLibrary"):
        lines += ["ROW FORMAT SERDE ", f"  {_text(library)} "]
    if told := serde.get("Parameters"):
        lines += ["WITH SERDEPROPERTIES ( ", *_listed(_pairs(told), " ")]
    if storage.get("InputFormat") and storage.get("OutputFormat"):
        lines += ["STORED AS INPUTFORMAT ", f"  {_text(storage['InputFormat'])} "]
        lines += ["OUTPUTFORMAT ", f"  {_text(storage['OutputFormat'])}"]
    lines += ["LOCATION", f"  {_text(storage.get('Location', ''))}"]
    return lines + _properties({key: value for key, value in parameters.items() if key not in _SAID})


def iceberg_lines(name: Name, table: dict[str, Any], catalog: Catalog) -> list[str]:
    """Return the lines of the statement that makes an Iceberg table."""
    said, source = comments_of(table), catalog.iceberg(name.database, name.name)
    columns = catalog.glue_columns(table)
    lines = [f"CREATE TABLE {_name(name.database)}.{_name(name.name)}("]
    lines += _listed((f"{_name(column)} {kind}{_comment(said.get(column))}" for column, kind, _ in columns), "")
    lines += _comments(source.properties)
    if parts := source.partitioned_by():
        lines += [f"PARTITIONED BY ({', '.join(parts)})"]
    lines += ["LOCATION", f"  {_text((table.get('StorageDescriptor') or {}).get('Location', ''))}"]
    return lines + _properties({"table_type": "iceberg"} | given_properties(source.properties))


def _name(name: str) -> str:
    plain = re.fullmatch("[a-z][a-z0-9_]*", name) and name not in _RESERVED
    return name if plain else f"`{name}`"


def _text(text: str) -> str:
    made = "".join(_ESCAPED.get(each, each if each.isprintable() else f"\\u{ord(each):04x}") for each in text)
    return f"'{made}'"


def _comment(text: str | None) -> str:
    return f" COMMENT {_text(text)}" if text else ""


def _comments(parameters: Mapping[str, str]) -> list[str]:
    return [f"COMMENT {_text(parameters['comment'])}"] if parameters.get("comment") else []


def _pairs(properties: Mapping[str, str]) -> list[str]:
    return [f"{_text(key)}={_text(value)}" for key, value in sorted(properties.items())]


def _properties(properties: Mapping[str, str]) -> list[str]:
    if not properties:
        return []
    *lines, last = _listed(_pairs(properties), "")
    return ["TBLPROPERTIES (", *lines, last.removesuffix(")"), ")"]


def _listed(items: Iterable[str], after: str) -> list[str]:
    """Return a line for each item, a comma behind all but the last, which the bracket follows."""
    *first, last = [*items] or [""]
    return [f"  {item},{after}" for item in first] + [f"  {last})"]
