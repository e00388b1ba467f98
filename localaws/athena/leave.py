"""Checks what a query may read and write: Athena acts with its caller's permissions.

https://docs.aws.amazon.com/athena/latest/ug/security-iam-athena.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyiceberg.io import InputFile, OutputFile
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from localaws.athena.errors import QueryFailed
from localaws.context import Context
from localaws.gateway.callers import Session
from localaws.iam import enforcement
from localaws.iam.principals import Principal

_S3 = ("s3://", "s3a://", "s3n://")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_READ_OTHERWISE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029?#]")


@dataclass(frozen=True)
class Leave:
    """The permissions of a query's caller; ``session`` is None for the administrator."""

    ctx: Context
    session: Session | None = None

    def ask(self, action: str, *resources: str, context: Mapping[str, str] | None = None) -> None:
        """Raise QueryFailed unless the caller may do ``action`` on each of ``resources``."""
        for resource in resources:
            if not self.allows(action, resource, context):
                raise QueryFailed(
                    "PERMISSION_DENIED",
                    f"Insufficient permissions to execute the query: User: {self._arn} is not authorized to "
                    f"perform: {action} on resource: {resource}",
                )

    def allows(self, action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
        """Return whether the caller may do ``action`` on the resource."""
        return bool(enforcement.session_may(self.ctx, self.session, action, resource, context or {}))

    @property
    def _arn(self) -> str:
        return Principal.of(self.ctx, session=self.session).arn

    def glue(self, action: str, database: str = "", table: str = "") -> None:
        """Raise QueryFailed unless the caller may do ``action`` on a database or table and on all that contains it.

        A name with a slash is refused: in a policy it would be the name of another database's table.
        """
        for name in (database, table):
            if "/" in name:
                raise QueryFailed("INVALID_NAME", f"{name!r} has a slash; a database's or table's name has none here")
        self.ask(f"glue:{action}", *self._catalogued(database, table))

    def shows(self, actions: Sequence[str], database: str, table: str = "") -> bool:
        """Return whether a list includes this database or table; one that the caller may not see is left out."""
        if self.session is None:
            return True
        *_, resource = self._catalogued(database, table)
        return any(enforcement.would_allow(self.ctx, self.session, f"glue:{action}", resource) for action in actions)

    def _catalogued(self, database: str, table: str) -> list[str]:
        names = ["catalog"]
        names += [f"database/{database}"] if database else []
        names += [f"table/{database}/{table}"] if table else []
        return [f"arn:aws:glue:{self.ctx.region}:{self.ctx.account}:{name}" for name in names]

    def read(self, path: str) -> None:
        """Raise QueryFailed unless the caller may read the object ``bucket/key``, exactly the path that is opened."""
        self.ask("s3:GetObject", f"arn:aws:s3:::{path}")

    def write(self, path: str) -> None:
        """Raise QueryFailed unless the caller may write the object ``bucket/key``."""
        self.ask("s3:PutObject", f"arn:aws:s3:::{path}")

    def listing(self, uri: str) -> None:
        """Raise QueryFailed unless the caller may list the objects below a location."""
        bucket, _, prefix = path_of(uri).partition("/")
        self.ask("s3:ListBucket", f"arn:aws:s3:::{bucket}", context={"s3:prefix": prefix})


def path_of(uri: str) -> str:
    """Return ``bucket/key`` of an S3 address; raise QueryFailed for any other address.

    An address with parts that URL parsers drop (tabs, anything after ``?`` or ``#``) or resolve (``..``) is refused:
    the path whose permission is checked would not be the path that is opened.
    """
    if not uri.startswith(_S3):
        raise QueryFailed("INVALID_TABLE_PROPERTY", f"{uri[:200]!r} is no location in S3, and Athena reads no other")
    path = uri.partition("://")[2]
    bucket, _, key = path.partition("/")
    if not _BUCKET.fullmatch(bucket) or _READ_OTHERWISE.search(key) or {".", ".."} & {*key.split("/")}:
        raise QueryFailed(
            "INVALID_TABLE_PROPERTY",
            f"{uri[:200]!r} can be read in more ways than one: a location has a bucket's name, and no control "
            "character, ?, #, nor . or .. between its slashes",
        )
    return path


class ReadableIO(PyArrowFileIO):
    """Reads a table's metadata, manifests, data and deletes from S3 alone, as far as the caller may; writes nothing.

    A table's files name each other, and its metadata may name the class and endpoint to read them with. All of it is
    user input, so each file's address is checked, and the properties in the metadata are ignored.
    """

    def __init__(self, properties: dict[str, Any], leave: Leave) -> None:
        super().__init__(properties)
        self._leave = leave

    def new_input(self, location: str) -> PyArrowFile:
        """Return a file to read; raises QueryFailed if it is not in S3 or the caller may not read it."""
        path = path_of(location)
        self._leave.read(path)
        # PyIceberg would parse the address again, as urllib does; so the checked path itself is opened.
        return PyArrowFile(location, path, self.fs_by_scheme("s3", path.partition("/")[0]))

    def new_output(self, location: str) -> PyArrowFile:
        """Raise QueryFailed: queries write no Iceberg table here."""
        raise QueryFailed("NOT_SUPPORTED", f"{location[:200]!r} cannot be written by a query")

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Raise QueryFailed, as `new_output` does."""
        raise QueryFailed("NOT_SUPPORTED", f"{str(location)[:200]!r} cannot be deleted by a query")
