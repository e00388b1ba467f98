"""Finds the project's modules that a program imports, directly or not, from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

#: Packages of this repository that are shipped.
_OURS = ("sluice", "lambdas", "glue_jobs")


def imported_by(files: Iterable[Path], root: Path) -> set[Path]:
    """Return the files of our packages, below ``root`` and relative to it, that ``files`` import at any remove.

    What is imported for type checkers alone is none. A package's ``__init__`` is imported with what is in it.
    """
    found: set[Path] = set()
    left = list(files)
    while left:
        for name in _names(ast.parse(left.pop().read_bytes())):
            for file in _files(name, root):
                if file not in found:
                    found.add(file)
                    left.append(root / file)
    return found


def _names(tree: ast.AST) -> Iterator[str]:
    """Yield the full names that a module imports, anywhere in it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from (name for other in node.orelse for name in _names(other))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from _names(node)


def _files(name: str, root: Path) -> Iterator[Path]:
    """Yield the files that importing ``name`` runs, if they are ours: its packages' and its own."""
    parts = name.split(".")
    if parts[0] not in _OURS:
        return
    for length in range(1, len(parts) + 1):
        place = Path(*parts[:length])
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if (root / file).is_file():
                yield file
