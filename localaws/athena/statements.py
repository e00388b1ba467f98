"""Recognizes the kind of a statement and returns its parts."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: A table's name, with or without its database's.
NAME = r'(?:[`"]?([\w$-]+)[`"]?\.)?[`"]?([\w$-]+)[`"]?'
_QUERY = re.compile(r"\s*(\(\s*)*(SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)
_UTILITY = re.compile(r"\s*(SHOW|DESCRIBE|DESC)\b", re.IGNORECASE)
_CTAS = re.compile(
    rf"\s*CREATE\s+TABLE\s+(IF\s+NOT\s+EXISTS\s+)?{NAME}\s*(?:WITH\s*\((.*?)\)\s*)?AS\s+(.*)$",
    re.IGNORECASE | re.DOTALL,
)
_UNLOAD = re.compile(r"\s*UNLOAD\s*\((.*)\)\s*TO\s*'([^']+)'\s*(?:WITH\s*\((.*)\)\s*)?$", re.IGNORECASE | re.DOTALL)
_PREPARE = re.compile(r"\s*PREPARE\s+(\w+)\s+FROM\s+(.*)$", re.IGNORECASE | re.DOTALL)
_EXECUTE = re.compile(r"\s*EXECUTE\s+(\w+)(?:\s+USING\s+(.*))?$", re.IGNORECASE | re.DOTALL)
_DEALLOCATE = re.compile(r"\s*DEALLOCATE\s+PREPARE\s+(\w+)\s*$", re.IGNORECASE)
#: What a statement of Athena's begins with.
#: https://docs.aws.amazon.com/athena/latest/ug/ddl-sql-reference.html
#: https://docs.aws.amazon.com/athena/latest/ug/dml-queries-functions-operators.html
_FIRST_WORDS = (
    "ALTER", "ANALYZE", "CREATE", "DEALLOCATE", "DELETE", "DESC", "DESCRIBE", "DROP", "EXECUTE", "EXPLAIN", "INSERT",
    "MERGE", "MSCK", "OPTIMIZE", "PREPARE", "SELECT", "SHOW", "TABLE", "UNLOAD", "UPDATE", "VACUUM", "VALUES", "WITH",
)  # fmt: skip
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


def clean(sql: str) -> str:
    """Return the statement without surrounding space, leading comments and the closing semicolon."""
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
    """Return whether the statement is a query, which returns the rows of a SELECT."""
    return bool(_QUERY.match(sql))


def is_statement(sql: str) -> bool:
    """Return whether the statement begins with a word that a statement of Athena's begins with."""
    found = re.match(r"[\s(]*(\w+)", sql)
    return found is not None and found[1].upper() in _FIRST_WORDS


def unload(sql: str) -> Unload | None:
    """Return the parts of an UNLOAD; None for any other statement."""
    match = _UNLOAD.match(sql)
    return Unload(match[1].strip(), match[2], _properties(match[3])) if match else None


def create_table_as(sql: str, database: str) -> CreateTableAs | None:
    """Return the parts of a CREATE TABLE AS; None for any other statement."""
    match = _CTAS.match(sql)
    if not match:
        return None
    return CreateTableAs((match[2] or database).lower(), match[3].lower(), match[5].strip(), _properties(match[4]))


def prepare(sql: str) -> tuple[str, str] | None:
    """Return name and query of a PREPARE; None for any other statement."""
    match = _PREPARE.match(sql)
    return (match[1], clean(match[2])) if match else None


def execute(sql: str) -> tuple[str, list[str]] | None:
    """Return name and parameters of an EXECUTE; None for any other statement."""
    match = _EXECUTE.match(sql)
    return (match[1], _split_arguments(match[2] or "")) if match else None


def deallocate(sql: str) -> str | None:
    """Return the name in a DEALLOCATE PREPARE; None for any other statement."""
    match = _DEALLOCATE.match(sql)
    return match[1] if match else None


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
