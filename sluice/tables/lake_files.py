"""The files of tables in S3: each small one is written with one request."""

from __future__ import annotations

from functools import lru_cache

from pyarrow.fs import FileSystem, S3FileSystem
from pyiceberg.io import OutputStream
from pyiceberg.io.pyarrow import BUFFER_SIZE, ONE_MEGABYTE, PyArrowFile, PyArrowFileIO
from pyiceberg.typedef import EMPTY_DICT, Properties

from sluice.tables.null_lists import mend

mend()


class LakeFiles(PyArrowFileIO):
    """Reads and writes files as PyIceberg's own does, but one below 10 MiB is written with one request, not with six.

    PyIceberg asks whether a file is there (two requests where it is not) and uploads each in parts (three). All files
    of tables have names that nobody else makes, with a UUID in each, so that nothing needs to be asked. What S3 refuses
    is raised, as an ``OSError``, when the stream is closed.
    """

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties)
        theirs = self.fs_by_scheme
        self.fs_by_scheme = lru_cache(lambda scheme, netloc=None: _at_once(theirs(scheme, netloc)))

    def new_output(self, location: str) -> PyArrowFile:
        """Return a file to write, whose name must be new."""
        scheme, netloc, path = self.parse_location(location, self.properties)
        buffer = int(self.properties.get(BUFFER_SIZE, ONE_MEGABYTE))
        return _NewFile(location, path, self.fs_by_scheme(scheme, netloc), buffer)


def _at_once(files: FileSystem) -> FileSystem:
    """Return the same file system, which uploads in one request what fits; other stores are left as they are."""
    if not isinstance(files, S3FileSystem):
        return files
    made, (arguments,) = files.__reduce__()
    again: FileSystem = made({**arguments, "allow_delayed_open": True})
    return again


class _NewFile(PyArrowFile):
    def create(self, overwrite: bool = False) -> OutputStream:
        """Return the stream to write to; whether the file is there is not asked."""
        return super().create(overwrite=True)
