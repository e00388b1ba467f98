"""The files of tables in S3: each small one is written with one request."""

from __future__ import annotations

from functools import lru_cache

from pyarrow.fs import FileSystem, S3FileSystem
from pyiceberg.io import (
    S3_ACCESS_KEY_ID,
    S3_ENDPOINT,
    S3_REGION,
    S3_SECRET_ACCESS_KEY,
    S3_SESSION_TOKEN,
    OutputStream,
)
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO
from pyiceberg.typedef import EMPTY_DICT, Properties

_S3 = ("s3", "s3a", "s3n")


class LakeFiles(PyArrowFileIO):
    """Reads and writes the files of tables, as PyIceberg's own does, but a file of up to 5 MB in one request, not six.

    PyIceberg asks whether a file is there (two requests where it is not) and uploads each in parts (three). All files
    of tables have names that nobody else makes, with a UUID in each, so that nothing needs to be asked.
    """

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties)
        others = self.fs_by_scheme

        @lru_cache
        def by_scheme(scheme: str, netloc: str | None) -> FileSystem:
            return self._s3() if scheme in _S3 else others(scheme, netloc)

        self.fs_by_scheme = by_scheme

    def _s3(self) -> FileSystem:
        given = self.properties
        return S3FileSystem(
            endpoint_override=given.get(S3_ENDPOINT),
            region=given.get(S3_REGION),
            access_key=given.get(S3_ACCESS_KEY_ID),
            secret_key=given.get(S3_SECRET_ACCESS_KEY),
            session_token=given.get(S3_SESSION_TOKEN),
            allow_delayed_open=True,
        )

    def new_output(self, location: str) -> PyArrowFile:
        """Return a file to write, whose name must be new."""
        scheme, netloc, path = self.parse_location(location, self.properties)
        return _NewFile(location, path, self.fs_by_scheme(scheme, netloc))


class _NewFile(PyArrowFile):
    def create(self, overwrite: bool = False) -> OutputStream:
        """Return the stream to write to; whether the file is there is not asked."""
        return super().create(overwrite=True)
