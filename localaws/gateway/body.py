"""Reads a request's body once, as a whole, for everything that reads it later."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Mapping
from typing import Any

from localaws.gateway.refusals import Refused

_KEPT = "localaws.body"
#: The limit of a decompressed body, in bytes: AWS accepts no larger call of the services that read compressed ones.
_LARGEST_UNPACKED = 64 * 2**20


def whole(environ: dict[str, Any], *, most: int | None = None) -> bytes:
    """Return the whole body and keep it, so that later readers get the same bytes.

    Raises `Refused` when it has more than ``most`` bytes.
    """
    if _KEPT not in environ:
        chunked, length = bool(environ.get("wsgi.input_terminated")), int(environ.get("CONTENT_LENGTH") or 0)
        if most is not None and length > most:
            raise _too_large(most)
        read = (most + 1,) if most is not None else ()
        environ[_KEPT] = environ["wsgi.input"].read(*read) if chunked or length else b""
        if most is not None and len(environ[_KEPT]) > most:
            raise _too_large(most)
    body: bytes = environ[_KEPT]
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _too_large(most: int) -> Refused:
    return Refused("RequestEntityTooLargeException", f"the body has more than {most} bytes")


def unpack(environ: dict[str, Any]) -> None:
    """Replace a compressed body by its decompressed content; raises `Refused` if that is invalid or too large.

    moto decompresses it as well, but only after the call's permissions were checked.
    """
    coding = str(environ.get("HTTP_CONTENT_ENCODING", "")).strip().lower()
    if not coding or coding == "identity":
        return
    if coding != "gzip":
        raise Refused("ValidationException", f"the content encoding {coding[:40]} is not known")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(whole(environ))) as packed:
            body = packed.read(_LARGEST_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Refused("ValidationException", f"the body is not gzip: {error}") from error
    if len(body) > _LARGEST_UNPACKED:
        raise Refused("ValidationException", f"the body is more than {_LARGEST_UNPACKED} bytes when unpacked")
    del environ["HTTP_CONTENT_ENCODING"]
    put(environ, body)


def put(environ: dict[str, Any], body: bytes) -> None:
    """Replace the request's body by ``body``."""
    environ.pop("wsgi.input_terminated", None)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ |= {_KEPT: body, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}


def is_form(environ: Mapping[str, Any]) -> bool:
    """Return whether the content type says that the body is a form, of either kind."""
    return str(environ.get("CONTENT_TYPE", "")).lower().startswith(("application/x-www-form", "multipart/"))
