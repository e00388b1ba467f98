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

    Names of files and values of tables are their producers', and a terminal obeys what begins with ESC.
    """
    return text.translate(_CONTROLS)


_CONTROLS = {code: ascii(chr(code))[1:-1] for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
