"""Writes how many of a thing there are."""

from __future__ import annotations


def counted(number: int, thing: str, things: str = "") -> str:
    """Return the number with the thing's name, in the plural for all numbers but one; ``things`` is an odd plural."""
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"
