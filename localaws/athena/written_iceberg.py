"""Iceberg tables that a statement writes: PyIceberg's Glue catalog, with files that the caller may write.

What a statement writes is noted, so that one that fails leaves nothing in S3 and one that another writer came before
begins anew.
"""

from __future__ import annotations

import io
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import pyarrow as pa
from pyarrow.fs import FileSystem
from pyiceberg.catalog import PY_CATALOG_IMPL
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchIcebergTableError,
    NoSuchPropertyException,
    NoSuchTableError,
)
from pyiceberg.io import PY_IO_IMPL, S3_RETRY_STRATEGY_IMPL, InputFile, OutputFile
from pyiceberg.io.pyarrow import PyArrowFile
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StagedTable, Table, TableProperties
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.table.update import SetPropertiesUpdate, TableRequirement, TableUpdate
from pyiceberg.typedef import EMPTY_DICT, Identifier, Properties

from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.leave import Leave, ReadableIO, path_of
from localaws.athena.null_lists import mend
from localaws.athena.sources import iceberg_properties
from localaws.athena.statements.kinds import Name
from localaws.context import Context

mend()

log = logging.getLogger("localaws.athena")

#: How often a statement begins anew that another writer came before, and how long it waits at most, in seconds.
_TRIES: Final = 40
_LONGEST_WAIT: Final = 0.5
#: How many seconds are waited for files that are on their way when a statement fails.
_LONGEST_PUT: Final = 60
#: The properties by which PyIceberg imports Python code: a table is user input, and none of its code runs here.
_CODE: Final = (TableProperties.WRITE_PY_LOCATION_PROVIDER_IMPL, PY_IO_IMPL, S3_RETRY_STRATEGY_IMPL, PY_CATALOG_IMPL)


class Written:
    """The files that one attempt of a statement writes: PyIceberg writes several at once, in threads of its own."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._changed = threading.Condition()
        self._under_way, self._ended = 0, False
        self.locations: list[str] = []

    def store(self, path: str, body: bytes) -> None:
        """Put a file into S3; one that comes when all was taken back is dropped, since nobody waits for it."""
        with self._changed:
            if self._ended:
                return
            self._under_way += 1
        bucket, _, key = path.partition("/")
        try:
            self._ctx.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def take_back(self) -> None:
        """Delete all that was written: no table names it."""
        with self._changed:
            self._ended = True
            self._changed.wait_for(lambda: not self._under_way, _LONGEST_PUT)
        take_back(self._ctx, self.locations)


class _Upload(io.BytesIO):
    """A file that is in S3 once it is closed, whole."""

    def __init__(self, path: str, written: Written) -> None:
        super().__init__()
        self._path, self._written = path, written

    def close(self) -> None:
        if not self.closed:
            body = self.getvalue()
            super().close()
            self._written.store(self._path, body)


class _WritableFile(PyArrowFile):
    """A file in S3 that is written in one piece."""

    def __init__(self, location: str, path: str, files: FileSystem, written: Written) -> None:
        super().__init__(location, path, files)
        self._s3_path, self._written = path, written

    def create(self, overwrite: bool = False) -> _Upload:
        """Return the stream to write to; raise FileExistsError for a file that is there and may not be replaced."""
        if not overwrite and self.exists():
            raise FileExistsError(f"{self.location} is there already")
        return _Upload(self._s3_path, self._written)


class WritableIO(ReadableIO):
    """Reads and writes a table's files in S3, as far as the caller may."""

    def __init__(self, properties: dict[str, Any], leave: Leave, written: Written) -> None:
        super().__init__(properties, leave)
        self._written = written

    def new_output(self, location: str) -> PyArrowFile:
        """Return a file to write; raises QueryFailed if it is not in S3 or the caller may not write it."""
        path = path_of(location)
        self._leave.write(path)
        self._written.locations.append(location)
        return _WritableFile(location, path, self.fs_by_scheme("s3", path.partition("/")[0]), self._written)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Delete a file; raises QueryFailed if it is not in S3 or the caller may not delete it."""
        path = path_of(location if isinstance(location, str) else location.location)
        self._leave.ask("s3:DeleteObject", f"arn:aws:s3:::{path}")
        delete_object(self._leave.ctx, path)


class IcebergCatalog(GlueCatalog):
    """The Glue catalog, whose tables' files are read and written with the caller's leave.

    ``written`` are the files so far; the next commit keeps at most ``old_metadata_files`` in the table's log.
    ``unstopped`` is called before each commit, and raises if the statement was stopped.
    """

    def __init__(self, leave: Leave, unstopped: Callable[[], None] = lambda: None) -> None:
        super().__init__("local", leave.ctx.client("glue"))
        self._leave, self._unstopped = leave, unstopped
        self._loaded, self._sent = "", False
        self._created: uuid.UUID | None = None
        self._snapshots: set[int] = set()
        self.written = Written(leave.ctx)
        self.old_metadata_files: int | None = None

    def _load_file_io(self, properties: Any = None, location: str | None = None) -> WritableIO:
        """Return the files' reader and writer; what a table's own properties say of it is not heard."""
        return WritableIO(iceberg_properties(self._leave.ctx), self._leave, self.written)

    def _convert_glue_to_iceberg(self, glue_table: Any) -> Table:
        """Return the table of an entry of the catalog; raise NoSuchIcebergTableError for one of another kind."""
        try:
            return super()._convert_glue_to_iceberg(glue_table)
        except NoSuchPropertyException:  # what PyIceberg says of a table of Hive
            named = f"{glue_table['DatabaseName']}.{glue_table['Name']}"
            raise NoSuchIcebergTableError(f"{named} is no Iceberg table") from None

    def table(self, name: Name) -> Table:
        """Return the table as it is; raise for one that is not there, and for one that names code to run."""
        try:
            found = self.load_table((name.database, name.name))
        except NoSuchTableError:
            raise QueryFailed("TABLE_NOT_FOUND", f"line 1:1: Table 'awsdatacatalog.{name}' does not exist") from None
        self._loaded = found.metadata_location
        _refuse_code(found.properties)
        return found

    def _update_and_stage_table(
        self,
        current_table: Table | None,
        table_identifier: Identifier,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> StagedTable:
        """Return what becomes of the table; raise CommitFailedException where it is no more as it was loaded.

        Raises QueryFailed where the table's properties name code to run, or would after it: PyIceberg runs it here.
        """
        _refuse_code({} if current_table is None else current_table.properties)
        for update in updates:
            if isinstance(update, SetPropertiesUpdate):
                _refuse_code(update.updates)
        if self._loaded and current_table is not None and current_table.metadata_location != self._loaded:
            raise CommitFailedException("the table was changed by another writer")
        staged = super()._update_and_stage_table(current_table, table_identifier, requirements, updates)
        before = (
            {snapshot.snapshot_id for snapshot in current_table.snapshots()} if current_table is not None else set()
        )
        self._snapshots = {snapshot.snapshot_id for snapshot in staged.metadata.snapshots} - before
        if current_table is None:
            self._created = staged.metadata.table_uuid
        if self.old_metadata_files is not None:
            kept = staged.metadata.metadata_log[-self.old_metadata_files :]
            staged.metadata = staged.metadata.model_copy(update={"metadata_log": kept})
        return staged

    def _create_staged_table(  # noqa: PLR0917  PyIceberg's signature
        self,
        identifier: str | Identifier,
        schema: Schema | pa.Schema,
        location: str | None = None,
        partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
        sort_order: SortOrder = UNSORTED_SORT_ORDER,
        properties: Properties = EMPTY_DICT,
    ) -> StagedTable:
        """Return the table that is to be created, whose UUID is known again.

        Raises QueryFailed where its properties name code to run: PyIceberg runs it here.
        """
        _refuse_code(properties)
        staged = super()._create_staged_table(identifier, schema, location, partition_spec, sort_order, properties)
        self._created = staged.metadata.table_uuid
        return staged

    def _create_glue_table(self, *args: Any, **kwargs: Any) -> None:
        """Commit a new table, unless the statement was stopped."""
        self._send()
        super()._create_glue_table(*args, **kwargs)

    def _update_glue_table(self, *args: Any, **kwargs: Any) -> None:
        """Commit to a table, unless the statement was stopped."""
        self._send()
        super()._update_glue_table(*args, **kwargs)

    def _send(self) -> None:
        self._unstopped()
        self._sent = True

    def undone(self, name: Name) -> bool:
        """Take back what was written, unless it became the table whatever the commit's own answer was.

        Return whether it was taken back; raise where it is not known what became of it, and then leave all files.
        """
        if self._landed(name):
            return False
        self.written.take_back()
        return True

    def _landed(self, name: Name) -> bool:
        if not self._sent:
            return False
        try:
            table = self.load_table((name.database, name.name))
        except NoSuchTableError:
            return False
        if self._created is not None:
            return bool(table.metadata.table_uuid == self._created)
        history = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
        if not history.isdisjoint(self.written.locations):
            return True
        if any(snapshot.snapshot_id in self._snapshots for snapshot in table.snapshots()):
            return True
        if self._loaded not in history:
            raise QueryFailed(
                "ICEBERG_COMMIT_ERROR",
                f"{name} was changed so often meanwhile that its metadata do not say whether this statement changed "
                "it, too; no file was removed. Look at its rows before the statement is run again",
            )
        return False

    def files(self) -> list[str]:
        """Return the data and delete files that were written here, without metadata."""
        return [location for location in self.written.locations if location.endswith(".parquet")]


def _refuse_code(properties: Mapping[str, Any]) -> None:
    for name in _CODE:
        if name in properties:
            raise not_supported(f"a table with the property {name}")


def committed(
    name: Name,
    leave: Leave,
    unstopped: Callable[[], None],
    change: Callable[[Table, IcebergCatalog], None],
) -> list[str]:
    """Have ``change`` commit to the table as it is, anew when another writer was first; return the files it added.

    ``change`` commits at most once, and to the very snapshot that it was given. One that fails leaves no file.
    """
    for number in range(_TRIES):
        catalog = IcebergCatalog(leave, unstopped)
        table = catalog.table(name)
        # PyIceberg's own retry commits what was computed from the older snapshot; here all is computed anew.
        once = table.metadata.properties | {TableProperties.COMMIT_NUM_RETRIES: "0"}
        table.metadata = table.metadata.model_copy(update={"properties": once})
        try:
            change(table, catalog)
        except CommitFailedException:
            if catalog.undone(name):
                time.sleep(random.uniform(0, min(_LONGEST_WAIT, 0.02 * 2**number)))
                continue
        except BaseException as error:
            if catalog.undone(name) or not isinstance(error, Exception):
                raise
        return catalog.files()
    raise QueryFailed("ICEBERG_COMMIT_ERROR", f"Failed to commit the transaction: {name} was changed {_TRIES} times")


def take_back(ctx: Context, locations: Iterable[str]) -> None:
    """Delete what a statement that failed wrote, as far as it can be: the statement's own error is the one to say."""
    for location in locations:
        try:
            delete_object(ctx, path_of(location))
        except Exception:
            log.warning("%s is left of a statement that failed; nothing names it", location, exc_info=True)


def delete_object(ctx: Context, path: str) -> None:
    """Delete an object of ``bucket/key``, be it there or not; nobody is asked for leave."""
    # Arrow's file system would put an empty object in the place of the folder.
    bucket, _, key = path.partition("/")
    s3 = ctx.client("s3")
    with suppress(s3.exceptions.NoSuchBucket):
        s3.delete_object(Bucket=bucket, Key=key)
