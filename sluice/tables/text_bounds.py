"""An upper bound for text that Iceberg's statistics cut short: PyIceberg's own can be no text at all.

It adds one to the last character that has a next one, and the next one after U+D7FF is a surrogate, which UTF-8 cannot
say: one such value fails every commit that holds it (`truncate_upper_bound_text_string`, PyIceberg 0.12).
"""

from __future__ import annotations

import pyiceberg.io.pyarrow as writer

_BEFORE_SURROGATES, _AFTER_SURROGATES, _LAST = 0xD7FF, 0xE000, 0x10FFFF


def upper_bound(text: str, length: int | None) -> str | None:
    """Return text of at most ``length`` characters that sorts after, or is, ``text``; none when there is none."""
    if length is None or len(text) <= length:
        return text
    for end in range(length, 0, -1):
        code = ord(text[end - 1])
        if code < _LAST:
            return text[: end - 1] + chr(_AFTER_SURROGATES if code == _BEFORE_SURROGATES else code + 1)
    return None


def mend() -> None:
    """Let PyIceberg use ``upper_bound``."""
    assert hasattr(writer, "truncate_upper_bound_text_string"), "PyIceberg has renamed it: see whether it is mended"
    writer.truncate_upper_bound_text_string = upper_bound
