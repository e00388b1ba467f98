"""Reads object versions in the landing bucket, as streams or by ranges; events bring the notices of them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import msgspec
from botocore.exceptions import ClientError

from sluice.contracts import LandingContract
from sluice.decoding import converter
from sluice.errors import UnreadableFile
from sluice.ingestion.source import ByteSource, Spool
from sluice.storage import client

_SEEK_BUFFER = 4 << 20


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event's notice of one object version in the landing bucket.

    ``reference`` identifies the message for the caller, ``received`` counts how often the message was received.
    """

    bucket: str
    key: str
    version_id: str
    size: int
    reference: str = ""
    received: int = 1

    @property
    def dataset(self) -> str:
        """Return the first part of the key, which names the dataset."""
        return self.key.split("/", 1)[0]

    @property
    def uri(self) -> str:
        """Return the object's S3 address."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def delivery_id(self) -> str:
        """Return the identity of this object version, the same in every notice of it."""
        identity = "\n".join((self.bucket, self.key, self.version_id))
        return hashlib.sha256(identity.encode()).hexdigest()[:32]

    @property
    def marker(self) -> bool:
        """Return whether the object is a marker without data: a folder's, or one that Spark, Hive and others write.

        As for Hadoop's readers, that is every name that begins with a dot or an underscore, such as ``_SUCCESS``.
        """
        name = self.key.rsplit("/", 1)[-1]
        return (not name and not self.size) or name.startswith(("_", "."))


_GONE = ("NoSuchVersion", "NoSuchKey")
#: Converts the plain values of an event to a notice.
to_notice = converter(Notice)


def same_bytes(one: Notice, other: Notice) -> bool:
    """Return whether two object versions of the same size have the same bytes."""
    return all(a == b for a, b in zip(_pieces(one), _pieces(other), strict=True))


def _pieces(notice: Notice) -> Iterator[bytes]:
    body = _open(notice)
    return iter(lambda: body.read(1 << 20), b"")


def _get(notice: Notice, **part: str) -> Any:
    """Return S3's answer for an object version; ``UnreadableFile`` when the version was deleted."""
    version = {"VersionId": notice.version_id} if notice.version_id else {}
    try:
        return client("s3").get_object(Bucket=notice.bucket, Key=notice.key, **version, **part)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in _GONE:
            raise
        raise UnreadableFile(
            f"{notice.uri} was deleted before it was read.",
            code="deleted",
            safe="none of its records was committed.",
            next_step="upload it again and do not delete it; the landing bucket's lifecycle rule does that.",
            dataset=notice.dataset,
            file=notice.uri,
        ) from error


def _open(notice: Notice) -> BinaryIO:
    body: BinaryIO = io.BufferedReader(_Body(_get(notice)["Body"]), 1 << 20)
    return body


def landed_source(notice: Notice, contract: LandingContract, lake: str) -> ByteSource:
    """Return the object version as a source; records too long to parse are stored under ``lake``."""

    @contextmanager
    def spool(sequence: int) -> Iterator[Spool]:
        pointer = f"{lake}/records/{contract.name}/{notice.delivery_id}/long-{sequence}"
        upload = _Upload(pointer)
        try:
            yield upload
        except BaseException:
            upload.abort()
            raise
        upload.close()

    return ByteSource(
        uri=notice.uri,
        size=notice.size,
        compression=contract.arrival.compression,
        open_stream=lambda: _open(notice),
        open_seekable=lambda: io.BufferedReader(_Ranges(notice), _SEEK_BUFFER),
        spool=spool,
    )


class _Body(io.RawIOBase):
    """An S3 answer's body as a plain stream, which raises when the connection ends before the body does."""

    def __init__(self, body: Any) -> None:
        self.body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.body.close()
        super().close()


class _Ranges(io.RawIOBase):
    """An object version as a seekable file, read by ranges."""

    def __init__(self, notice: Notice) -> None:
        self.notice, self.position = notice, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.notice.size}[whence]
        self.position = base + offset
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:
        end = min(self.position + len(buffer), self.notice.size)
        if end <= self.position:
            return 0
        data = _get(self.notice, Range=f"bytes={self.position}-{end - 1}")["Body"].read()
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)


class _Upload:
    """A multipart upload of one record to S3, in parts of ``_PART`` bytes."""

    _PART = 8 << 20

    def __init__(self, pointer: str) -> None:
        self.pointer = pointer
        bucket, _, key = pointer.removeprefix("s3://").partition("/")
        self.where = {"Bucket": bucket, "Key": key}
        self.upload = client("s3").create_multipart_upload(**self.where)["UploadId"]
        self.parts: list[dict[str, Any]] = []
        self.pending = bytearray()

    def write(self, data: bytes) -> None:
        """Add ``data``."""
        self.pending += data
        while len(self.pending) >= self._PART:
            self._send(self._PART)

    def _send(self, size: int) -> None:
        number = len(self.parts) + 1
        answer = client("s3").upload_part(
            **self.where, UploadId=self.upload, PartNumber=number, Body=bytes(self.pending[:size])
        )
        del self.pending[:size]
        self.parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    def abort(self) -> None:
        """Cancel the upload and delete its parts."""
        client("s3").abort_multipart_upload(**self.where, UploadId=self.upload)

    def close(self) -> None:
        """Complete the object."""
        if self.pending:
            self._send(len(self.pending))
        client("s3").complete_multipart_upload(
            **self.where, UploadId=self.upload, MultipartUpload={"Parts": self.parts}
        )
