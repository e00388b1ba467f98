"""Runs UPDATE, DELETE and MERGE on Iceberg tables: merge-on-read, one snapshot a statement.

Rows that go are named in position-delete files, rows that come or change are written as new data files. The query that
finds them reads the very snapshot that the commit asks for; where another writer was first, all is done anew.
https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-updating-iceberg-table-data.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation

from localaws.athena import iceberg_writes
from localaws.athena.changes import delete_files, reading, row_delta
from localaws.athena.changes.reading import CLAUSE, ROW, ROWS, Change, Clause, value_name
from localaws.athena.changes.target import Taken, TargetRows
from localaws.athena.definitions.place import Place, is_iceberg, is_view
from localaws.athena.engine import Answer
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.iceberg import IcebergSource
from localaws.athena.plan import TableName
from localaws.athena.statements import kinds
from localaws.athena.statements.kinds import Name
from localaws.athena.write import Wording, fitted
from localaws.athena.written_iceberg import IcebergCatalog, committed

_UPDATE = Wording(
    "The UPDATE SET target column {} doesn't exist",
    "The UPDATE SET target column {} is specified more than once",
    "UPDATE table column types don't match SET expressions: Table: [{}], Expressions: [{}]",
)
_MERGE = Wording(
    "Merge column name does not exist in target table: {}",
    "Merge column name is specified more than once: {}",
    "MERGE table column types don't match for MERGE case {}, SET expressions: Table: [{{}}], Expressions: [{{}}]",
)


def change_rows(statement: kinds.Change, place: Place) -> tuple[int, list[str]]:
    """Run an UPDATE, DELETE or MERGE; return the number of changed rows and the files that were written."""
    name = reading.read(statement.text, place.database).name
    writable(name, statement.kind, place)
    tries: list[_Rows] = []

    def change(table: Table, _catalog: IcebergCatalog) -> None:
        tries.append(_Rows(reading.read(statement.text, place.database), table, place))
        tries[-1].change()

    paths = committed(name, place.leave, place.unstopped, change)
    return tries[-1].count, paths


def writable(name: Name, what: str, place: Place) -> None:
    """Raise unless the name is that of an Iceberg table which the caller may change."""
    found = place.catalog.table(name.database, name.name)
    if is_view(found):
        raise QueryFailed("NOT_SUPPORTED", f"line 1:1: {what} of views is not supported")
    if not is_iceberg(found):
        raise QueryFailed("NOT_SUPPORTED", f"line 1:1: {what} is supported for Iceberg tables only; {name} is none")
    place.leave.glue("UpdateTable", name.database, name.name)


def pinned(table: Table, name: Name, place: Place) -> TargetRows:
    """Have the queries of a statement read this very state of the table; return its rows with their numbers."""
    if table.format_version != 2:
        raise not_supported(
            f"a change of rows of an Iceberg table of format version {table.format_version}", allowed="format version 2"
        )
    dropped = next(
        (f.name for s in table.specs().values() for f in s.fields if not table.schema().find_column_name(f.source_id)),
        None,
    )
    if dropped is not None:
        raise not_supported(
            f"a change of rows of an Iceberg table with the partition field {dropped}, whose column was dropped",
            allowed="SELECT",
        )
    target = TargetRows(table)
    place.catalog.fix({
        TableName(name.database, name.name): IcebergSource(place.ctx, place.leave, table, table.current_snapshot()),
        TableName(name.database, name.name, ROWS.removeprefix("$")): target,
    })  # fmt: skip
    return target


@dataclass
class _Rows:
    """What one statement does to one state of its table; ``count`` is how many rows it changes."""

    statement: Change
    table: Table
    place: Place
    count: int = 0

    def change(self) -> None:
        """Commit one snapshot if any row changes."""
        self.target = pinned(self.table, self.statement.name, self.place)
        answer = self.place.answer(self.statement.query(self.target.columns))
        held = answer.table.column(CLAUSE).is_valid()
        answer = Answer(answer.columns, answer.table.filter(held), answer.scanned)
        old = answer.table.column(ROW).drop_null().to_numpy()
        if len(np.unique(old)) != len(old):
            raise QueryFailed(
                "MERGE_TARGET_ROW_MULTIPLE_MATCHES",
                "One MERGE target table row matched more than one source row",
            )
        new = pa.concat_tables(self._new(answer))
        taken = self.target.taken(old)
        # Each file whose rows all go is taken out of the table, with the delete files that were its alone.
        whole = [each.task.file for each in taken if len(each.positions) == each.live]
        removed = [*whole, *delete_files.orphaned(self.target.tasks(), whole)]
        added = [
            delete_files.write(self.table, each.task.file, each.positions)
            for each in taken
            if len(each.positions) < each.live
        ]
        added += iceberg_writes.data_files(self.table.metadata, self.table.io, new)
        self.count = answer.table.num_rows  # known before the commit, whose answer may be lost
        if added or removed:
            operation = Operation.OVERWRITE if new.num_rows else Operation.DELETE
            row_delta.commit(self.table, operation, added, removed)

    def _new(self, answer: Answer) -> Iterator[pa.Table]:
        """Yield the rows that the clauses write, with the table's columns."""
        schema = self.table.schema()
        yield self._none()
        for number, clause in enumerate(self.statement.clauses):
            if clause.action == "DELETE":
                continue
            chosen = answer.table.filter(pc.equal(answer.table.column(CLAUSE), number))
            if clause.action == "UPDATE":
                chosen = chosen.sort_by(ROW)
            values = self._values(answer, chosen, number, clause)
            if clause.action == "UPDATE":
                old = self.target.taken(chosen.column(ROW).to_numpy())
                values = self._assigned(old, values, clause)
            yield iceberg_writes.of_schema(values, schema)

    def _none(self) -> pa.Table:
        return iceberg_writes.of_schema(pa.table({}), self.table.schema())

    def _values(self, answer: Answer, chosen: pa.Table, number: int, clause: Clause) -> pa.Table:
        """Return a clause's values in the types of the columns that get them, as INSERT would have them."""
        names = [value_name(number, index) for index in range(len(clause.values))]
        columns = [column for column in answer.columns if column.name in names]
        known = list(self.target.columns.items())
        wording = _UPDATE
        if len(self.statement.clauses) > 1 or clause.condition is not None or self.statement.tree.key == "merge":
            wording = Wording(_MERGE.unknown, _MERGE.twice, _MERGE.mismatch.format(number))
        return fitted(Answer(columns, chosen.select(names), 0), known, clause.columns, wording).table

    def _assigned(self, old: list[Taken], values: pa.Table, clause: Clause) -> pa.Table:
        """Return the rows that were there with the values that an UPDATE assigns."""
        found = pa.concat_tables(
            [self._none().rename_columns(list(self.target.columns)), *self.target.whole(old)],
            promote_options="permissive",
        )
        for name in clause.columns:
            index = found.column_names.index(name)
            found = found.set_column(index, found.field(index).with_type(values.schema.field(name).type), values[name])
        return found
