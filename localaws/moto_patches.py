"""Replaces parts of third parties, mainly of moto, and remembers what they replaced.

Nothing else in this project changes a third party's classes, modules and tables: a test compares the originals with the
pinned versions, and others look for changes made without this module (`tests/localaws/test_moto_patches.py`).
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


#: Stands for the original value where the third party has no such attribute.
ABSENT: Any = _Absent()


@dataclass
class _Place:
    """One replaced attribute: ``original`` was its value, set in the owner itself (``own``) or inherited."""

    original: Any
    own: bool
    now: Any


_places: dict[str, _Place] = {}


def replace(owner: Any, name: str, replacement: Any) -> None:
    """Replace ``owner.name`` by ``replacement``; raise AttributeError if there is no such attribute."""
    _take(owner, name, inspect.getattr_static(owner, name), replacement)
    setattr(owner, name, replacement)


def replace_everywhere(owner: ModuleType, name: str, replacement: Any, *, within: str) -> None:
    """Replace as `replace` does, and also where modules of the package ``within`` have imported the name."""
    replaced = (original(owner, name), inspect.getattr_static(owner, name))
    replace(owner, name, replacement)
    for module_name, module in list(sys.modules.items()):
        if module_name == within or module_name.startswith(f"{within}."):
            there = getattr(module, name, None)
            if any(there is one for one in replaced):
                setattr(module, name, replacement)


def add(owner: Any, name: str, addition: Any) -> None:
    """Add the attribute ``name`` to ``owner``; raise AttributeError if the owner has one of its own."""
    symbol = _symbol(owner, name)
    if symbol not in _places and inspect.getattr_static(owner, name, ABSENT) is not ABSENT:
        raise AttributeError(f"{symbol} is there now: read it, then replace it, or use it as it is")
    _take(owner, name, ABSENT, addition)
    setattr(owner, name, addition)


def put(owner: Any, name: str, thing: Any) -> None:
    """Set ``owner.name``, by `replace` if it exists, else by `add`: for API operations, of which moto has most."""
    (add if inspect.getattr_static(owner, name, ABSENT) is ABSENT else replace)(owner, name, thing)


def defer(owner: ModuleType, name: str, stand_in: Any) -> None:
    """Put in the place of ``owner.name`` what imports it when it is used first; that is the third party's own then.

    No original is remembered: it may not be imported yet, and it is not replaced.
    """
    _take(owner, name, ABSENT, stand_in)
    setattr(owner, name, stand_in)


def extend(owner: Any, name: str, entries: Mapping[Any, Any] | Iterable[Any]) -> None:
    """Add ``entries`` to the dict or set ``owner.name`` in place, because other modules may hold the same object."""
    table = inspect.getattr_static(owner, name)
    _take(owner, name, copy.copy(table), table)
    table.update(entries)


def original(owner: Any, name: str) -> Any:
    """Return the third party's own ``owner.name``, even if it was replaced; raise AttributeError if there is none.

    A method is returned as its class holds it, so it is called with ``self``.
    """
    place = _places.get(_symbol(owner, name))
    found = place.original if place else inspect.getattr_static(owner, name)
    if found is ABSENT:
        raise AttributeError(f"{_symbol(owner, name)} was added: the third party has none")
    return found


def restore(owner: Any, name: str) -> None:
    """Undo `replace` or `add` of ``owner.name``, which stays remembered; raise KeyError if neither was done."""
    place = _places[_symbol(owner, name)]
    if place.own:
        setattr(owner, name, place.original)
    else:
        delattr(owner, name)


def originals() -> dict[str, Any]:
    """Return the original of every replaced attribute so far, by its full name."""
    return {symbol: place.original for symbol, place in _places.items()}


def replacements() -> dict[str, Any]:
    """Return the last replacement of every replaced attribute, by its full name."""
    return {symbol: place.now for symbol, place in _places.items()}


def _take(owner: Any, name: str, was: Any, now: Any) -> None:
    own = was is not ABSENT and name in vars(owner)
    _places.setdefault(_symbol(owner, name), _Place(was, own, now)).now = now


def _symbol(owner: Any, name: str) -> str:
    if isinstance(owner, ModuleType):
        return f"{owner.__name__}.{name}"
    return f"{owner.__module__}.{owner.__qualname__}.{name}"
