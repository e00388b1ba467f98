"""Registries without a list: each module of a package declares one thing, and a new one is a new module."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def found_in(package: str, name: str) -> dict[str, Any]:
    """Return what each module of ``package`` declares as its ``name``, by the module's name, in alphabetical order.

    A package calls it with its own ``__name__``; by this call `infra.imports` knows that all of its modules are shipped
    with it. ``AttributeError`` for a module that declares nothing: it would be left out in silence.
    """
    path = importlib.import_module(package).__path__
    modules = sorted(module.name for module in pkgutil.iter_modules(path))
    return {module: getattr(importlib.import_module(f"{package}.{module}"), name) for module in modules}
