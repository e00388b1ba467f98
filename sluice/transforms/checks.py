"""Compiles the checks of a derived table's contract to SQL for both engines; the audit runs them before publishing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from sluice.compiled import CompiledCheck
from sluice.contracts import Check, Column, ColumnType, Contract, DerivedContract
from sluice.contracts.patterns import common_pattern
from sluice.contracts.values.limits import Bound, bounds, own_values
from sluice.errors import ContractError
from sluice.tables.arrow import added
from sluice.transforms.functions.spark_types import spark_type
from sluice.transforms.queries import DeclaredQuery, RefusedQuery, declared_query

_ADDED_TYPES = {pa.string(): "string", pa.int64(): "bigint", pa.timestamp("us"): "timestamp_ntz", pa.bool_(): "boolean"}
#: A character or a character class with an optional count. A pattern of such parts alone can be written as a GLOB.
_PART = re.compile(r"([A-Za-z0-9_ :/-]|\[(?:[A-Za-z0-9](?:-[A-Za-z0-9])?)+\])(?:\{([0-9]{1,2})\})?")


@dataclass(frozen=True)
class _Dialect:
    """The spellings that differ between the engines' SQL."""

    name: str
    quote: str
    backslash: str
    matches: Callable[[str, str], str]
    timestamp: str

    def column(self, name: str) -> str:
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"

    def text(self, value: str) -> str:
        return "'" + value.replace("\\", self.backslash).replace("'", "''" if self.name == "duckdb" else "\\'") + "'"

    def literal(self, value: Any, kind: ColumnType) -> str:
        """Return a literal of exactly the type ``kind``: otherwise the engines would compare numbers as doubles."""
        if kind.name == "date":
            return f"DATE '{value}'"
        if kind.name == "timestamp":
            return f"CAST('{value.isoformat(' ')}' AS {self.timestamp})"
        if kind.name == "decimal":
            return f"CAST('{value:f}' AS {str(kind).upper()})"
        if kind.name in ("float", "double"):
            return f"CAST('{value!r}' AS {str(kind).upper()})"
        if kind.name == "binary":
            return f"unhex('{value.hex()}')"
        return self.text(value) if kind.name == "string" else str(value).lower()


def _duckdb_matches(column: str, pattern: str) -> str:
    """Return a GLOB where the pattern allows one, since DuckDB matches it once per entry of a Parquet dictionary."""
    inner = pattern.removeprefix("^").removesuffix("$")
    if len(inner) == len(pattern) - 2 and re.fullmatch(f"(?:{_PART.pattern})+", inner):
        glob = "".join(part * int(count or 1) for part, count in _PART.findall(inner))
        return f"({column} GLOB '{glob}')"
    return f"regexp_matches({column}, {_DUCKDB.text(common_pattern(pattern))})"


_DUCKDB = _Dialect(
    "duckdb", '"', "\\", _duckdb_matches, "TIMESTAMP",
)  # fmt: skip


def _spark_matches(column: str, pattern: str) -> str:
    return f"({column} RLIKE {_SPARK.text(common_pattern(pattern))})"


_SPARK = _Dialect(
    "spark", "`", "\\\\", _spark_matches, "TIMESTAMP_NTZ",
)  # fmt: skip
_WORDS = {
    "minimum": "is at least",
    "exclusive_minimum": "is more than",
    "maximum": "is at most",
    "exclusive_maximum": "is less than",
}
_Spelled = Callable[[_Dialect], str]


def compile_checks(
    contract: DerivedContract, contracted: Mapping[str, Contract] | None = None
) -> tuple[CompiledCheck, ...]:
    """Return every check of ``contract``: the rules of its columns, its unique keys, and the checks it states.

    ``contracted`` are the contracts by table that queries may name. Raise ``ContractError`` for one that is refused.
    """
    return (
        *(
            CompiledCheck(name, "rows", (column.name,), duckdb=spelled(_DUCKDB), spark=spelled(_SPARK))
            for column in contract.columns
            for name, spelled in _row_rules(column, present=contract.must_be_present(column))
        ),
        *(CompiledCheck(f"({', '.join(columns)}) is unique", "unique", columns) for columns in _unique_sets(contract)),
        *stated_checks(contract, contracted or {}),
    )


def _row_rules(column: Column, *, present: bool) -> Iterator[tuple[str, _Spelled]]:
    """Yield the name of each rule of a column, and the condition that is true for rows that break it."""
    name, rules = column.name, column.rules
    if present:
        yield f"{name} is never null", lambda d: f"{d.column(name)} IS NULL"
    if (allowed := rules.allowed) is not None:
        yield f"{name} is one of {', '.join(allowed)}", _listed(column, allowed)
    if (pattern := rules.pattern) is not None:
        yield (
            f"{name} matches {pattern}",
            lambda d: f"NOT {d.matches(d.column(name), pattern)}",
        )
    for bound in bounds(rules, column.type):
        yield f"{name} {_WORDS[bound.rule]} {bound.written}", _bounded(column, bound)
    if rules.min_length is not None:
        shortest = rules.min_length
        yield f"{name} has at least {shortest} characters", lambda d: f"length({d.column(name)}) < {shortest}"
    if rules.max_length is not None:
        longest = rules.max_length
        yield f"{name} has at most {longest} characters", lambda d: f"length({d.column(name)}) > {longest}"


def _listed(column: Column, allowed: tuple[str, ...]) -> _Spelled:
    values = own_values(allowed, column.type).to_pylist()
    return lambda d: f"{d.column(column.name)} NOT IN ({', '.join(d.literal(value, column.type) for value in values)})"


def _bounded(column: Column, bound: Bound) -> _Spelled:
    return lambda d: f"{d.column(column.name)} {bound.breaks} {d.literal(bound.value.as_py(), column.type)}"


def _unique_sets(contract: DerivedContract) -> Iterator[tuple[str, ...]]:
    if contract.key:
        yield contract.key
    for column in contract.columns:
        if column.unique and contract.key != (column.name,):
            yield (column.name,)


def stated_checks(contract: DerivedContract, contracted: Mapping[str, Contract]) -> Iterator[CompiledCheck]:
    """Yield the compiled checks that ``contract`` states, in its order; ``ContractError`` for a refused query."""
    for check in contract.checks:
        try:
            yield _stated(check, {**contracted, contract.table: contract}, contract.table)
        except RefusedQuery as refused:
            raise ContractError(
                f"{contract.file}: the check {check.name!r}: {refused}.",
                next_step="mend the query, then run `sluice check`.",
                dataset=contract.table,
                file=contract.file,
            ) from None


#: What Sluice measures, in Athena's SQL as the queries that contracts state; ``{columns}`` are those of the check.
_MEASURES = {
    "rowCount": "SELECT count(*) FROM {table}",
    "nullValues": "SELECT count(*) AS found FROM {table} AS t WHERE {missing}",
    "duplicateValues": (
        "SELECT {counted} AS found "
        "FROM (SELECT count(*) AS n FROM {table} AS t GROUP BY {columns} HAVING count(*) > 1) AS repeated"
    ),
    "rowCountChange": (
        "SELECT CASE WHEN p.n = 0 THEN 0.0 ELSE 100.0 * (t.n - p.n) / p.n END "
        "FROM (SELECT count(*) AS n FROM {table}) AS t CROSS JOIN (SELECT count(*) AS n FROM {previous}) AS p"
    ),
    "freshness": "SELECT date_diff('second', max({columns}), current_timestamp) FROM {table} AS t",
}


#: The percentage of the table's rows that a query finds, 0 when it has none: a decimal of six digits after the point,
#: cut off. What would be cut to a number of ``PERCENT_DIGITS`` digits but is more than that gets a last digit of 1, so
#: that a comparison with such a number is that of the whole quotient: one null of many rows is more than 0 percent.
_SHARE = (
    "SELECT CAST(s.cut + CASE WHEN s.rest > 0 AND s.cut % 100 = 0 THEN 1 ELSE 0 END AS decimal(18,0)) "
    "* CAST('0.000001' AS decimal(7,6)) FROM ("
    "SELECT f.found * 100000000 / t.total AS cut, f.found * 100000000 % t.total AS rest FROM ({found}) AS f "
    "CROSS JOIN (SELECT greatest(count(*), 1) AS total FROM {table}) AS t) AS s"
)


def _query(check: Check) -> str:
    """Return the query of a check in Athena's SQL."""
    if check.metric == "sql":
        return check.query or ""
    columns = [f't."{name.replace(chr(34), chr(34) * 2)}"' for name in check.columns]
    missing = _any_of([f"{column} IS NULL" for column in columns])
    counted = "CAST(coalesce(sum(repeated.n), 0) AS bigint)" if check.unit else "count(*)"
    found = _MEASURES[check.metric].replace("{missing}", missing).replace("{counted}", counted)
    found = found.replace("{columns}", ", ".join(columns))
    return _SHARE.replace("{found}", found) if check.unit == "percent" else found


def _any_of(conditions: list[str]) -> str:
    """Return whether any is true, in halves: one behind the other, a hundred are nested a hundred levels deep."""
    if len(conditions) <= 2:
        return " OR ".join(conditions)
    half = len(conditions) // 2
    return f"({_any_of(conditions[:half])}) OR ({_any_of(conditions[half:])})"


def _stated(check: Check, contracted: Mapping[str, Contract], own: str) -> CompiledCheck:
    if check.metric == "foreignKey":
        assert check.references is not None
        return CompiledCheck(
            check.name, "foreign_key", check.columns, check.severity,
            references=check.references.table, referenced=check.references.columns,
        )  # fmt: skip
    operator, operand = check.must
    text, names = _query(check), frozenset(contracted)
    query = _parsed(text, names)
    types = {table: spark_types(contracted[table]) for table in query.tables}
    types["table"] = types["previous"] = spark_types(contracted[own])
    made = _spelled(text, names, tuple((table, tuple(of.items())) for table, of in types.items()))
    duckdb, spark = (sql.replace(f"{{{own}}}", "{table}") for sql in made)
    return CompiledCheck(
        check.name, "measure", check.columns, check.severity, duckdb=duckdb, spark=spark, operator=operator,
        operand=operand, reads=tuple(table for table in query.tables if table != own),
    )  # fmt: skip


# One check is compiled when the contracts are read, when tables are put in order, and when its transform is compiled.
@lru_cache(maxsize=1024)
def _parsed(text: str, contracted: frozenset[str]) -> DeclaredQuery:
    return declared_query(text, contracted)


@lru_cache(maxsize=1024)
def _spelled(
    text: str, contracted: frozenset[str], types: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
) -> tuple[str, str]:
    return _parsed(text, contracted).spelled({table: dict(of) for table, of in types})


def spark_types(contract: Contract) -> dict[str, str]:
    """Return Spark's type by column name, including the columns that Sluice adds."""
    own = {column.name: spark_type(str(column.type)) for column in contract.columns}
    return own | {column.name: _ADDED_TYPES[column.type] for column in added(contract)}
