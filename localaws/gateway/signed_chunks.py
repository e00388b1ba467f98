"""Verifies bodies that are signed chunk by chunk, where each signature covers the one before it.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and, with a trailer,
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

from __future__ import annotations

import hashlib
import hmac
import io
from dataclasses import dataclass, replace

from localaws.gateway.refusals import Refused

_PLAIN = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_TRAILING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
KINDS = (_PLAIN, _TRAILING)
_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Chain:
    """The state of a chain of signatures: the signing key and scope, and the last ``signature``."""

    key: bytes
    time: str
    scope: str
    signature: str

    def follow(self, kind: str, hashed: str, given: str) -> Chain:
        """Return the chain with its next link; raise `Refused` if ``given`` is not that link's signature."""
        text = f"{kind}\n{self.time}\n{self.scope}\n{self.signature}\n{hashed}"
        made = hmac.digest(self.key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(made.encode(), given.encode("utf-8", "replace")):
            raise Refused("SignatureDoesNotMatch", "A chunk's signature does not match it.", service="s3")
        return replace(self, signature=made)


def check(body: bytes, kind: str, decoded_length: str | None, chain: Chain) -> None:
    """Check every chunk of ``body`` (and the trailer, if this ``kind`` has one) against the ``chain``.

    ``decoded_length`` is the data's length by its header. Raises `Refused`: SignatureDoesNotMatch or IncompleteBody.
    """
    source, size, last = io.BytesIO(body), 0, False
    while not last:
        length, given = _head(source.readline())
        data = source.read(length)
        if len(data) < length or (length and source.read(2) != b"\r\n"):
            raise _incomplete("A chunk ends before its length.")
        hashed = hashlib.sha256(data).hexdigest()
        chain = chain.follow("AWS4-HMAC-SHA256-PAYLOAD", f"{_EMPTY}\n{hashed}", given)
        size, last = size + length, not length
    if str(size) != decoded_length:
        raise _incomplete(f"The chunks hold {size} bytes, not the {decoded_length} of x-amz-decoded-content-length.")
    if kind == _TRAILING:
        _check_trailer(source.read().decode("latin-1"), chain)


def _incomplete(message: str) -> Refused:
    return Refused("IncompleteBody", message, service="s3")


def _head(line: bytes) -> tuple[int, str]:
    size, _, given = line.removesuffix(b"\r\n").decode("latin-1").partition(";chunk-signature=")
    if not line.endswith(b"\r\n") or not size or set(size) - set("0123456789abcdefABCDEF"):
        raise _incomplete("A chunk does not begin with its length and its signature.")
    return int(size, 16), given


def _check_trailer(text: str, chain: Chain) -> None:
    lines = [line.partition(":") for line in text.splitlines() if line]
    named = [(name.strip().lower(), value.strip()) for name, _, value in lines]
    given = dict(named).get("x-amz-trailer-signature", "")
    signed = "".join(f"{name}:{value}\n" for name, value in named if name != "x-amz-trailer-signature")
    chain.follow("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(signed.encode()).hexdigest(), given)
