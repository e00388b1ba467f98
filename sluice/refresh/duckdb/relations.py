"""The rows of one run's inputs on DuckDB, for change propagation: see ``sluice.refresh.propagation.Relations``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from sluice.confined import literal, quoted
from sluice.refresh.duckdb.inputs import register_files, rows_of
from sluice.tables.files import Difference, bounds

#: Columns: how often a row was added minus how often it was removed, and how often retention removed it again.
_TIMES, _PASSED = "_sluice_times", "_sluice_passed"
#: With more key values than this, files are pruned by the least and the greatest value alone.
_MANY_VALUES = 50_000


@dataclass(frozen=True)
class Input:
    """An input of a run: its name and table, and what changed since the run before."""

    name: str
    table: Table
    difference: Difference


@dataclass(frozen=True)
class Relation:
    """Rows that DuckDB can read: ``sql`` stands after FROM.

    Rows of whole data files of a ``table`` have these ``files``; rows in a table of their own are ``kept``.
    """

    sql: str
    columns: tuple[str, ...]
    table: Table | None = None
    name: str = ""
    files: tuple[DataFile, ...] = ()
    kept: bool = False


class DuckDbRelations:
    """The inputs of one incremental run by parameter, and the ``present`` rows of its table."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, inputs: Mapping[str, Input], present: Relation) -> None:
        self._connection, self._inputs, self._present = connection, inputs, present
        self._kept: list[str] = []
        connection.execute("CREATE SCHEMA IF NOT EXISTS sluice")
        for given in inputs.values():
            register_files(connection, given.name, given.table)

    def whole(self, parameter: str) -> Relation:
        """Return all rows of an input."""
        given = self._inputs[parameter]
        return files_of(given.name, given.table, given.difference.now)

    def changed(self, parameter: str) -> Relation:
        """Return the distinct rows that were added or removed; rows moved between files are left out."""
        given = self._inputs[parameter]
        added, removed, passed = (
            files_of(given.name, given.table, files)
            for files in (given.difference.added, given.difference.removed, given.difference.passed)
        )
        if not removed.files:
            return added
        if not added.files and not passed.files:
            return removed
        # Grouped once: EXCEPT ALL in both directions would read every file twice and takes three times as long.
        parts = ((added, 1, 0), (removed, -1, 0), (passed, 1, 1))
        every = " UNION ALL ".join(
            f"SELECT *, {times} AS {_TIMES}, {retired} AS {_PASSED} FROM {rows.sql}"
            for rows, times, retired in parts
            if rows.files
        )
        # Rows that came and that retention removed again, before any run read them, are gone by declaration.
        net = f"sum({_TIMES}) < 0 OR sum({_TIMES}) > sum({_PASSED})"
        return Relation(
            f"(SELECT * EXCLUDE ({_TIMES}, {_PASSED}) FROM ({every}) GROUP BY ALL HAVING {net})", added.columns
        )

    def present(self) -> Relation:
        """Return the rows that the derived table has now."""
        return self._present

    def columns(self, rows: Relation) -> tuple[str, ...]:
        """Return the names of the columns of ``rows``."""
        return rows.columns

    def count(self, rows: Relation) -> int:
        """Return how many rows there are."""
        return int(self._connection.execute(f"SELECT count(*) FROM {rows.sql}").fetchall()[0][0])

    def with_values(self, rows: Relation, columns: Sequence[str], values: Relation, named: Sequence[str]) -> Relation:
        """Return the ``rows`` whose ``columns`` equal the columns ``named`` of some row of ``values``."""
        if rows.table is not None:
            if not values.kept:  # they are read twice: to find the files, and to find the rows
                values = self.keep(self.distinct(self.select(values, named, named)))
            near = files_with(self._connection, rows, columns[0], values, named[0])
            rows = files_of(rows.name, rows.table, near)
        return Relation(semi_join(rows.sql, columns, values.sql, named), rows.columns)

    def between_days(self, rows: Relation, column: str, first: str, last: str) -> Relation:
        """Return the ``rows`` whose ``column`` is between two days, which are included."""
        days = f"CAST({quoted(column)} AS DATE) BETWEEN DATE {literal(first)} AND DATE {literal(last)}"
        return Relation(f"(FROM {rows.sql} WHERE {days})", rows.columns)

    def select(self, rows: Relation, columns: Sequence[str], named: Sequence[str]) -> Relation:
        """Return only ``columns`` of the rows, under the names ``named``."""
        pairs = (f"{quoted(own)} AS {quoted(name)}" for own, name in zip(columns, named, strict=True))
        return Relation(f"(SELECT {', '.join(pairs)} FROM {rows.sql})", tuple(named))

    def union(self, parts: Sequence[Relation]) -> Relation:
        """Return the rows of all ``parts``."""
        return Relation(f"({' UNION ALL '.join(f'FROM {part.sql}' for part in parts)})", parts[0].columns)

    def distinct(self, rows: Relation) -> Relation:
        """Return each of the ``rows`` once."""
        return Relation(f"(SELECT DISTINCT * FROM {rows.sql})", rows.columns)

    def keep(self, rows: Relation) -> Relation:
        """Return ``rows`` in a table of their own."""
        if rows.kept:
            return rows
        name = f"sluice.kept_{len(self._kept)}"
        self._connection.execute(f"CREATE TABLE {name} AS FROM {rows.sql}")
        self._kept.append(name)
        return Relation(name, rows.columns, kept=True)

    def forget(self) -> None:
        """Drop the tables of what was kept."""
        while self._kept:
            self._connection.execute(f"DROP TABLE {self._kept.pop()}")


def files_of(name: str, table: Table, files: Sequence[DataFile]) -> Relation:
    """Return the rows of ``files`` of the table ``name``."""
    schema = table.schema()
    return Relation(rows_of(name, schema, files), tuple(schema.column_names), table, name, tuple(files))


def files_with(
    connection: duckdb.DuckDBPyConnection, rows: Relation, column: str, values: Relation, named: str
) -> list[DataFile]:
    """Return the files of ``rows`` whose bounds of ``column`` admit a value in the column ``named`` of ``values``."""
    assert rows.table is not None
    known: pa.Table = bounds(rows.table.schema(), rows.files, column)
    connection.register("sluice_bounds", known)
    one = f"(SELECT {quoted(named)} AS v FROM {values.sql})"
    counted = connection.execute(f"SELECT count(*), count(v), min(v), max(v) FROM {one}").fetchall()
    every, present, least, greatest = counted[0]
    # Bounds say nothing about nulls, nor about NaN, which is greater than any number here:
    # https://iceberg.apache.org/spec/#manifests
    if every != present or greatest != greatest:  # noqa: PLR0124
        return list(rows.files)
    if present > _MANY_VALUES:
        found = connection.execute(
            "SELECT path FROM sluice_bounds WHERE lower IS NULL OR upper IS NULL OR NOT (upper < ? OR lower > ?)",
            [least, greatest],
        )
    else:
        found = connection.execute(
            "SELECT path FROM sluice_bounds b WHERE lower IS NULL OR upper IS NULL "
            f"OR EXISTS (SELECT 1 FROM {one} WHERE v BETWEEN b.lower AND b.upper)"
        )
    paths = {row[0] for row in found.fetchall()}
    return [file for file in rows.files if file.file_path in paths]


def semi_join(rows: str, columns: Sequence[str], values: str, named: Sequence[str], *, anti: bool = False) -> str:
    """Return SQL for those ``rows`` whose ``columns`` equal the columns ``named`` of some row of ``values``.

    With ``anti``, of no row. Null equals null.
    """
    pairs = zip(columns, named, strict=True)
    same = " AND ".join(f"w.{quoted(own)} IS NOT DISTINCT FROM v.{quoted(theirs)}" for own, theirs in pairs)
    return f"(SELECT w.* FROM {rows} w {'ANTI' if anti else 'SEMI'} JOIN {values} v ON {same})"
