"""The contract's checks over a whole result: what its columns promise, its key, and the checks it states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb

from sluice.contracts import Check, Column, Contract

_EXAMPLES = 3
_COMPARISONS = {
    "mustBe": "=",
    "mustNotBe": "<>",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": ">=",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "<=",
}


@dataclass(frozen=True)
class Failure:
    """A check that does not hold: how many rows break it (or what was measured), with examples."""

    check: str
    found: str
    examples: tuple[str, ...]
    severity: Literal["error", "warning"]

    def __str__(self) -> str:
        shown = f"; for example {', '.join(self.examples)}" if self.examples else ""
        return f"{self.check}: {self.found}{shown}"


def audit(
    connection: duckdb.DuckDBPyConnection, rows: str, table: str, contract: Contract, *, by: Sequence[str] = ()
) -> list[Failure]:
    """Return every check of ``contract`` that ``table`` breaks, of which ``rows`` are new; the others held it before.

    All row rules are counted in one pass. ``by`` are the columns whose values all rows of a value are new together.
    """
    rules = list(_row_rules(contract))
    failures = []
    if rules:
        counts = connection.execute(
            f"SELECT {', '.join(f'count(*) FILTER (WHERE {condition})' for _, condition, _ in rules)} FROM {rows}"
        ).fetchall()[0]
        for (name, condition, column), count in zip(rules, counts, strict=True):
            if count:
                examples = _values(connection, f'SELECT DISTINCT "{column}" FROM {rows} WHERE {condition}')
                failures.append(Failure(name, f"{count:,} rows", examples, "error"))
    for columns in _unique_sets(contract):
        # Rows that share a key share those columns, so both are new, or neither.
        failures += _duplicates(connection, rows if by and set(by) <= set(columns) else table, columns)
    for check in contract.checks:
        failures += _stated(connection, table, check)
    return failures


def _row_rules(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """Yield each row rule's name, the SQL condition that a breaking row fulfils, and its column."""
    for column in contract.columns:
        name = column.name
        if contract.must_be_present(column):
            yield f"{name} is never null", f'"{name}" IS NULL', name
        rules = column.rules
        if rules.allowed is not None:
            allowed = ", ".join(_quoted(value) for value in rules.allowed)
            yield f"{name} is one of {', '.join(rules.allowed)}", f'CAST("{name}" AS VARCHAR) NOT IN ({allowed})', name
        if rules.pattern is not None:
            pattern = _quoted(rules.pattern)
            yield f"{name} matches {rules.pattern}", f'NOT regexp_matches("{name}", {pattern})', name
        yield from _bounds(column)


def _bounds(column: Column) -> Iterator[tuple[str, str, str]]:
    rules, name = column.rules, column.name
    for bound, breaks, words in (
        (rules.minimum, "<", "is at least"),
        (rules.exclusive_minimum, "<=", "is more than"),
        (rules.maximum, ">", "is at most"),
        (rules.exclusive_maximum, ">=", "is less than"),
    ):
        if bound is not None:
            literal = f"{_quoted(bound)}::{column.type.duckdb}" if column.type.name in ("date", "timestamp") else bound
            yield f"{name} {words} {bound}", f'"{name}" {breaks} {literal}', name
    if rules.min_length is not None:
        yield f"{name} has at least {rules.min_length} characters", f'length("{name}") < {rules.min_length}', name
    if rules.max_length is not None:
        yield f"{name} has at most {rules.max_length} characters", f'length("{name}") > {rules.max_length}', name


def _unique_sets(contract: Contract) -> Iterator[tuple[str, ...]]:
    if contract.key:
        yield contract.key
    for column in contract.columns:
        if column.unique and contract.key != (column.name,):
            yield (column.name,)


def _duplicates(connection: duckdb.DuckDBPyConnection, table: str, columns: tuple[str, ...]) -> Iterator[Failure]:
    keys = ", ".join(f'"{column}"' for column in columns)
    repeated = f"SELECT {keys} FROM {table} GROUP BY ALL HAVING count(*) > 1"
    count = connection.execute(f"SELECT count(*) FROM ({repeated})").fetchall()[0][0]
    if count:
        yield Failure(f"({', '.join(columns)}) is unique", f"{count:,} keys", _values(connection, repeated), "error")


def _stated(connection: duckdb.DuckDBPyConnection, table: str, check: Check) -> Iterator[Failure]:
    columns = ", ".join(f'"{column}"' for column in check.columns)
    query = {
        "rowCount": f"SELECT count(*) FROM {table}",
        "nullValues": f"SELECT count(*) FROM {table} WHERE {' OR '.join(f'{c} IS NULL' for c in check.columns)}",
        "duplicateValues": f"SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {columns} HAVING count(*) > 1)",
        "sql": (check.query or "").replace("{table}", table),
    }[check.metric]
    rows = connection.execute(query).fetchall()
    found = rows[0][0] if rows else None
    operator, operand = check.must
    if found is None or not _holds(connection, found, operator, operand):
        yield Failure(check.name, f"found {found}, {operator} {operand}", (), check.severity)


def _holds(connection: duckdb.DuckDBPyConnection, found: Any, operator: str, operand: Any) -> bool:
    if operator in ("mustBeBetween", "mustNotBeBetween"):
        inside = bool(connection.execute("SELECT ? BETWEEN ? AND ?", [found, *operand]).fetchall()[0][0])
        return inside if operator == "mustBeBetween" else not inside
    return bool(connection.execute(f"SELECT ? {_COMPARISONS[operator]} ?", [found, operand]).fetchall()[0][0])


def _values(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[str, ...]:
    rows = connection.execute(f"SELECT * FROM ({query}) LIMIT {_EXAMPLES}").fetchall()
    return tuple(repr(row[0]) if len(row) == 1 else repr(row) for row in rows)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
