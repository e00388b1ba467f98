"""Finds the project's modules that a program imports, directly or not, from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

#: Packages of this repository that are shipped.
_OURS = ("sluice", "lambdas", "glue_jobs")


def imported_by(files: Iterable[Path], root: Path) -> set[Path]:
    """Return the files of our packages, below ``root`` and relative to it, that ``files`` import at any remove.

    What is imported for type checkers alone is none. A package's ``__init__`` is imported with what is in it, and all
    of its modules with an ``__init__`` that finds them itself (``sluice.found``).
    """
    found: set[Path] = set()
    left = list(files)
    while left:
        at = left.pop()
        tree = ast.parse(at.read_bytes())
        for name in (*_names(tree), *_found_by(tree, at, root)):
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


def _found_by(tree: ast.AST, at: Path, root: Path) -> Iterator[str]:
    """Yield the full names of the modules that ``at`` finds in its own folder; ValueError for one elsewhere."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "found_in"):
            continue
        if at.name != "__init__.py" or not node.args or ast.unparse(node.args[0]) != "__name__":
            raise ValueError(f"{at}:{node.lineno}: found_in is called by a package's __init__.py, with __name__")
        package = ".".join(at.parent.relative_to(root).parts)
        yield from (f"{package}.{module.stem}" for module in at.parent.glob("*.py") if module != at)
        yield from (f"{package}.{inner.parent.name}" for inner in at.parent.glob("*/__init__.py"))


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
