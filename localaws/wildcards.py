"""Patterns in which ``*`` stands for any text and ``?`` for any one character, matched without backtracking.

A user who may write a pattern could otherwise make a regular expression of it run for hours and block everything else.
Here each text between two stars is matched at its first position, which is right because the next star matches all text
that is skipped: the time is at most the pattern's length times the text's.
"""

from __future__ import annotations

#: Stand in a pattern for a ``*`` and a ``?`` that are meant as themselves.
STAR, MARK = "\ue000", "\ue001"
_THEMSELVES = str.maketrans({STAR: "*", MARK: "?"})


def literal(text: str) -> str:
    """Return the pattern that matches only ``text``."""
    return text.replace("*", STAR).replace("?", MARK)


def plain(pattern: str) -> str:
    """Return the text of a pattern without wildcards."""
    return pattern.translate(_THEMSELVES)


def matches(pattern: str, text: str, *, marks: bool = True) -> bool:
    """Return whether ``pattern`` matches all of ``text``; with ``marks``, ``?`` stands for any one character."""
    if not marks:
        pattern = pattern.replace("?", MARK)
    first, *rest = pattern.split("*")
    if not rest:
        return len(first) == len(text) and _fits(first, text, 0)
    *middle, last = rest
    if len(first) + len(last) > len(text) or not _fits(first, text, 0):
        return False
    end = len(text) - len(last)
    if not _fits(last, text, end):
        return False
    position = len(first)
    for piece in middle:
        found = _find(piece, text, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def _find(piece: str, text: str, start: int, end: int) -> int:
    """Return the first position of ``piece`` between ``start`` and ``end``; -1 if there is none."""
    if "?" not in piece:
        return text.find(plain(piece), start, end)
    return next((at for at in range(start, end - len(piece) + 1) if _fits(piece, text, at)), -1)


def _fits(piece: str, text: str, at: int) -> bool:
    if "?" not in piece:
        return text.startswith(plain(piece), at)
    return len(piece) <= len(text) - at and all(
        wanted in ("?", given) or plain(wanted) == given
        for wanted, given in zip(piece, text[at : at + len(piece)], strict=True)
        if wanted != given or wanted == "?"
    )
