"""Finds what the modules of a package declare, so that something new needs only a new module and no list."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def found_in(package: str, name: str) -> dict[str, Any]:
    """Return what each module of ``package`` declares under ``name``, by the module's name, in alphabetical order.

    A package calls this with its own ``__name__``; by this call `infra.imports` knows that all of its modules are
    shipped with it. Raises ``AttributeError`` when a module declares nothing under ``name``, rather than leaving it
    out.
    """
    path = importlib.import_module(package).__path__
    modules = sorted(module.name for module in pkgutil.iter_modules(path))
    return {module: getattr(importlib.import_module(f"{package}.{module}"), name) for module in modules}
