"""Iceberg tables that a statement writes: PyIceberg's Glue catalog, with files that the caller may write."""

from __future__ import annotations

from typing import Any

from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.io import InputFile, OutputFile
from pyiceberg.io.pyarrow import PyArrowFile

from localaws.athena.leave import Leave, ReadableIO, path_of
from localaws.athena.sources import iceberg_properties
from localaws.context import ADMIN_ACCESS_KEY, Context


class WritableIO(ReadableIO):
    """Reads and writes a table's files in S3, as far as the caller may."""

    def new_output(self, location: str) -> PyArrowFile:
        """Return a file to write; raises QueryFailed if it is not in S3 or the caller may not write it."""
        path = path_of(location)
        self._leave.write(path)
        return PyArrowFile(location, path, self.fs_by_scheme("s3", path.partition("/")[0]))

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Delete a file; raises QueryFailed if it is not in S3 or the caller may not delete it."""
        path = path_of(location if isinstance(location, str) else location.location)
        self._leave.ask("s3:DeleteObject", f"arn:aws:s3:::{path}")
        self.fs_by_scheme("s3", path.partition("/")[0]).delete_file(path)


class _Catalog(GlueCatalog):
    """The Glue catalog, whose tables' files are read and written with the caller's leave."""

    def __init__(self, leave: Leave, properties: dict[str, str]) -> None:
        super().__init__("local", **properties)
        self._leave = leave

    def _load_file_io(self, properties: Any = None, location: str | None = None) -> WritableIO:
        """Return the files' reader and writer; what a table's own properties say of it is not heard."""
        return WritableIO(iceberg_properties(self._leave.ctx), self._leave)


def catalog_of(ctx: Context, leave: Leave) -> GlueCatalog:
    """Return the Glue catalog for statements that write Iceberg tables."""
    return _Catalog(
        leave,
        {
            "glue.endpoint": ctx.endpoint,
            "glue.region": ctx.region,
            "glue.access-key-id": ADMIN_ACCESS_KEY,
            "glue.secret-access-key": ctx.secret,
        },
    )
