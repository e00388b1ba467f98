"""Decoders, made while a module is imported and never later.

msgspec builds what it knows of a Struct type when it first meets it, and that is not safe in threads: eight threads
that decode a type first at once end the process with a segmentation fault (msgspec 0.22.0). So every type that is
decoded has a decoder of its own at module level; a test forbids any other way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
#: Every type that some module decodes, for the test that races their first use.
DECODED: list[Any] = []
#: Makes the text that a JSON string says.
decode_text: Callable[[bytes | str], str] = msgspec.json.Decoder(str).decode


def json_decoder(kind: type[T]) -> Callable[[bytes | str], T]:
    """Return what makes a ``kind`` of JSON; what is no such JSON raises ``msgspec.DecodeError``."""
    DECODED.append(kind)
    decode: Callable[[bytes | str], T] = msgspec.json.Decoder(kind).decode
    return decode


def converter(kind: type[T], *, strict: bool = True) -> Callable[[Any], T]:
    """Return what makes a ``kind`` of plain values; what does not fit raises ``msgspec.ValidationError``."""
    DECODED.append(kind)
    msgspec.json.Decoder(kind)  # builds what msgspec knows of the type, for every way of making one
    return partial(msgspec.convert, type=kind, strict=strict)
