"""Which kind of statement a query is, and what the kinds other than SELECT do."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import sqlglot
from sqlglot.tokenizer_core import TokenType

from localaws.athena.catalog import Catalog
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.results import Results, of_lines

_NAME = r'(?:[`"]?([\w$-]+)[`"]?\.)?[`"]?([\w$-]+)[`"]?'
_QUERY = re.compile(r"\s*(\(\s*)*(SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)
_UTILITY = re.compile(r"\s*(SHOW|DESCRIBE|DESC)\b", re.IGNORECASE)
_CTAS = re.compile(
    rf"\s*CREATE\s+TABLE\s+(IF\s+NOT\s+EXISTS\s+)?{_NAME}\s*(?:WITH\s*\((.*?)\)\s*)?AS\s+(.*)$",
    re.IGNORECASE | re.DOTALL,
)
_UNLOAD = re.compile(r"\s*UNLOAD\s*\((.*)\)\s*TO\s*'([^']+)'\s*(?:WITH\s*\((.*)\)\s*)?$", re.IGNORECASE | re.DOTALL)
_PREPARE = re.compile(r"\s*PREPARE\s+(\w+)\s+FROM\s+(.*)$", re.IGNORECASE | re.DOTALL)
_EXECUTE = re.compile(r"\s*EXECUTE\s+(\w+)(?:\s+USING\s+(.*))?$", re.IGNORECASE | re.DOTALL)
_DEALLOCATE = re.compile(r"\s*DEALLOCATE\s+PREPARE\s+(\w+)\s*$", re.IGNORECASE)
_PROPERTY = re.compile(r"(\w+)\s*=\s*('(?:[^']|'')*'|ARRAY\s*\[[^\]]*\]|[\w.]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Unload:
    """``UNLOAD (query) TO 's3://…'``."""

    query: str
    target: str
    properties: dict[str, str]


@dataclass(frozen=True)
class CreateTableAs:
    """``CREATE TABLE … WITH (…) AS query``."""

    database: str
    name: str
    query: str
    properties: dict[str, str]
    if_not_exists: bool


def clean(sql: str) -> str:
    """Return the statement without surrounding space, comments in front and the closing semicolon."""
    text = sql.strip()
    while True:
        bare = re.sub(r"^(--[^\n]*(\n|$)|/\*.*?\*/)\s*", "", text, flags=re.DOTALL)
        if bare == text:
            return text.rstrip().removesuffix(";").rstrip()
        text = bare


def kind_of(sql: str) -> str:
    """Return Athena's ``StatementType``: DDL, DML or UTILITY."""
    if _UTILITY.match(sql) or re.match(r"\s*(EXPLAIN|PREPARE|DEALLOCATE)\b", sql, re.IGNORECASE):
        return "UTILITY"
    ddl = re.match(r"\s*(ALTER|CREATE|DROP|MSCK)\b", sql, re.IGNORECASE)
    return "DDL" if ddl else "DML"


def is_query(sql: str) -> bool:
    """Tell whether the statement gives rows from a SELECT."""
    return bool(_QUERY.match(sql))


def unload(sql: str) -> Unload | None:
    """Return the parts of an UNLOAD."""
    match = _UNLOAD.match(sql)
    return Unload(match[1].strip(), match[2], _properties(match[3])) if match else None


def create_table_as(sql: str, database: str) -> CreateTableAs | None:
    """Return the parts of a CREATE TABLE AS."""
    match = _CTAS.match(sql)
    if not match:
        return None
    return CreateTableAs(
        (match[2] or database).lower(), match[3].lower(), match[5].strip(), _properties(match[4]), bool(match[1])
    )


def prepare(sql: str) -> tuple[str, str] | None:
    """Return name and query of a PREPARE."""
    match = _PREPARE.match(sql)
    return (match[1], clean(match[2])) if match else None


def execute(sql: str) -> tuple[str, list[str]] | None:
    """Return name and parameters of an EXECUTE."""
    match = _EXECUTE.match(sql)
    return (match[1], _split_arguments(match[2] or "")) if match else None


def deallocate(sql: str) -> str | None:
    """Return the name in a DEALLOCATE PREPARE."""
    match = _DEALLOCATE.match(sql)
    return match[1] if match else None


def with_parameters(sql: str, parameters: list[str]) -> str:
    """Return ``sql`` with each ``?`` replaced by its parameter, which is an SQL literal as on AWS."""
    try:
        tokens = sqlglot.tokenize(sql, read="trino")
    except sqlglot.errors.SqlglotError as error:
        raise QueryFailed("SYNTAX_ERROR", f"line 1:1: {error}") from None
    marks = [token for token in tokens if token.token_type == TokenType.PLACEHOLDER]
    if len(marks) != len(parameters):
        raise QueryFailed(
            "INVALID_PARAMETER_USAGE",
            f"line 1:1: Incorrect number of parameters: expected {len(marks)} but found {len(parameters)}",
        )
    result, end = [], 0
    for mark, parameter in zip(marks, parameters, strict=True):
        _check_literal(parameter)
        result.append(sql[end : mark.start] + f"({parameter}\n)")
        end = mark.end + 1
    return "".join(result) + sql[end:]


def show(sql: str, database: str, catalog: Catalog) -> Results:
    """Return the lines of a SHOW or DESCRIBE; other kinds are refused by name."""
    for pattern, answer in _SHOWS:
        match = re.fullmatch(r"\s*" + pattern + r"\s*", sql, re.IGNORECASE)
        if match:
            return answer(match, database, catalog)
    raise not_supported(f"the statement {' '.join(sql.split()[:2]).upper()}")


def _databases(match: re.Match[str], database: str, catalog: Catalog) -> Results:
    return of_lines("database_name", _like(catalog.databases(), match[1]))


def _tables(match: re.Match[str], database: str, catalog: Catalog) -> Results:
    names = [str(table["Name"]) for table in catalog.tables((match[1] or database).lower())]
    return of_lines("tab_name", _like(names, match[2]))


def _columns(match: re.Match[str], database: str, catalog: Catalog) -> Results:
    place = (match[3] or match[1] or database).lower()
    columns = catalog.glue_columns(catalog.table(place, match[2].lower()))
    return of_lines("field", [name.ljust(20) for name, _, _ in columns])


def _describe(match: re.Match[str], database: str, catalog: Catalog) -> Results:
    table = catalog.table((match[1] or database).lower(), match[2].lower())
    columns = catalog.glue_columns(table)

    def line(name: str, kind: str) -> str:
        return f"{name.ljust(20)}\t{kind.ljust(20)}\t{' ' * 20}"

    lines = [line(name, kind) for name, kind, _ in columns]
    keys = [line(name, kind) for name, kind, key in columns if key]
    if keys:
        lines += [
            "\t \t ",
            "# Partition Information\t \t ",
            f"{'# col_name'.ljust(24)}\tdata_type           \tcomment             ",
            "\t \t ",
            *keys,
        ]
    return of_lines("col_name", lines)


def _partitions(match: re.Match[str], database: str, catalog: Catalog) -> Results:
    place, name = (match[1] or database).lower(), match[2].lower()
    keys = [key["Name"] for key in catalog.table(place, name).get("PartitionKeys") or []]
    found = catalog.partitions(place, name)
    return of_lines("partition", ["/".join(f"{k}={v}" for k, v in zip(keys, p["Values"], strict=True)) for p in found])


def _create_table(match: re.Match[str], database: str, catalog: Catalog) -> Results:
    place, name = (match[1] or database).lower(), match[2].lower()
    table = catalog.table(place, name)
    columns = catalog.glue_columns(table)
    parameters = table.get("Parameters") or {}
    location = (table.get("StorageDescriptor") or {}).get("Location", "")
    iceberg = "metadata_location" in parameters
    quote = "" if iceberg else "`"
    body = ",\n".join(f"  {quote}{column}{quote} {kind}" for column, kind, key in columns if not key)
    lines = [f"CREATE {'' if iceberg else 'EXTERNAL '}TABLE {place + '.' + name if iceberg else f'`{place}.{name}`'}("]
    lines += [f"{body})"]
    keys = [f"  `{column}` {kind}" for column, kind, key in columns if key]
    if keys:
        lines += ["PARTITIONED BY ( ", ", \n".join(keys) + ")"]
    lines += ["LOCATION", f"  '{location}'"]
    shown = {"table_type": "iceberg"} if iceberg else parameters
    if shown:
        properties = ",\n".join(f"  '{key}'='{value}'" for key, value in sorted(shown.items()))
        lines += ["TBLPROPERTIES (", properties + "\n)"]
    return of_lines("createtab_stmt", "\n".join(lines).split("\n"))


_Show = Callable[[re.Match[str], str, Catalog], Results]
_SHOWS: list[tuple[str, _Show]] = [
    (r"SHOW\s+(?:DATABASES|SCHEMAS)(?:\s+(?:LIKE\s+)?'([^']*)')?", _databases),
    (r"SHOW\s+TABLES(?:\s+(?:IN|FROM)\s+[`\"]?([\w-]+)[`\"]?)?(?:\s+(?:LIKE\s+)?'([^']*)')?", _tables),
    (rf"SHOW\s+COLUMNS\s+(?:IN|FROM)\s+{_NAME}(?:\s+(?:IN|FROM)\s+[`\"]?([\w-]+)[`\"]?)?", _columns),
    (rf"SHOW\s+PARTITIONS\s+{_NAME}", _partitions),
    (rf"SHOW\s+CREATE\s+TABLE\s+{_NAME}", _create_table),
    (rf"(?:DESCRIBE|DESC)\s+(?:FORMATTED\s+|EXTENDED\s+)?{_NAME}", _describe),
]


def _like(names: list[str], pattern: str | None) -> list[str]:
    """Return the names that a Hive pattern selects (``*`` any text, ``|`` or)."""
    if pattern is None:
        return names
    choices = [re.escape(part).replace(r"\*", ".*").replace("%", ".*") for part in pattern.lower().split("|")]
    return [name for name in names if re.fullmatch("|".join(choices), name)]


def _properties(text: str | None) -> dict[str, str]:
    return {key.lower(): value.strip("'") for key, value in _PROPERTY.findall(text or "")}


def _split_arguments(text: str) -> list[str]:
    parts, depth, current, quoted = [], 0, "", False
    for character in text:
        quoted ^= character == "'"
        depth += 0 if quoted else (character in "([") - (character in ")]")
        if character == "," and not depth and not quoted:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    return [*parts, current.strip()] if current.strip() else parts


def _check_literal(parameter: str) -> None:
    """Refuse a parameter that is more than one expression: it would change the statement around it."""
    try:
        sqlglot.parse_one(f"SELECT ({parameter}\n)", read="trino")  # the new line ends a comment
    except sqlglot.errors.SqlglotError:
        raise QueryFailed("INVALID_PARAMETER_USAGE", f"line 1:1: {parameter!r} is not an SQL literal") from None
