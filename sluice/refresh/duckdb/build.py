"""Computes a derived table's new data files on DuckDB, by the run's refresh strategy; nothing is committed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

import duckdb
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from sluice.confined import quoted
from sluice.contracts import Contract
from sluice.project import CompiledTransform
from sluice.refresh.duckdb.audit import AuditTarget
from sluice.refresh.duckdb.inputs import register, register_files, rows_of
from sluice.refresh.duckdb.pruning import Pruning, TooWide, affected_only, files_touched, not_affected
from sluice.refresh.strategy import Strategy
from sluice.storage import Store
from sluice.tables.commit import adopt_data_files, write_data_files
from sluice.tables.files import data_files, snapshot_of, total_bytes
from sluice.tables.upkeep import file_size

#: Relations in SQL: the rows that an incremental run recomputed, all rows of the new files (recomputed or copied), the
#: table as it would be after publishing, and the table as it is now.
_NEW, _ROWS, _TABLE, _PREVIOUS = "sluice_new", "sluice_rows", "sluice_table", "sluice_previous"


class Build:
    """The result of one run, as data files that are not committed yet.

    ``rows`` counts the rows in new files, recomputed or copied. The files in ``removed`` are to be replaced by the new
    ones (None: all of the table's files); those in ``untouched`` stay. ``affected`` is the number of affected keys,
    None when the run does not look for them. ``strategy`` is the refresh strategy that was followed in the end: an
    incremental run becomes full when too much changed.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        transform: CompiledTransform,
        contract: Contract,
        target: Table,
        folder: Path,
    ) -> None:
        self._connection, self._transform, self._contract, self._target = connection, transform, contract, target
        self._folder = folder
        self._present = list(data_files(target, snapshot_of(target)) or ())
        self._file_size = 0
        self.rows = 0
        self.affected: int | None = None
        self.strategy = Strategy(None, "")
        self.removed: list[DataFile] | None = None
        self.untouched: list[DataFile] = []

    @property
    def nothing_to_do(self) -> bool:
        """Return whether no row changes and no check has to run."""
        return self.removed == [] and self.rows == 0 and not self.strategy.audit_all

    def compute(self, strategy: Strategy, sources: Mapping[str, Table], inputs: Mapping[str, str]) -> None:
        """Compute the result into local Parquet files; ``inputs`` are the snapshots to read, by table."""
        present = sum(file.file_size_in_bytes for file in self._present)
        read = sum(total_bytes(source, inputs[name]) for name, source in sources.items())
        self._file_size = file_size(present or read)
        self._copy(self._select(strategy, sources, inputs))

    def audit_target(self, load: Callable[[str], Table]) -> AuditTarget:
        """Return the relations for the audit, readable in SQL; ``load`` returns another table that a check names."""
        name, schema = self._transform.table, self._target.schema()
        if self._present:
            register_files(self._connection, name, self._target)
        kept = rows_of(name, schema, self.untouched)
        self._connection.execute(f"CREATE VIEW {_TABLE} AS FROM {_ROWS} UNION ALL FROM {kept}")
        self._connection.execute(f"CREATE VIEW {_PREVIOUS} AS FROM {rows_of(name, schema, self._present)}")
        references = {name: _TABLE}
        for other in sorted({other for check in self._transform.audit for other in check.needs} - {name}):
            # Under another name: its own may be taken by an input that holds only the rows of affected keys.
            references[other] = f"reference.{other.replace('.', '_')}"
            table = load(other)
            register(self._connection, other, table, snapshot_of(table), under=references[other])
        if self.strategy.audit_all:
            return AuditTarget(_TABLE, _TABLE, _PREVIOUS, (), references)
        if self.affected:
            return AuditTarget(_NEW, _TABLE, _PREVIOUS, self._transform.recompute_key, references)
        return AuditTarget(_ROWS, _TABLE, _PREVIOUS, (), references)

    def write(self, store: Store) -> list[DataFile]:
        """Upload the result to the table's location and return its data files, not committed yet."""
        if not self.rows:
            return []
        if self._contract.partitioning:
            return write_data_files(self._target, self._connection.cursor().sql(f"FROM {_ROWS}").to_arrow_table())
        addresses = []
        for file in sorted(self._folder.iterdir()):
            address = f"{self._target.location()}/data/{file.name}"
            with file.open("rb") as body:
                store.put(address, body)
            addresses.append(address)
        return adopt_data_files(self._target, addresses)

    def _select(self, strategy: Strategy, sources: Mapping[str, Table], inputs: Mapping[str, str]) -> str:
        """Make the inputs readable in SQL and return the query for the rows of the new files."""
        transform = self._transform
        columns = ", ".join(quoted(field.name) for field in self._target.schema().fields)
        computed = f"SELECT {columns} FROM ({transform.sql})"
        self.strategy = strategy
        if strategy.differences is None:
            return self._whole(computed, sources, inputs)
        present = self._present
        pruning = Pruning(self._connection, transform, sources, strategy.differences)
        if transform.mode.only_added:
            pruning.only_added()
            self.removed, self.untouched = [], present
            return computed
        register_files(self._connection, transform.table, self._target)
        held = rows_of(transform.table, self._target.schema(), present)
        try:
            self.affected = pruning.find_affected(strategy.backfill, held)
        except TooWide as why:
            self.strategy = Strategy(None, str(why), strategy.backfill)
            return self._whole(computed, sources, inputs)
        if not self.affected:
            self.removed, self.untouched = [], present
            return f"SELECT {columns} FROM {rows_of(transform.table, self._target.schema(), [])}"
        pruning.prune_inputs()
        self._connection.execute(f"CREATE TABLE {_NEW} AS {affected_only(f'({computed})', transform.recompute_key)}")
        self.removed = files_touched(
            self._connection,
            transform.table,
            self._target,
            present,
            transform.recompute_key,
            small_file=self._file_size // 4,
        )
        self.untouched = [file for file in present if file not in self.removed]
        survivors = rows_of(transform.table, self._target.schema(), self.removed)
        kept = not_affected(survivors, transform.recompute_key)
        return f"SELECT {columns} FROM {_NEW} UNION ALL SELECT {columns} FROM ({kept})"

    def _whole(self, computed: str, sources: Mapping[str, Table], inputs: Mapping[str, str]) -> str:
        for name, table in sources.items():
            register(self._connection, name, table, inputs[name])
        return computed

    def _copy(self, query: str) -> None:
        """Write the rows of ``query`` to the local folder as data files with the table's Iceberg field ids."""
        fields = self._target.schema().fields
        ids = ", ".join(f"{quoted(field.name)}: {field.field_id}" for field in fields)
        # Sorted by the recompute key, so that the rows of one key lie in few files and a change rewrites few files.
        sorted_by = self._contract.sort_order or self._transform.recompute_key
        order = f" ORDER BY {', '.join(map(quoted, sorted_by))}" if sorted_by else ""
        copied = self._connection.execute(
            f"COPY (FROM ({query}){order}) TO '{self._folder}' (FORMAT parquet, COMPRESSION zstd, "
            f"FILE_SIZE_BYTES {self._file_size}, FILENAME_PATTERN '{uuid4().hex}-{{i}}', FIELD_IDS {{{ids}}})"
        ).fetchall()
        self.rows = int(copied[0][0])
        source = f"read_parquet('{self._folder}/*.parquet')"
        if not self.rows:
            source = rows_of(self._transform.table, self._target.schema(), [])
        self._connection.execute(f"CREATE VIEW {_ROWS} AS FROM {source}")
