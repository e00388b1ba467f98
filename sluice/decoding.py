"""Makes msgspec decoders while modules are imported, and never later.

msgspec builds its data about a Struct type at the type's first use, and that is not thread-safe: eight threads that
first decode a type at the same time end the process with a segmentation fault (msgspec 0.22.0). So each decoded type
has a decoder at module level, and a test forbids any other way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
#: All decoded types, for the test in which threads race for their first use.
DECODED: list[Any] = []
#: Decodes a JSON string to text.
decode_text: Callable[[bytes | str], str] = msgspec.json.Decoder(str).decode


def json_decoder(kind: type[T]) -> Callable[[bytes | str], T]:
    """Return a function that decodes JSON to ``kind`` and raises ``msgspec.DecodeError`` for anything else."""
    DECODED.append(kind)
    decode: Callable[[bytes | str], T] = msgspec.json.Decoder(kind).decode
    return decode


def converter(kind: type[T], *, strict: bool = True) -> Callable[[Any], T]:
    """Return a function that converts plain values to ``kind``; values that do not fit raise ``ValidationError``."""
    DECODED.append(kind)
    msgspec.json.Decoder(kind)  # makes msgspec build its data about the type now
    return partial(msgspec.convert, type=kind, strict=strict)
