"""Cuts texts to a readable length. Imports the standard library only."""

from __future__ import annotations

#: Characters at most of what a check found or an engine said: it goes into the ledger and to whoever asks for it.
MOST_SAID = 300


def shortened(text: str, most: int = MOST_SAID) -> str:
    """Return ``text``, cut to ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
