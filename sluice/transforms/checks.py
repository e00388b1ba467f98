"""Compiles the checks of a derived table's contract to SQL for both engines; the audit runs them before publishing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sluice.compiled import CompiledCheck
from sluice.contracts import Check, Column, ColumnType, DerivedContract
from sluice.contracts.patterns import common_pattern
from sluice.contracts.values.limits import Bound, bounds, own_values
from sluice.errors import ContractError
from sluice.transforms.queries import RefusedQuery, declared_query

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
    seconds_since: str

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
    "epoch(CAST(now() AS TIMESTAMP) - max({column}))",
)  # fmt: skip


def _spark_matches(column: str, pattern: str) -> str:
    return f"({column} RLIKE {_SPARK.text(common_pattern(pattern))})"


_SPARK = _Dialect(
    "spark", "`", "\\\\", _spark_matches, "TIMESTAMP_NTZ",
    "unix_timestamp() - unix_timestamp(CAST(max({column}) AS TIMESTAMP))",
)  # fmt: skip
_WORDS = {
    "minimum": "is at least",
    "exclusive_minimum": "is more than",
    "maximum": "is at most",
    "exclusive_maximum": "is less than",
}
_Spelled = Callable[[_Dialect], str]


def compile_checks(contract: DerivedContract, contracted: Collection[str] = ()) -> tuple[CompiledCheck, ...]:
    """Return every check of ``contract``: the rules of its columns, its unique keys, and the checks it states.

    ``contracted`` are the tables that queries may name. Raise ``ContractError`` for a query that is not allowed.
    """
    return (
        *(
            CompiledCheck(name, "rows", (column.name,), duckdb=spelled(_DUCKDB), spark=spelled(_SPARK))
            for column in contract.columns
            for name, spelled in _row_rules(column, present=contract.must_be_present(column))
        ),
        *(CompiledCheck(f"({', '.join(columns)}) is unique", "unique", columns) for columns in _unique_sets(contract)),
        *stated_checks(contract, contracted),
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


def stated_checks(contract: DerivedContract, contracted: Collection[str]) -> Iterator[CompiledCheck]:
    """Yield the compiled checks that ``contract`` states, in its order; ``ContractError`` for a refused query."""
    for check in contract.checks:
        try:
            yield _stated(check, {*contracted, contract.table}, contract.table)
        except RefusedQuery as refused:
            raise ContractError(
                f"{contract.file}: the check {check.name!r}: {refused}.",
                next_step="mend the query, then run `sluice check`.",
                dataset=contract.table,
                file=contract.file,
            ) from None


def _stated(check: Check, contracted: Collection[str], own: str) -> CompiledCheck:
    if check.metric == "foreignKey":
        assert check.references is not None
        return CompiledCheck(
            check.name, "foreign_key", check.columns, check.severity,
            references=check.references.table, referenced=check.references.columns,
        )  # fmt: skip
    operator, operand = check.must
    query = declared_query(check.query or "", contracted) if check.metric == "sql" else None
    queries: dict[str, _Spelled] = {
        "rowCount": lambda d: "SELECT count(*) FROM {table}",
        "nullValues": lambda d: _counted(check, d),
        "duplicateValues": lambda d: _counted(check, d),
        "rowCountChange": lambda d: (
            "SELECT CASE WHEN p.n = 0 THEN 0 ELSE 100.0 * (t.n - p.n) / p.n END "
            "FROM (SELECT count(*) AS n FROM {table}) t CROSS JOIN (SELECT count(*) AS n FROM {previous}) p"
        ),
        "freshness": lambda d: f"SELECT {d.seconds_since.format(column=d.column(check.columns[0]))} FROM {{table}}",
        "sql": lambda d: query.spelled(d.name).replace(f"{{{own}}}", "{table}") if query else "",
    }
    spelled = queries[check.metric]
    return CompiledCheck(
        check.name, "measure", check.columns, check.severity,
        duckdb=spelled(_DUCKDB), spark=spelled(_SPARK), operator=operator, operand=operand,
        reads=tuple(table for table in query.tables if table != own) if query else (),
    )  # fmt: skip


def _counted(check: Check, d: _Dialect) -> str:
    """Return the query for the nulls or duplicates of some columns in the unit of their check."""
    columns = [d.column(name) for name in check.columns]
    if check.metric == "nullValues":
        found = f"SELECT count(*) AS found FROM {{table}} WHERE {' OR '.join(f'{each} IS NULL' for each in columns)}"
    else:
        counted = "CAST(coalesce(sum(n), 0) AS BIGINT)" if check.unit else "count(*)"
        repeated = f"SELECT count(*) AS n FROM {{table}} GROUP BY {', '.join(columns)} HAVING count(*) > 1"
        found = f"SELECT {counted} AS found FROM ({repeated}) AS repeated"
    return _share(found, d) if check.unit == "percent" else found


def _share(found: str, d: _Dialect) -> str:
    """Return the query for the percentage of the table's rows that the query ``found`` counts, 0 when it has none.

    It is a decimal of six digits after the point, cut off. What would be cut to a number of ``PERCENT_DIGITS`` digits
    but is more than that gets a last digit of 1, so that comparing it with such a number gives what the whole quotient
    would: one null of many millions of rows is more than 0 percent.
    """
    divide = "//" if d.name == "duckdb" else "DIV"
    return (
        "SELECT CAST(cut + CASE WHEN rest > 0 AND cut % 100 = 0 THEN 1 ELSE 0 END AS DECIMAL(18,0)) * 0.000001 FROM ("
        f"SELECT found * 100000000 {divide} total AS cut, found * 100000000 % total AS rest FROM ({found}) AS f "
        "CROSS JOIN (SELECT greatest(count(*), 1) AS total FROM {table}) AS t) AS share"
    )
