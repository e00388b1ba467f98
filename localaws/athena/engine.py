"""Has planned queries computed by DuckDB, and words its errors as Athena does."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import duckdb
import pyarrow as pa
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.catalog import Catalog
from localaws.athena.computing import Computed, Computer, Question, Relation
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.hive.pruning import Pruning
from localaws.athena.leave import Leave
from localaws.athena.mixtures import has_zone
from localaws.athena.plan import Parsed, QueryPlan, plan
from localaws.athena.processes import EngineEnded
from localaws.athena.sources import quoted
from localaws.athena.typing import DType
from localaws.context import Context

#: A cast that fails on purpose repeats its text: see ``localaws.athena.macros``.
_CODED = re.compile(r"\b([A-Z]+(?:_[A-Z]+)+): (.*?)(?:' (?:to [A-Z][A-Z0-9]*|when casting from)\b[^']*)?(?:\n|$)")
#: What DuckDB says, and Trino's error for it.
_TOLD: Final = {
    "Map keys must be unique": ("INVALID_FUNCTION_ARGUMENT", "Duplicate map keys are not allowed"),
    "key list does not align": ("INVALID_FUNCTION_ARGUMENT", "Key and value arrays must be the same length"),
    "More than one row returned by a subquery": (
        "SUBQUERY_MULTIPLE_ROWS",
        "Scalar sub-query has returned multiple rows",
    ),
    "Cannot combine types": ("TYPE_MISMATCH", "Values rows have mismatched types"),
    "Type INT128 with value": ("NUMERIC_VALUE_OUT_OF_RANGE", "Value is out of range for its type"),  # a sum's
}
#: What DuckDB's texts begin with; those of the operating system begin with a file's name or a number.
_KIND = re.compile(r"^[A-Za-z ]+ Error: ")


@dataclass(frozen=True)
class Column:
    """A column of a result, as Athena describes it; ``named`` unless the query has no name for it."""

    name: str
    type: exp.DataType
    named: bool = True


@dataclass(frozen=True)
class Stream:
    """A query's columns and the bytes of the files that are read; its rows are computed as they are taken, once."""

    columns: list[Column]
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    scanned: int

    def whole(self) -> Answer:
        """Return all rows in memory."""
        return Answer(self.columns, pa.Table.from_batches(self.batches, self.schema), self.scanned)


@dataclass(frozen=True)
class Answer:
    """A query's rows and columns, and the bytes of the files that were read."""

    columns: list[Column]
    table: pa.Table
    scanned: int


class Computing(Protocol):
    """What computes: a DuckDB in this process or in one of its own."""

    def compute(self, asked: Question) -> Computed:
        """Return the answer; raise duckdb.Error or EngineEnded, also while its rows are taken."""

    def kill(self) -> None:
        """End it at once, whatever it does; what it computes raises then."""

    def close(self) -> None:
        """End it, when nobody asks it any more."""


class QueryEngine:
    """Plans the queries of one statement and has them computed; ``interrupt`` stops it from another thread.

    ``computing`` is called when there is the first query, and ``close`` gives what it returned to ``done``.
    """

    def __init__(
        self,
        ctx: Context,
        *,
        account: str,
        region: str,
        leave: Leave | None = None,
        computing: Callable[[], Computing] | None = None,
        done: Callable[[Any], None] = lambda computing: computing.close(),
    ) -> None:
        self._new, self._done = computing or (lambda: Computer(ctx.scratch / "athena")), done
        self._computing: Computing | None = None
        self._now = datetime.now(UTC)
        #: Seconds that planning took.
        self.planning = 0.0
        self._stopped: QueryFailed | None = None
        self._lock = threading.Lock()
        self.catalog = Catalog(ctx, account=account, region=region, evaluate=self._evaluate, leave=leave)

    @property
    def computing(self) -> Computing:
        """Return what computes; raise QueryFailed if the query was stopped."""
        with self._lock:
            if self._stopped is not None:
                raise self._stopped
            if self._computing is None:
                self._computing = self._new()
            return self._computing

    def stream(
        self, sql: str | Parsed, database: str, *, allow: Callable[[int], None] = lambda scanned: None
    ) -> Stream:
        """Return the result of ``sql``; before it runs, ``allow`` gets the number of bytes to scan and may raise."""
        query, relations, scanned = self._prepared(sql, database)
        allow(scanned)
        self.unstopped()
        return self._ran(query, self._question(query, relations), scanned)

    def answer(
        self, sql: str | Parsed, database: str, *, allow: Callable[[int], None] = lambda scanned: None
    ) -> Answer:
        """Return the result of ``sql`` in memory, as `stream` does."""
        return self.stream(sql, database, allow=allow).whole()

    def check(self, sql: str, database: str) -> None:
        """Raise QueryFailed where ``sql`` cannot be run now, or its caller may not read what it reads."""
        self._prepared(sql, database)

    def unstopped(self) -> None:
        """Raise QueryFailed if the query was stopped."""
        if self._stopped is not None:
            raise self._stopped

    def described(self, sql: str | Parsed, database: str) -> Answer:
        """Return the columns of ``sql`` and no rows; nothing is read but what the tables' metadata say."""
        query, relations, _ = self._prepared(sql, database, rows=False)
        return self._ran(query, replace(self._question(query, relations), rows=False), 0).whole()

    def explained(self, sql: str, database: str, *, form: str, analyze: bool, allow: Callable[[int], None]) -> str:
        """Return DuckDB's plan of ``sql`` in ``form``: TEXT, JSON or GRAPHVIZ; ``analyze`` runs it first."""
        query, relations, scanned = self._prepared(sql, database)
        if analyze:
            allow(scanned)
        options = ", ".join(["ANALYZE"] * analyze + [f"FORMAT {form}"])
        found = self._computed(replace(self._question(query, relations), explain=options))
        return "\n".join(text for batch in self._batches(found) for text in batch.column(0).to_pylist())

    def interrupt(self) -> None:
        """Stop the query that runs, or that is about to run; what computes it is ended, whatever it does."""
        with self._lock:
            self._stopped = self._stopped or _cancelled()
            if self._computing is not None:
                self._computing.kill()

    def close(self) -> None:
        """Leave what computes to the next query."""
        with self._lock:
            computing, self._computing = self._computing, None
            self._stopped = self._stopped or _cancelled()
        if computing is not None:
            self._done(computing)

    def _prepared(
        self, sql: str | Parsed, database: str, *, rows: bool = True
    ) -> tuple[QueryPlan, list[Relation], int]:
        """Plan ``sql`` and open its tables; return the plan, the tables and the bytes that it would scan."""
        began = time.monotonic()
        query = plan(sql, database, self.catalog.readable, self.catalog.view_of)
        relations, scanned = [], 0
        for relation, name in query.relations.items():
            pruning = Pruning(query.conditions.get(relation), self._now, self._few, nothing=not rows)
            found = self.catalog.rows(name, query.columns_read.get(relation, set()), pruning)
            scanned += found.bytes
            shown = ", ".join(f"{expression} AS {quoted(column)}" for column, expression in found.projection.items())
            relations.append(Relation(relation, found.data, shown))
        self.planning += time.monotonic() - began
        return query, relations, scanned

    def _question(self, query: QueryPlan, relations: list[Relation]) -> Question:
        return Question(query.sql, self._now, relations)

    def _ran(self, query: QueryPlan, asked: Question, scanned: int) -> Stream:
        found = self._computed(asked)
        return Stream(_columns(query, found.kinds, found.schema), found.schema, self._batches(found), scanned)

    def _computed(self, asked: Question) -> Computed:
        computing = self.computing
        try:
            return computing.compute(asked)
        except (duckdb.Error, EngineEnded) as error:
            raise self._failure(error) from error

    def _batches(self, found: Computed) -> Iterator[pa.RecordBatch]:
        try:
            for batch in found.batches:
                self.unstopped()
                yield batch
        except (duckdb.Error, EngineEnded) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> QueryFailed:
        if self._stopped is not None:
            return self._stopped
        if isinstance(error, EngineEnded):
            reason = f"{error}; nothing of this query was kept, and it can be run again"
            return QueryFailed("GENERIC_INTERNAL_ERROR", reason, user_error=False)
        return failure(error)

    def _few(self, asked: Question) -> pa.Table:
        found = self._computed(asked)
        return pa.Table.from_batches(self._batches(found), found.schema)

    def _evaluate(self, expression: str) -> Any:
        sql = f"SELECT CAST({expression} AS TIMESTAMPTZ) AS moment"
        return self._few(Question(sql, self._now))["moment"][0].as_py()


def failure(error: Exception) -> QueryFailed:  # noqa: PLR0911
    """Return the QueryFailed, worded as Athena does, for an error of DuckDB."""
    text = str(error)
    coded = _CODED.search(text)
    if coded:
        return QueryFailed(coded[1], coded[2])
    first = _KIND.sub("", text.split("\n", maxsplit=1)[0])
    if "Division by zero" in text:
        return QueryFailed("DIVISION_BY_ZERO", "Division by zero")
    if "must appear in the GROUP BY clause" in text:
        name = first.split('"')[1] if '"' in first else "?"
        return QueryFailed(
            "EXPRESSION_NOT_AGGREGATE",
            f"line 1:1: '{name}' must be an aggregate expression or appear in GROUP BY clause",
        )
    if told := next((told for said, told in _TOLD.items() if said in text), None):
        return QueryFailed(*told)
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
    for place, (label, derived, kind, field) in enumerate(zip(query.labels, query.types, kinds, schema, strict=True)):
        found = _result_type(derived, kind, field.type)
        if query.zoned and has_zone(found) and not has_zone(derived):
            raise not_supported("a result column whose zone cannot be derived")
        columns.append(Column(label, found, place not in query.unnamed))
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
    if derived.this == DType.MAP and not derived.expressions:  # MAP()
        return actual
    if derived.this in (DType.JSON, DType.CHAR) or (
        derived.this == actual.this and derived.this not in (DType.DECIMAL,)
    ):
        return derived
    return actual
