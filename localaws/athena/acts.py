"""Runs a statement of any kind and returns what its client sees of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlglot import exp

from localaws.athena import results as answers
from localaws.athena import statements, write
from localaws.athena.changes import change_rows, optimize, vacuum
from localaws.athena.definitions import DEFINITIONS, Place, define
from localaws.athena.engine import Answer, Column, QueryEngine, Stream
from localaws.athena.errors import not_supported
from localaws.athena.explain import explain
from localaws.athena.leave import Leave
from localaws.athena.plan import Parsed
from localaws.athena.results import Results
from localaws.athena.show import SHOWN, show
from localaws.athena.statements import kinds
from localaws.athena.typing import DType
from localaws.athena.written_iceberg import take_back
from localaws.context import Context

_WRITES: Final[dict[type, Callable[[Any, Place], tuple[Answer, list[str]]]]] = {
    kinds.Unload: write.unload,
    kinds.CreateTableAs: write.create_table_as,
    kinds.InsertInto: write.insert_into,
}


@dataclass(frozen=True)
class Acting:
    """What runs a statement: ``output`` is the folder of its results, ``allow`` may refuse the bytes to scan."""

    ctx: Context
    leave: Leave
    engine: QueryEngine
    database: str
    query_id: str
    output: str
    allow: Callable[[int], None]

    def place(self) -> Place:
        """Return where the statement runs."""
        return Place(
            self.ctx, self.leave, self.engine.catalog, self.database, self.query_id, self.output, self.answer,
            lambda query: self.engine.described(query, self.database), self.engine.unstopped, self.allow,
        )  # fmt: skip

    def answer(self, query: str | Parsed) -> Answer:
        """Return the rows of a query."""
        return self.engine.answer(query, self.database, allow=self.allow)


@dataclass(frozen=True)
class Outcome:
    """What a statement answers, and the objects that it wrote; None when it is none that writes rows.

    ``undo`` takes back what it wrote, where its results cannot be kept; it is None where a table has the rows already,
    which decides that the statement is done. ``stream`` has the rows that the results are to get.
    """

    results: Results
    written: list[str] | None = None
    undo: Callable[[], None] | None = None
    stream: Stream | None = None


def act(statement: kinds.Statement, acting: Acting) -> Outcome:
    """Run the statement; raise QueryFailed where it cannot be run."""
    if isinstance(statement, kinds.Query):
        stream = acting.engine.stream(statement.text, acting.database, allow=acting.allow)
        return Outcome(answers.of_stream(stream), stream=stream)
    if isinstance(statement, SHOWN):
        return Outcome(show(statement, acting.database, acting.engine.catalog))
    if isinstance(statement, DEFINITIONS):
        acting.engine.unstopped()
        define(statement, acting.place())
        return Outcome(answers.nothing())
    if isinstance(statement, kinds.Explain):
        return Outcome(explain(statement, acting.database, acting.engine, acting.allow))
    return _written(statement, acting)


def _written(statement: kinds.Statement, acting: Acting) -> Outcome:
    """Run a statement that writes rows or files."""
    if isinstance(statement, kinds.Change):
        count, paths = change_rows(statement, acting.place())
        return Outcome(_changed(count), paths)
    if isinstance(statement, kinds.Optimize):
        return Outcome(answers.nothing(), optimize(statement, acting.place()))
    if isinstance(statement, kinds.Vacuum):
        vacuum(statement, acting.place())
        return Outcome(answers.nothing())
    run = _WRITES.get(type(statement))
    if run is None:
        raise not_supported(f"the statement {statements.subkind_of(statement).replace('_', ' ')}")
    place = acting.place()
    answer, paths = run(statement, place)
    found = _changed(answer.table.num_rows)
    if isinstance(statement, kinds.Unload):
        columns = [answers.column_info(column) for column in answer.columns]
        return Outcome(replace(found, columns=columns), paths, lambda: take_back(place.ctx, paths))
    return Outcome(found, paths)


def _changed(count: int) -> Results:
    rows = answers.column_info(Column("rows", exp.DataType(this=DType.BIGINT)))
    return Results([rows], [], header=False, update_count=count)
