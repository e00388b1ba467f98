"""Objects that queries leave in S3, written as they are produced: into a file, which becomes the object at its end.

moto has an object's content given as one ``bytes``; a result of several gigabytes would not fit into memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Any, Final

from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeKey, s3_backends

from localaws.athena.errors import QueryFailed
from localaws.athena.leave import Leave, path_of
from localaws.moto_patches import original, replace

#: Contents of more bytes are on disk.
_IN_MEMORY: Final = 1 << 20


class _Content:
    """An object's content in a file, which is the object's from then on."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.size = file, file.tell()


def install() -> None:
    """Have moto's objects take their content from a file."""

    def take(key: Any, content: Any) -> None:
        if isinstance(content, _Content):
            key._value_buffer.close()
            key._value_buffer, key.contentsize = content.file, content.size
        else:
            whole.fset(key, content)

    whole = original(FakeKey, "value")
    replace(FakeKey, "value", property(whole.fget, take))


def bucket_there(leave: Leave, uri: str) -> None:
    """Raise QueryFailed unless the caller may write the object, and its bucket is there."""
    path = path_of(uri)
    leave.write(path)
    bucket = path.partition("/")[0]
    if bucket not in s3_backends[leave.ctx.account]["aws"].buckets:
        raise _no_bucket(bucket)


class NewObject:
    """An object that is there once the ``with`` around its writing ends without an error."""

    def __init__(self, leave: Leave, uri: str, encryption: Mapping[str, Any] | None) -> None:
        bucket_there(leave, uri)
        self._leave, self._encryption = leave, encryption or {}
        self._bucket, _, self._key = path_of(uri).partition("/")
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(leave.ctx.scratch))  # noqa: SIM115 - the object closes it

    def __enter__(self) -> NewObject:
        """Return the object to write to."""
        return self

    def write(self, content: bytes) -> None:
        """Add to the content."""
        self._file.write(content)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Put the object into S3, or forget what was written."""
        if error is not None:
            self._file.close()
            return
        option, kms_key = self._encryption.get("EncryptionOption"), self._encryption.get("KmsKey")
        content: Any = _Content(self._file)
        try:
            s3_backends[self._leave.ctx.account]["aws"].put_object(
                self._bucket, self._key, content,
                encryption={"SSE_S3": "AES256", "SSE_KMS": "aws:kms"}.get(option or ""),
                kms_key_id=kms_key if option == "SSE_KMS" else None,
            )  # fmt: skip
        except MissingBucket:
            self._file.close()
            raise _no_bucket(self._bucket) from None  # it was there when the query began
        except BaseException:
            self._file.close()
            raise


def put(leave: Leave, uri: str, content: bytes, encryption: Mapping[str, Any] | None) -> None:
    """Put a small object into S3."""
    with NewObject(leave, uri, encryption) as made:
        made.write(content)


def _no_bucket(bucket: str) -> QueryFailed:
    return QueryFailed("INVALID_OUTPUT_LOCATION", f"The S3 bucket {bucket!r} does not exist")
