"""Reads the source of an S3 copy once, and rewrites it so that moto reads the same object.

``x-amz-copy-source`` has its own syntax, which readers interpret differently: as an address with a host, with a
fragment, with tabs that are dropped. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html (CopySource)
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from localaws.gateway.refusals import Refused

HEADER = "x-amz-copy-source"
_ENVIRON = "HTTP_X_AMZ_COPY_SOURCE"
#: The whole header: printable characters, with percent signs only in an encoding.
_WRITTEN = re.compile(r"(?:[ -$&-~]|%[0-9A-Fa-f]{2})+")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")


@dataclass(frozen=True)
class CopySource:
    """The object that is copied, and its version (empty: the current one)."""

    bucket: str
    key: str
    version: str

    @property
    def header(self) -> str:
        """Return the header's value in the one spelling that all readers understand alike."""
        version = f"?versionId={quote(self.version, safe='')}" if self.version else ""
        return f"/{self.bucket}/{quote(self.key, safe='/')}{version}"


def read(environ: MutableMapping[str, Any]) -> CopySource | None:
    """Return the object that a request copies, None if it copies none, and rewrite the header to its one spelling.

    Raises `Refused` unless the header is ``bucket/key`` or ``bucket/key?versionId=version``, encoded once.
    """
    if _ENVIRON not in environ:
        return None
    source = parse(str(environ[_ENVIRON]))
    environ[_ENVIRON] = source.header
    return source


def parse(text: str) -> CopySource:
    """Return the object that a header names; raise `Refused` if it is malformed."""
    if not _WRITTEN.fullmatch(text):
        raise _refused(text, "it has characters that are not encoded, or a percent sign that encodes nothing")
    path, mark, query = text.partition("?")
    name, _, version = query.partition("=")
    if mark and (name != "versionId" or not version or "&" in version or "?" in version):
        raise _refused(text, "after a ? stands versionId=<version> and nothing else; a ? of a key is written %3F")
    bucket, _, key = _decoded(path, text).removeprefix("/").partition("/")
    if not _BUCKET.fullmatch(bucket) or not key:
        raise _refused(text, "it is no <bucket>/<key>")
    return CopySource(bucket, key, _decoded(version, text))


def _decoded(part: str, whole: str) -> str:
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError as error:
        raise _refused(whole, "it is not UTF-8") from error


def _refused(text: str, why: str) -> Refused:
    said = f"Copy Source must mention the source bucket and key: {ascii(text)[:200]}: {why}."
    return Refused("InvalidArgument", said, service="s3")
