"""Cuts texts to a readable length. Imports the standard library only."""

from __future__ import annotations

#: Characters at most of what a check found or an engine said: it goes into the ledger and to whoever asks for it.
MOST_SAID = 300


def shortened(text: str, most: int = MOST_SAID) -> str:
    """Return ``text``, cut to ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def printable(text: str) -> str:
    """Return a text with an escape for each character that a terminal would act on or not show."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def harmless(text: str) -> str:
    """Return a text for a terminal: with an escape for each control character in it but line breaks and tabs.

    Names of files and values of tables are their producers'. A terminal obeys what begins with ESC, and shows what
    follows a mark of direction (U+202E) in another order.
    """
    return text.translate(_CONTROLS)


_CODES = (*range(32), *range(127, 160), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROLS = {code: ascii(chr(code))[1:-1] for code in _CODES if chr(code) not in "\n\t"}
