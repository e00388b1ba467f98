"""Finds the name that was probably meant: an error asks for it before it lists what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(given: object, known: Iterable[object]) -> str:
    """Return the one of ``known`` that is written most like ``given``, whatever its case; an empty text if none is."""
    if not isinstance(given, str):
        return ""
    by_fold: dict[str, str] = {}
    for name in known:
        if isinstance(name, str):
            by_fold.setdefault(_fold(name), name)
    near = get_close_matches(_fold(given), by_fold, 3)
    return next((by_fold[name] for name in near if _last_alike(name, _fold(given))), "")


def did_you_mean(given: object, known: Iterable[object]) -> str:
    """Return the question for the nearest of ``known``, with a blank before it; an empty text if none is near."""
    near = nearest(given, known)
    return f" did you mean {near!r}?" if near else ""


def nearest_first(given: object, known: Iterable[str]) -> list[str]:
    """Return ``known`` in order, but the name that was probably meant first."""
    names = sorted(known)
    near = nearest(given, names)
    return sorted(names, key=lambda name: name != near)


def _last_alike(one: str, other: str) -> bool:
    """Return whether the last parts are alike, too: that two tables are of one database makes neither the other."""
    return bool(get_close_matches(one.rpartition(".")[2], [other.rpartition(".")[2]], 1))


def _fold(name: str) -> str:
    """Return the name without what people write otherwise: its case, and how its words are joined."""
    return name.casefold().replace("-", "_").replace(" ", "_")
