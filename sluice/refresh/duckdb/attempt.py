"""One attempt of a run on DuckDB: computes the table's new data files, audits them, and publishes them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from sluice.compiled import CompiledTransform
from sluice.confined import connect, literal, quoted
from sluice.errors import CommitConflict
from sluice.project import Project
from sluice.refresh.duckdb.audit import audit
from sluice.refresh.duckdb.conflicts import quarantine_conflicts
from sluice.refresh.duckdb.inputs import address, is_native, protocol, register, register_files, rows_of
from sluice.refresh.duckdb.relations import DuckDbRelations, Input, Relation, files_of, files_with, semi_join
from sluice.refresh.failures import AuditTarget, Failure
from sluice.refresh.run import Lost, Published, Scope
from sluice.refresh.strategy import Change
from sluice.refresh.tables import change_of, is_newer, made_from, retired_inputs, rollback_of
from sluice.storage import Store
from sluice.tables.commit import adopt_data_files, discard, replace, write_data_files
from sluice.tables.files import Difference, data_files, difference, snapshot_of, total_bytes
from sluice.tables.maintain import expire_snapshots
from sluice.tables.upkeep import file_size

#: Relations in SQL: the rows that an incremental run recomputed, all rows of the new files (recomputed or copied), the
#: table as it would be after publishing where files of it stay, and the table as it is now.
_NEW, _ROWS, _TABLE, _PREVIOUS = "sluice_new", "sluice_rows", "sluice_table", "sluice_previous"
#: The table as it is now, where it may have deletes of single rows.
_BEFORE = "sluice.before"
#: A column: the file that a row was read from.
_FILE = "_sluice_file"
#: Once a table has so many small files, they are rewritten into larger ones.
_SMALL_FILES = 16


class DuckDbAttempt:
    """An attempt of a run: see ``sluice.refresh.run.Attempt``. ``load`` returns a table by ``database.name``.

    The data files in ``removed`` are to be replaced by the new ones (None: all of the table's files); those in
    ``untouched`` stay.
    """

    def __init__(
        self,
        project: Project,
        transform: CompiledTransform,
        pinned: Mapping[str, str],
        *,
        load: Callable[[str], Table],
        store: Store,
        settings: Mapping[str, str | bool],
    ) -> None:
        self._project, self._transform, self._load, self._store = project, transform, load, store
        self._contract = project.contract(transform.table)
        self._target = load(transform.table)
        self._sources = {name: load(name) for name in transform.inputs.values()}
        self.made, self.rollback = made_from(self._target), rollback_of(self._target)
        self.inputs = {name: pinned.get(name, snapshot_of(source)) for name, source in self._sources.items()}
        found = data_files(self._target, snapshot_of(self._target))
        self._has_deletes, self._present = found is None, list(found or ())
        self._removed: list[DataFile] | None = None
        self._untouched: list[DataFile] = []
        self._differences: dict[str, Difference] = {}
        self._rows = 0
        with ExitStack() as opened:
            scratch = opened.enter_context(tempfile.TemporaryDirectory())
            self._folder = Path(scratch) / "result"
            self._folder.mkdir()
            readable = [scratch, *(protocol(name) for name in sorted({transform.table, *transform.needs}))]
            own = {**settings, "temp_directory": scratch}
            connection = connect(settings=own, readable=readable, calling=transform.duckdb_texts())
            self._connection = opened.enter_context(connection)
            self._opened = opened.pop_all()

    def newer(self, table: str, before: str, now: str) -> bool:
        """Return whether an input's snapshot ``now`` came after ``before`` and has other data files."""
        return is_newer(self._sources[table], before, now)

    def deletes(self) -> bool:
        """Return whether the table has row-level deletes, or columns that only PyIceberg reads."""
        return self._has_deletes or not is_native(self._target)

    def change(self, table: str, before: str, now: str) -> Change | None:
        """Return what changed in an input between two snapshots, or None when that is not known."""
        found = difference(self._sources[table], before, now)
        if found is None or not is_native(self._sources[table]):
            return None
        self._differences[table] = found
        return change_of(found)

    def relations(self) -> DuckDbRelations:
        """Return the rows of the inputs, for change propagation."""
        return DuckDbRelations(self._connection, self._inputs(), self._present_rows())

    def replace(self) -> None:
        """Compute the whole table."""
        for name, table in self._sources.items():
            register(self._connection, name, table, self.inputs[name])
        self._copy(self._computed())

    def append(self) -> None:
        """Compute the rows that the inputs' added files give."""
        for given in {given.name: given for given in self._inputs().values()}.values():
            register_files(self._connection, given.name, given.table)
            self._see(given.name, files_of(given.name, given.table, given.difference.added))
        self._removed, self._untouched = [], self._present
        self._copy(self._computed())

    def merge(self, affected: Relation, inputs: Mapping[str, Relation]) -> None:
        """Compute the rows of the ``affected`` keys, and copy the other rows of the files that held such keys."""
        key, columns = self._transform.recompute_key, self._columns()
        # An input that two parameters name declares no change propagation, so that both see all of its rows.
        for name, rows in {self._transform.inputs[parameter]: rows for parameter, rows in inputs.items()}.items():
            self._see(name, rows)
        recomputed = semi_join(f"({self._computed()})", key, affected.sql, key)
        self._connection.execute(f"CREATE TABLE {_NEW} AS FROM {recomputed}")
        self._removed = self._files_touched(affected)
        self._untouched = [file for file in self._present if file not in self._removed]
        survivors = files_of(self._transform.table, self._target, self._removed)
        kept = semi_join(survivors.sql, key, affected.sql, key, anti=True)
        self._copy(f"SELECT {columns} FROM {_NEW} UNION ALL SELECT {columns} FROM {kept}")

    def keep(self) -> None:
        """Compute nothing: no row of the table changes."""
        self._removed, self._untouched = [], self._present
        self._copy(f"SELECT {self._columns()} FROM {rows_of(self._transform.table, self._target.schema(), [])}")

    def audit(self, scope: Scope) -> list[Failure]:
        """Return a failure for each check of the table that does not hold."""
        return audit(self._connection, self._transform.audit, self._audit_target(scope))

    def retired(self) -> Mapping[str, int]:
        """Return how many rows retention removed so far from each input that may not lose any."""
        return retired_inputs(self._contract, self._sources)

    def lost(self, besides: Relation | None) -> Lost:
        """Return what the table as it is has and the computed one has no more; see ``sluice.refresh.run.Attempt``."""
        if self._target.current_snapshot() is None:
            return Lost()
        recompute, declared = self._transform.recompute_key, self._contract.key
        key = declared or recompute or tuple(self._target.schema().column_names)
        present = self._replaced()
        if besides is not None:
            present = semi_join(present, recompute, besides.sql, recompute, anti=True)
        listed = ", ".join(map(quoted, key))
        # Of rows without a key, equal ones count as often as there are.
        times = "count(*)" if not (declared or recompute) else "1"
        had, has = (f"SELECT {listed}, {times} AS n FROM {rows} GROUP BY ALL" for rows in (present, _ROWS))
        gone = (
            f"(SELECT {listed}, sum(n) AS n FROM ({had} UNION ALL SELECT {listed}, -n FROM ({has})) "
            "GROUP BY ALL HAVING sum(n) > 0)"
        )
        query = f"SELECT sum(n), any_value(g) FROM {gone} g"
        count, example = self._connection.execute(query).fetchall()[0]
        told = ", ".join(f"{column} {example[column]!r}" for column in key) if example else ""
        return Lost(int(count or 0), "keys" if declared or recompute else "rows", told)

    def _replaced(self) -> str:
        """Return SQL for the rows of the table as it is that the run replaces, or would leave out."""
        name, target = self._transform.table, self._target
        if self._removed is not None:
            return files_of(name, target, self._removed).sql
        register(self._connection, name, target, snapshot_of(target), under=_BEFORE)
        return _BEFORE

    def quarantine(self, run_id: str) -> int:
        """Quarantine the records that were not picked for their key; return how many were new there."""
        arriving = {given.table: given for given in self._project.arriving}
        return sum(
            quarantine_conflicts(self._connection, query, arriving[table], self._load, run_id=run_id)
            for table, query in self._transform.conflicts.items()
        )

    def publish(self, summary: Callable[[int], Mapping[str, str]]) -> Published:
        """Upload the new data files and publish them in one commit."""
        files = self._write()
        rows = sum(file.record_count for file in (*files, *self._untouched))
        try:
            self._target = replace(self._target, files, removed=self._removed, summary=summary(rows))
        except CommitConflict:
            discard(self._target, files)
            raise
        return Published(snapshot_of(self._target), rows, self._rows)

    def tidy(self) -> None:
        """Expire old snapshots of the table."""
        expire_snapshots(self._target)

    def close(self) -> None:
        """Close DuckDB and remove what it wrote on this machine."""
        self._opened.close()

    def _inputs(self) -> dict[str, Input]:
        """Return the inputs by parameter; the strategy asked for what changed in each."""
        return {
            parameter: Input(name, self._sources[name], self._differences[name])
            for parameter, name in self._transform.inputs.items()
        }

    def _present_rows(self) -> Relation:
        register_files(self._connection, self._transform.table, self._target)
        return files_of(self._transform.table, self._target, self._present)

    def _columns(self) -> str:
        return ", ".join(quoted(field.name) for field in self._target.schema().fields)

    def _computed(self) -> str:
        return f"SELECT {self._columns()} FROM ({self._transform.sql})"

    def _see(self, name: str, rows: Relation) -> None:
        """Make ``rows`` readable as the table ``name``."""
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(name.partition('.')[0])}")
        self._connection.execute(f"CREATE VIEW {quoted(name)} AS FROM {rows.sql}")

    def _files_touched(self, affected: Relation) -> list[DataFile]:
        """Return the table's files that the run replaces: those that hold a row of an affected key.

        Where the table has many small files and no partitions, all of these are replaced, too.
        """
        name, target, key = self._transform.table, self._target, self._transform.recompute_key
        near = files_with(self._connection, self._present_rows(), key[0], affected, key[0])
        held: set[str] = set()
        if near:
            rows = rows_of(name, target.schema(), near, options=f", filename={literal(_FILE)}")
            joined = semi_join(rows, key, affected.sql, key)
            found = self._connection.execute(f"SELECT DISTINCT {_FILE} FROM {joined}")
            held = {row[0] for row in found.fetchall()}
        small = [file for file in self._present if file.file_size_in_bytes < self._file_size() // 4]
        if len(small) >= _SMALL_FILES and not target.spec().fields:
            held |= {address(name, file) for file in small}
        return [file for file in self._present if address(name, file) in held]

    def _file_size(self) -> int:
        present = sum(file.file_size_in_bytes for file in self._present)
        return file_size(present or sum(total_bytes(table, self.inputs[name]) for name, table in self._sources.items()))

    def _copy(self, query: str) -> None:
        """Write the rows of ``query`` to the local folder as data files with the table's Iceberg field ids."""
        fields = self._target.schema().fields
        ids = ", ".join(f"{quoted(field.name)}: {field.field_id}" for field in fields)
        # Sorted by the recompute key, so that the rows of one key lie in few files and a change rewrites few files.
        sorted_by = self._contract.sort_order or self._transform.recompute_key
        order = f" ORDER BY {', '.join(map(quoted, sorted_by))}" if sorted_by else ""
        copied = self._connection.execute(
            f"COPY (FROM ({query}){order}) TO '{self._folder}' (FORMAT parquet, COMPRESSION zstd, "
            f"FILE_SIZE_BYTES {self._file_size()}, FILENAME_PATTERN '{uuid4().hex}-{{i}}', FIELD_IDS {{{ids}}})"
        ).fetchall()
        self._rows = int(copied[0][0])
        source = f"read_parquet('{self._folder}/*.parquet')"
        if not self._rows:
            source = rows_of(self._transform.table, self._target.schema(), [])
        self._connection.execute(f"CREATE VIEW {_ROWS} AS FROM {source}")

    def _audit_target(self, scope: Scope) -> AuditTarget[str]:
        """Return the relations for the audit, readable in SQL."""
        name = self._transform.table
        untouched, present = (files_of(name, self._target, files) for files in (self._untouched, self._present))
        if self._present:
            register_files(self._connection, name, self._target)
        ahead = _ROWS
        if untouched.files:
            ahead = _TABLE
            self._connection.execute(f"CREATE VIEW {_TABLE} AS FROM {_ROWS} UNION ALL FROM {untouched.sql}")
        self._connection.execute(f"CREATE VIEW {_PREVIOUS} AS FROM {present.sql}")
        references = {name: ahead}
        for other in sorted({other for check in self._transform.audit for other in check.needs} - {name}):
            # Under another name: its own may be taken by an input that holds only the rows of affected keys.
            references[other] = f"reference.{other.replace('.', '_')}"
            table = self._load(other)
            register(self._connection, other, table, snapshot_of(table), under=references[other])
        if scope == "affected":
            return AuditTarget(_NEW, ahead, _PREVIOUS, self._transform.recompute_key, references)
        return AuditTarget(ahead if scope == "all" else _ROWS, ahead, _PREVIOUS, (), references)

    def _write(self) -> Sequence[DataFile]:
        """Upload the result to the table's location and return its data files, not committed yet."""
        if not self._rows:
            return []
        if self._contract.partitioning:
            return write_data_files(self._target, self._connection.cursor().sql(f"FROM {_ROWS}").to_arrow_table())
        addresses = []
        for file in sorted(self._folder.iterdir()):
            address = f"{self._target.location()}/data/{file.name}"
            with file.open("rb") as body:
                self._store.put(address, body)
            addresses.append(address)
        return adopt_data_files(self._target, addresses)
