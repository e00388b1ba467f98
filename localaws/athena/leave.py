"""What a query may touch: what its caller may, as on AWS, where Athena reads and writes with the caller's permissions.

https://docs.aws.amazon.com/athena/latest/ug/security-iam-athena.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyiceberg.io import InputFile, OutputFile
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from localaws import iam
from localaws.athena.errors import QueryFailed
from localaws.callers import Session
from localaws.context import Context

_S3 = ("s3://", "s3a://", "s3n://")


@dataclass(frozen=True)
class Leave:
    """What the caller of a query may do; ``session`` is None for the administrator, who may everything."""

    ctx: Context
    session: Session | None = None

    def ask(self, action: str, *resources: str, context: Mapping[str, str] | None = None) -> None:
        """Raise QueryFailed unless the caller may do ``action`` on each of ``resources``."""
        if self.session is None:
            return
        for resource in resources:
            if not iam.session_may(self.ctx, self.session, action, resource, context or {}):
                raise QueryFailed(
                    "PERMISSION_DENIED",
                    f"Insufficient permissions to execute the query: User: {self.session.arn} is not authorized to "
                    f"perform: {action} on resource: {resource}",
                )

    def glue(self, action: str, database: str = "", table: str = "") -> None:
        """Ask for an action of the Glue catalog on a database or a table, and on all that contains it."""
        names = ["catalog"]
        names += [f"database/{database}"] if database else []
        names += [f"table/{database}/{table}"] if table else []
        arn = f"arn:aws:glue:{self.ctx.region}:{self.ctx.account}:"
        self.ask(f"glue:{action}", *(arn + name for name in names))

    def read(self, uri: str) -> None:
        """Ask to read an object."""
        self.ask("s3:GetObject", f"arn:aws:s3:::{path_of(uri)}")

    def write(self, uri: str) -> None:
        """Ask to write an object."""
        self.ask("s3:PutObject", f"arn:aws:s3:::{path_of(uri)}")

    def listing(self, uri: str) -> None:
        """Ask to list what is below a location."""
        bucket, _, prefix = path_of(uri).partition("/")
        self.ask("s3:ListBucket", f"arn:aws:s3:::{bucket}", context={"s3:prefix": prefix})


def path_of(uri: str) -> str:
    """Return ``bucket/key`` of an address in S3; a query reads and writes nothing that is elsewhere."""
    if not uri.startswith(_S3):
        raise QueryFailed("INVALID_TABLE_PROPERTY", f"{uri[:200]!r} is no location in S3, and Athena reads no other")
    return uri.partition("://")[2]


class ReadableIO(PyArrowFileIO):
    """Reads metadata, manifests, data and deletes of a table from S3 alone, as far as its caller may; writes nothing.

    A table's files name each other, and its metadata the class and the endpoint to read them with: what they say is
    somebody's text, so it is checked for each file and never asked for its properties.
    """

    def __init__(self, properties: dict[str, Any], leave: Leave) -> None:
        super().__init__(properties)
        self._leave = leave

    def new_input(self, location: str) -> PyArrowFile:
        """Return a file to read; raises QueryFailed if it is not in S3 or the caller may not read it."""
        self._leave.read(location)
        return super().new_input(location)

    def new_output(self, location: str) -> PyArrowFile:
        """Refuse: queries here write no table of this kind."""
        raise QueryFailed("NOT_SUPPORTED", f"{location[:200]!r} cannot be written by a query")

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Refuse, as `new_output`."""
        raise QueryFailed("NOT_SUPPORTED", f"{str(location)[:200]!r} cannot be deleted by a query")
