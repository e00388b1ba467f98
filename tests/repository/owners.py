"""Whether a private name that we use is still its owner's: what no digest of the owner tells."""

from __future__ import annotations

import importlib
from typing import Any

from tests.repository.imported import is_third_party
from tests.repository.private_names import NONE, classes_of, module_of


def elsewhere(names: dict[str, dict[str, Any]]) -> list[str]:
    """Return each name that is now another's: a class of ours gets it from another class than the one that was read.

    A version may bring a method of its own to a class between ours and the owner, or to the owner's own bases what is
    entered as ours alone (`NONE`): no digest of the owner tells either.
    """
    found = []
    for symbol, entry in sorted(names.items()):
        path, _, name = symbol.rpartition(".")
        owner = _class(path)
        if owner is None:
            continue
        if entry["digest"] == NONE and hasattr(owner, name):
            found.append(f"{symbol} is there now")
        for kind in (kind for file in entry["in"] for kind in classes_of(file) if issubclass(kind, owner)):
            theirs = (base for base in kind.__mro__ if is_third_party(base.__module__.partition(".")[0]))
            first = next((base for base in theirs if name in vars(base)), owner)
            if first is not owner:
                found.append(f"{symbol}: {kind.__name__} has it from {first.__module__}.{first.__name__}")
    return found


def _class(path: str) -> type | None:
    _, rest = module_of(path)
    if not rest:
        return None
    thing: Any = importlib.import_module(path.removesuffix("." + ".".join(rest)))
    for part in rest:
        thing = getattr(thing, part, None)
    if not isinstance(thing, type):
        return None
    # A class of ours that stands in the place of theirs is theirs with a part of its own.
    theirs = (base for base in thing.__mro__ if is_third_party(base.__module__.partition(".")[0]))
    return next(theirs, thing)


def replaced(symbol: str) -> set[str]:
    """Return the names that a class had from its bases before ``module.Class.name`` was put into it."""
    path, _, name = symbol.rpartition(".")
    owner = _class(path)
    bases = owner.__mro__[1:] if owner is not None else ()
    return {f"{base.__module__}.{base.__qualname__}.{name}" for base in bases if name in vars(base)}
