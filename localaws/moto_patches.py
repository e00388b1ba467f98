"""Replace parts of moto by name, remembering what was there: a test compares that with the pinned version."""

from __future__ import annotations

import inspect
from typing import Any

_originals: dict[str, Any] = {}


def replace(owner: Any, name: str, replacement: Any) -> None:
    """Put ``replacement`` in the place of ``owner.name``; raises AttributeError if moto has no such thing."""
    _originals.setdefault(f"{_symbol(owner)}.{name}", inspect.getattr_static(owner, name))
    setattr(owner, name, replacement)


def _symbol(owner: Any) -> str:
    return f"{getattr(owner, '__module__', None) or owner.__name__}.{getattr(owner, '__qualname__', '')}".rstrip(".")


def original(owner: Any, name: str) -> Any:
    """Return what stood at ``owner.name`` before it was replaced."""
    return _originals[f"{_symbol(owner)}.{name}"]


def originals() -> dict[str, Any]:
    """Return what was replaced so far, as moto had it, by its full name."""
    return dict(_originals)
