"""Runs one planned query on DuckDB."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from localaws.athena import functions
from localaws.athena import typing as types
from localaws.athena.catalog import Catalog
from localaws.athena.confined import connect
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.leave import Leave
from localaws.athena.plan import Parsed, QueryPlan, plan
from localaws.athena.sources import quoted
from localaws.athena.typing import DType
from localaws.context import Context

#: A query must leave memory for other queries and for the functions that run at the same time.
MEMORY_LIMIT = "2GB"
THREADS = 2
_INTERRUPT_SECONDS = 0.05
#: A cast that fails on purpose repeats its text: see ``localaws.athena.macros``.
_CODED = re.compile(r"\b([A-Z][A-Z_]{5,}): (.*?)(?:' (?:to|when casting from)\b[^']*)?(?:\n|$)")


@dataclass(frozen=True)
class Column:
    """A column of a result, as Athena describes it."""

    name: str
    type: exp.DataType


@dataclass(frozen=True)
class Answer:
    """A query's rows and columns, and the bytes of the files that were read."""

    columns: list[Column]
    table: pa.Table
    scanned: int


class QueryEngine:
    """One in-memory DuckDB for one query; ``interrupt`` stops it from another thread."""

    def __init__(self, ctx: Context, *, account: str, region: str, leave: Leave | None = None) -> None:
        self.connection = connect(
            {"threads": THREADS, "memory_limit": MEMORY_LIMIT, "temp_directory": str(ctx.scratch / "athena")}
        )
        self._stopped, self._closed = threading.Event(), threading.Event()
        self._open = threading.Lock()
        functions.register(self.connection, datetime.now(UTC))
        self.catalog = Catalog(ctx, account=account, region=region, evaluate=self._evaluate, leave=leave)

    def answer(
        self, sql: str | Parsed, database: str, *, allow: Callable[[int], None] = lambda scanned: None
    ) -> Answer:
        """Return the result of ``sql``; before it runs, ``allow`` gets the number of bytes to scan and may raise."""
        query, scanned = self._prepared(sql, database)
        allow(scanned)
        self.unstopped()
        return self._ran(query, self.connection.sql, scanned)

    def unstopped(self) -> None:
        """Raise QueryFailed if the query was stopped."""
        if self._stopped.is_set():
            raise _cancelled()

    def described(self, sql: str, database: str) -> Answer:
        """Return the columns of ``sql`` and no rows; nothing is read but what the tables' metadata say."""
        query, _ = self._prepared(sql, database)
        return self._ran(query, lambda text: self.connection.sql(text).limit(0), 0)

    def explained(self, sql: str, database: str, *, form: str, analyze: bool, allow: Callable[[int], None]) -> str:
        """Return DuckDB's plan of ``sql`` in ``form``: TEXT, JSON or GRAPHVIZ; ``analyze`` runs it first."""
        query, scanned = self._prepared(sql, database)
        if analyze:
            allow(scanned)
        try:
            options = ", ".join(["ANALYZE"] * analyze + [f"FORMAT {form}"])
            found = self.connection.execute(f"EXPLAIN ({options}) {query.sql}").fetchall()
        except duckdb.Error as error:
            raise failure(error) from error
        return "\n".join(str(text) for _, text in found)

    def _prepared(self, sql: str | Parsed, database: str) -> tuple[QueryPlan, int]:
        """Plan ``sql`` and have DuckDB know its tables; return the plan and the bytes that it would scan."""
        query = plan(sql, database, self.catalog.readable, self.catalog.view_of)
        scanned = 0
        for relation, name in query.relations.items():
            self.catalog.check_fixed(name, query.columns_fixed.get(relation, set()))
            rows = self.catalog.open(name).rows(query.columns_read.get(relation, set()))
            scanned += rows.bytes
            self.connection.register(f"{relation}_data", rows.data)
            shown = ", ".join(f"{expression} AS {quoted(column)}" for column, expression in rows.projection.items())
            self.connection.execute(f"CREATE OR REPLACE VIEW {relation} AS SELECT {shown} FROM {relation}_data")
        return query, scanned

    def _ran(self, query: QueryPlan, run: Callable[[str], Any], scanned: int) -> Answer:
        try:
            result = run(query.sql)
            kinds = [str(kind) for kind in result.types]
            table = result.to_arrow_table()
        except duckdb.Error as error:
            raise failure(error) from error
        return Answer(_columns(query, kinds, table.schema), table, scanned)

    def interrupt(self) -> None:
        """Stop the query that runs, or that is about to run."""
        if not self._stopped.is_set():
            self._stopped.set()
            threading.Thread(target=self._keep_interrupting, name="athena-interrupt", daemon=True).start()

    def close(self) -> None:
        """Close DuckDB and free its memory."""
        self._closed.set()
        with self._open:
            self.connection.close()

    def _keep_interrupting(self) -> None:
        # DuckDB drops an interrupt that comes before a query begins: https://github.com/duckdb/duckdb-rs/pull/860
        while not self._closed.is_set():
            with self._open:
                if not self._closed.is_set():
                    self.connection.interrupt()
            self._closed.wait(_INTERRUPT_SECONDS)

    def _evaluate(self, expression: str) -> Any:
        try:
            found = self.connection.sql(f"SELECT CAST({expression} AS TIMESTAMPTZ) AS moment").to_arrow_table()
        except duckdb.Error as error:
            raise failure(error) from error
        return found["moment"][0].as_py()


def failure(error: Exception) -> QueryFailed:  # noqa: PLR0911
    """Return the QueryFailed, worded as Athena does, for an error of DuckDB."""
    text = str(error)
    coded = _CODED.search(text)
    if coded:
        return QueryFailed(coded[1], coded[2])
    first = text.split("\n", maxsplit=1)[0].partition(": ")[2] or text
    if "Division by zero" in text:
        return QueryFailed("DIVISION_BY_ZERO", "Division by zero")
    if "must appear in the GROUP BY clause" in text:
        name = first.split('"')[1] if '"' in first else "?"
        return QueryFailed(
            "EXPRESSION_NOT_AGGREGATE",
            f"line 1:1: '{name}' must be an aggregate expression or appear in GROUP BY clause",
        )
    if "volatile function" in text:
        return not_supported("TRY around this expression")
    if isinstance(error, duckdb.InterruptException):
        return _cancelled()
    if isinstance(error, duckdb.ConversionException):
        return QueryFailed("INVALID_CAST_ARGUMENT", first)
    if isinstance(error, duckdb.OutOfRangeException):
        return QueryFailed("NUMERIC_VALUE_OUT_OF_RANGE", first)
    if isinstance(error, duckdb.OutOfMemoryException):
        return QueryFailed("EXCEEDED_LOCAL_MEMORY_LIMIT", first)
    if isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException):
        return QueryFailed("NOT_SUPPORTED", f"the local Athena cannot run this query: {first}")
    return QueryFailed("GENERIC_INTERNAL_ERROR", first, user_error=False)


def _cancelled() -> QueryFailed:
    return QueryFailed("USER_CANCELED", "Query was canceled")


def _columns(query: QueryPlan, kinds: list[str], schema: pa.Schema) -> list[Column]:
    columns = []
    for label, derived, kind, field in zip(query.labels, query.types, kinds, schema, strict=True):
        found = _result_type(derived, kind, field.type)
        columns.append(Column(label, found))
    return columns


def _result_type(derived: exp.DataType | None, kind: str, arrow: pa.DataType) -> exp.DataType:
    if kind == "INTERVAL":
        return exp.DataType(this=DType.INTERVAL)
    actual = types.from_arrow(arrow)
    if kind == "HUGEINT" or actual is None:
        raise not_supported(f"a result column of the type {kind}")
    if derived is None or derived.this == DType.UNKNOWN:
        return actual
    if actual.this == DType.NULL:
        return derived
    if derived.this == DType.JSON or (derived.this == actual.this and derived.this not in (DType.DECIMAL,)):
        return derived
    return actual
