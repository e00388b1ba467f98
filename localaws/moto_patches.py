"""Puts parts of ours in the place of a third party's, moto's above all, remembering what was there.

Nothing of ours gets into a third party's classes, modules and tables any other way: a test compares what is remembered
with the pinned versions, and others look for what went round it (`tests/localaws/test_moto_patches.py`).
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


#: What stood before where the third party has nothing of that name.
ABSENT: Any = _Absent()


@dataclass
class _Place:
    """One place that is taken: ``original`` stood there, in the owner itself (``own``) or in what it inherits from."""

    original: Any
    own: bool
    now: Any


_places: dict[str, _Place] = {}


def replace(owner: Any, name: str, replacement: Any) -> None:
    """Put ``replacement`` in the place of ``owner.name``; raises AttributeError if there is no such thing."""
    _take(owner, name, inspect.getattr_static(owner, name), replacement)
    setattr(owner, name, replacement)


def replace_everywhere(owner: ModuleType, name: str, replacement: Any, *, within: str) -> None:
    """As `replace`, and also where modules of the package ``within`` have imported it from there by its name."""
    replaced = (original(owner, name), inspect.getattr_static(owner, name))
    replace(owner, name, replacement)
    for module_name, module in list(sys.modules.items()):
        if module_name == within or module_name.startswith(f"{within}."):
            there = getattr(module, name, None)
            if any(there is one for one in replaced):
                setattr(module, name, replacement)


def add(owner: Any, name: str, addition: Any) -> None:
    """Give ``owner`` a name that it lacks; raises AttributeError once it has one of its own."""
    symbol = _symbol(owner, name)
    if symbol not in _places and inspect.getattr_static(owner, name, ABSENT) is not ABSENT:
        raise AttributeError(f"{symbol} is there now: read it, then replace it, or use it as it is")
    _take(owner, name, ABSENT, addition)
    setattr(owner, name, addition)


def put(owner: Any, name: str, thing: Any) -> None:
    """`replace` what ``owner`` has of that name, or `add` it: for operations of an API, of which moto has most."""
    (add if inspect.getattr_static(owner, name, ABSENT) is ABSENT else replace)(owner, name, thing)


def extend(owner: Any, name: str, entries: Mapping[Any, Any] | Iterable[Any]) -> None:
    """Add ``entries`` to the dict or set that is ``owner.name``: the same object, for it may be known elsewhere too."""
    table = inspect.getattr_static(owner, name)
    _take(owner, name, copy.copy(table), table)
    table.update(entries)


def original(owner: Any, name: str) -> Any:
    """Return what the third party has at ``owner.name``, whatever stands there now; raises AttributeError if nothing.

    A method comes as its class holds it, so it is called with ``self``.
    """
    place = _places.get(_symbol(owner, name))
    found = place.original if place else inspect.getattr_static(owner, name)
    if found is ABSENT:
        raise AttributeError(f"{_symbol(owner, name)} was added: the third party has none")
    return found


def restore(owner: Any, name: str) -> None:
    """Undo `replace` or `add` of ``owner.name``; it is still remembered. Raises KeyError if neither was done."""
    place = _places[_symbol(owner, name)]
    if place.own:
        setattr(owner, name, place.original)
    else:
        delattr(owner, name)


def originals() -> dict[str, Any]:
    """Return what stood in each place that was taken so far, by its full name."""
    return {symbol: place.original for symbol, place in _places.items()}


def replacements() -> dict[str, Any]:
    """Return what of ours was last put in each place, by its full name."""
    return {symbol: place.now for symbol, place in _places.items()}


def _take(owner: Any, name: str, was: Any, now: Any) -> None:
    own = was is not ABSENT and name in vars(owner)
    _places.setdefault(_symbol(owner, name), _Place(was, own, now)).now = now


def _symbol(owner: Any, name: str) -> str:
    if isinstance(owner, ModuleType):
        return f"{owner.__name__}.{name}"
    return f"{owner.__module__}.{owner.__qualname__}.{name}"
