"""Bytecode of functions' modules, kept by what is in them: a changed bundle has most modules of the one before.

A bundle brings bytecode for Lambda's Python, if any. On another Python each bundle's first sandbox would compile all
that it imports again, which takes longer than the rest of its start.
"""

from __future__ import annotations

import hashlib
import py_compile
import sys
from pathlib import Path

_TAG = sys.implementation.cache_tag


def link_bytecode(mirror: Path, kept: Path) -> None:
    """Link the bytecode of each module below ``mirror`` that has none for the running Python; it is kept in ``kept``.

    A module that cannot be compiled says so itself, when a function imports it.
    """
    for module in sorted(mirror.rglob("*.py")):
        place = module.parent / "__pycache__" / f"{module.stem}.{_TAG}.pyc"
        if place.exists():
            continue
        source = kept / f"{hashlib.sha256(module.read_bytes()).hexdigest()}.{_TAG}.pyc"
        if not source.exists():
            try:
                # Named by its content, it needs no comparison. An import puts the module's own path into it:
                # https://docs.python.org/3/library/py_compile.html#py_compile.compile
                unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
                py_compile.compile(str(module), str(source), module.name, doraise=True, invalidation_mode=unchecked)
            except py_compile.PyCompileError:
                continue
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(source.resolve())
