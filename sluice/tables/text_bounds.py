"""Replaces PyIceberg's upper bounds of long texts, which one character makes invalid.

Iceberg's column statistics keep a short text that is at least as great as the value: its first characters, with the
last one raised by one. PyIceberg 0.12 (``truncate_upper_bound_text_string``) raises U+D7FF to U+D800, a surrogate that
UTF-8 cannot encode, and every commit of a file with such a value fails: https://github.com/apache/iceberg-python/pull/3880
"""

from __future__ import annotations

import pyiceberg.io.pyarrow as writer

_BEFORE_SURROGATES, _AFTER_SURROGATES, _LAST = 0xD7FF, 0xE000, 0x10FFFF


def upper_bound(text: str, length: int | None) -> str | None:
    """Return ``text``, or a text of at most ``length`` characters that sorts after it; None when there is no such text.

    With ``length`` None, ``text`` is returned whole.
    """
    if length is None or len(text) <= length:
        return text
    for end in range(length, 0, -1):
        code = ord(text[end - 1])
        if code < _LAST:
            return text[: end - 1] + chr(_AFTER_SURROGATES if code == _BEFORE_SURROGATES else code + 1)
    return None


def mend() -> None:
    """Replace PyIceberg's function by ``upper_bound``, for this process."""
    assert hasattr(writer, "truncate_upper_bound_text_string"), "PyIceberg has renamed it: see whether it is mended"
    writer.truncate_upper_bound_text_string = upper_bound
