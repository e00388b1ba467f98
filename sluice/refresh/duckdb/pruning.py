"""Change propagation and pruning on DuckDB: from the changed input rows to the affected keys, and back to input rows.

Affected keys are the values of the recompute key whose rows a change may alter. All rows of an affected key
are recomputed by the transform's own SQL, over inputs pruned to the rows that belong to affected keys. Added and
removed rows both count, so a row that a change moved from one key to another affects both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb
import pyarrow as pa
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from sluice.confined import literal, quoted
from sluice.ledger import Backfill
from sluice.project import CompiledTransform, Propagation
from sluice.refresh.duckdb.inputs import address, register_files, rows_of
from sluice.refresh.strategy import MOST_CHANGED, undeclared
from sluice.tables.files import Difference, bounds

#: The table of affected keys in DuckDB, with the columns of the recompute key.
AFFECTED = "sluice.affected"
#: A column: how often a row was added minus how often it was removed.
_TIMES = "_sluice_times"
#: A column: the file that a row was read from.
_FILE = "_sluice_file"
#: With more key values than this, files are pruned by the least and the greatest value alone.
_MANY_VALUES = 50_000
#: Once a table has so many small files, they are rewritten into larger ones.
_SMALL_FILES = 16
#: So many changed rows are refreshed incrementally, whatever their share of the table.
_FEW_ROWS = 100_000


class TooWide(Exception):
    """An incremental refresh is not possible or not worth it; the message is the reason for a full one."""


class Pruning:
    """The inputs of one incremental run and their changes, by parameter."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        transform: CompiledTransform,
        sources: Mapping[str, Table],
        differences: Mapping[str, Difference],
    ) -> None:
        self._connection, self._transform, self._differences = connection, transform, differences
        self._sources = {parameter: sources[name] for parameter, name in transform.inputs.items()}
        connection.execute("CREATE SCHEMA IF NOT EXISTS sluice")
        for parameter, name in transform.inputs.items():
            register_files(connection, name, self._sources[parameter])

    def find_affected(self, backfill: Backfill | None = None, target: str = "") -> int:
        """Create the table ``AFFECTED`` from the inputs' changes and from ``backfill``; return how many keys it has.

        With 0 keys the table is not created. ``target`` is SQL for the derived table's present rows. Raise ``TooWide``
        when most of an input changed, or when an input changed that declares no change propagation.
        """
        parts = []
        for parameter, difference in self._differences.items():
            if not difference.changed:
                continue
            self._connection.execute(f"CREATE TABLE {_changed(parameter)} AS {self._changed_rows(parameter)}")
            self._refuse_most(parameter, difference)
            if self._transform.propagations[parameter].declared:
                parts.append(self._affected_keys(parameter, self._with_other_versions(parameter)))
            elif self._connection.execute(f"SELECT 1 FROM {_changed(parameter)} LIMIT 1").fetchall():
                raise TooWide(undeclared(self._transform.inputs[parameter]))
        if backfill is not None:
            parts += self._affected_keys_of_backfill(backfill, target)
        if not parts:
            return 0
        self._connection.execute(f"CREATE TABLE {AFFECTED} AS SELECT DISTINCT * FROM ({' UNION ALL '.join(parts)})")
        return int(self._connection.execute(f"SELECT count(*) FROM {AFFECTED}").fetchall()[0][0])

    def _refuse_most(self, parameter: str, difference: Difference) -> None:
        """Raise ``TooWide`` when so many rows changed that a full refresh costs less."""
        changed = self._connection.execute(f"SELECT count(*) FROM {_changed(parameter)}").fetchall()[0][0]
        if changed > max(_FEW_ROWS, MOST_CHANGED * sum(file.record_count for file in difference.now)):
            raise TooWide(f"most of {self._transform.inputs[parameter]} changed")

    def _affected_keys_of_backfill(self, backfill: Backfill, target: str) -> Iterator[str]:
        """Yield SQL for the affected keys of a backfill: those of the table's and the inputs' rows in its interval."""
        wanted = backfill.condition(f"w.{quoted(backfill.column)}")
        named = ", ".join(quoted(name) for name in self._transform.recompute_key)
        yield f"SELECT {named} FROM {target} w WHERE {wanted}"
        for parameter, propagation in self._transform.propagations.items():
            if propagation.on and backfill.column in self._sources[parameter].schema().column_names:
                yield self._affected_keys(parameter, f"SELECT w.* FROM {self._whole(parameter)} w WHERE {wanted}")

    def prune_inputs(self) -> None:
        """Make each input readable under its name, pruned to the rows that belong to affected keys."""
        done: set[str] = set()
        for parameter in self._transform.inputs:
            self._prune(parameter, done)

    def only_added(self) -> None:
        """Make each input readable under its name, with only the rows of its added files."""
        for parameter, name in self._transform.inputs.items():
            schema = self._sources[parameter].schema()
            _create(self._connection, "VIEW", name, f"FROM {rows_of(name, schema, self._differences[parameter].added)}")

    def _changed_rows(self, parameter: str) -> str:
        """Return SQL for the distinct rows that were added or removed; rows moved between files are left out."""
        difference, name = self._differences[parameter], self._transform.inputs[parameter]
        schema = self._sources[parameter].schema()
        added, removed = (rows_of(name, schema, files) for files in (difference.added, difference.removed))
        if not difference.removed:
            return f"FROM {added}"
        if not difference.added:
            return f"FROM {removed}"
        # Grouped once: EXCEPT ALL in both directions would read every file twice and takes three times as long.
        both = f"SELECT *, 1 AS {_TIMES} FROM {added} UNION ALL SELECT *, -1 AS {_TIMES} FROM {removed}"
        return f"SELECT * EXCLUDE ({_TIMES}) FROM ({both}) GROUP BY ALL HAVING sum({_TIMES}) <> 0"

    def _whole(self, parameter: str, files: Sequence[DataFile] | None = None) -> str:
        name = self._transform.inputs[parameter]
        now = self._differences[parameter].now if files is None else files
        return rows_of(name, self._sources[parameter].schema(), now)

    def _with_other_versions(self, parameter: str) -> str:
        """Return SQL for the changed rows, with all other rows of the same key where the function sees one per key."""
        propagation, changed = self._transform.propagations[parameter], f"FROM {_changed(parameter)}"
        if not _needs_versions(propagation):
            return changed
        same = _same("w", propagation.key, "c", propagation.key)
        others = f"SELECT w.* FROM {self._whole(parameter)} w SEMI JOIN {_changed(parameter)} c ON {same}"
        return f"{changed} UNION ALL {others}"

    def _affected_keys(self, parameter: str, rows: str) -> str:
        """Return SQL for the affected keys of ``rows`` of an input, by its dependency key or along its join path."""
        propagation = self._transform.propagations[parameter]
        if propagation.on:
            named = (
                f"{quoted(own)} AS {quoted(column)}"
                for own, column in zip(propagation.on, self._transform.recompute_key, strict=True)
            )
            return f"SELECT {', '.join(named)} FROM ({rows})"
        assert propagation.join is not None
        own, theirs = zip(*propagation.join_on, strict=True)
        same = _same("w", theirs, "c", own)
        return self._affected_keys(
            propagation.join, f"SELECT w.* FROM {self._whole(propagation.join)} w SEMI JOIN ({rows}) c ON {same}"
        )

    def _prune(self, parameter: str, done: set[str]) -> None:
        if parameter in done:
            return
        done.add(parameter)
        propagation, name = self._transform.propagations[parameter], self._transform.inputs[parameter]
        if propagation.on:
            own, theirs, wanted = propagation.on, self._transform.recompute_key, AFFECTED
        elif propagation.join is not None:
            self._prune(propagation.join, done)
            own, theirs = zip(*propagation.join_on, strict=True)
            wanted = quoted(self._transform.inputs[propagation.join])
        else:
            _create(self._connection, "VIEW", name, f"FROM {self._whole(parameter)}")
            return
        table, files = self._sources[parameter], self._differences[parameter].now
        near = files_with(self._connection, table, files, own[0], f"SELECT {quoted(theirs[0])} FROM {wanted}")
        rows = (
            f"SELECT w.* FROM {self._whole(parameter, near)} w SEMI JOIN {wanted} a ON {_same('w', own, 'a', theirs)}"
        )
        if _needs_versions(propagation):
            same = _same("v", propagation.key, "n", propagation.key)
            rows = f"SELECT v.* FROM {self._whole(parameter)} v SEMI JOIN ({rows}) n ON {same}"
        _create(self._connection, "TABLE", name, rows)


def files_with(
    connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[DataFile], column: str, values: str
) -> list[DataFile]:
    """Return the ``files`` whose bounds of ``column`` admit one of ``values`` (SQL for one column)."""
    known: pa.Table = bounds(table.schema(), files, column)
    connection.register("sluice_bounds", known)
    counted = connection.execute(f"SELECT count(*), count(v), min(v), max(v) FROM ({values}) AS t(v)").fetchall()
    rows, present, least, greatest = counted[0]
    if rows != present:  # one of the values is null, and bounds say nothing about nulls
        return list(files)
    if present > _MANY_VALUES:
        found = connection.execute(
            "SELECT path FROM sluice_bounds WHERE lower IS NULL OR upper IS NULL OR NOT (upper < ? OR lower > ?)",
            [least, greatest],
        )
    else:
        found = connection.execute(
            "SELECT path FROM sluice_bounds b WHERE lower IS NULL OR upper IS NULL "
            f"OR EXISTS (SELECT 1 FROM ({values}) AS t(v) WHERE v BETWEEN b.lower AND b.upper)"
        )
    paths = {row[0] for row in found.fetchall()}
    return [file for file in files if file.file_path in paths]


def files_touched(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    target: Table,
    files: Sequence[DataFile],
    recompute_key: Sequence[str],
    *,
    small_file: int,
) -> list[DataFile]:
    """Return the table's files that an incremental run replaces: those that hold a row of an affected key.

    Where the table has many files below ``small_file`` bytes and no partitions, all of these are replaced, too.
    """
    register_files(connection, name, target)
    near = files_with(connection, target, files, recompute_key[0], f"SELECT {quoted(recompute_key[0])} FROM {AFFECTED}")
    held: set[str] = set()
    if near:
        rows = rows_of(name, target.schema(), near, options=f", filename={literal(_FILE)}")
        found = connection.execute(
            f"SELECT DISTINCT {_FILE} FROM {rows} w "
            f"SEMI JOIN {AFFECTED} a ON {_same('w', recompute_key, 'a', recompute_key)}"
        )
        held = {row[0] for row in found.fetchall()}
    small = [file for file in files if file.file_size_in_bytes < small_file]
    if len(small) >= _SMALL_FILES and not target.spec().fields:
        held |= {address(name, file) for file in small}
    return [file for file in files if address(name, file) in held]


def not_affected(rows: str, recompute_key: Sequence[str]) -> str:
    """Return SQL for those ``rows`` whose recompute key is not affected."""
    return f"SELECT k.* FROM {rows} k ANTI JOIN {AFFECTED} a ON {_same('k', recompute_key, 'a', recompute_key)}"


def affected_only(rows: str, recompute_key: Sequence[str]) -> str:
    """Return SQL for those ``rows`` whose recompute key is affected."""
    return f"SELECT k.* FROM {rows} k SEMI JOIN {AFFECTED} a ON {_same('k', recompute_key, 'a', recompute_key)}"


def _needs_versions(propagation: Propagation) -> bool:
    """Return whether rows of one input key may affect different keys of the result.

    Then all rows of that input key are needed wherever one of them is.
    """
    columns = propagation.on or tuple(own for own, _ in propagation.join_on)
    return bool(propagation.key) and not set(columns) <= set(propagation.key)


def _same(left: str, lefts: Sequence[str], right: str, rights: Sequence[str]) -> str:
    pairs = zip(lefts, rights, strict=True)
    return " AND ".join(
        f"{left}.{quoted(mine)} IS NOT DISTINCT FROM {right}.{quoted(theirs)}" for mine, theirs in pairs
    )


def _changed(parameter: str) -> str:
    return f'sluice."changed_{parameter}"'


def _create(connection: duckdb.DuckDBPyConnection, kind: str, name: str, rows: str) -> None:
    database = name.partition(".")[0]
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(database)}")
    connection.execute(f"CREATE {kind} {quoted(name)} AS {rows}")
