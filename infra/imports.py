"""Finds the project's modules that a program imports, directly or not, from the source without running it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path


def imported_by(files: Iterable[Path], places: Mapping[str, Path]) -> set[Path]:
    """Return the files of our packages that ``files`` import at any remove, each as its package's name and the rest.

    ``places`` are the folders of our packages by name; what else is imported is somebody else's.
    What is imported for type checkers alone is none. A package's ``__init__`` is imported with what is in it, and all
    of its modules with an ``__init__`` that finds them itself (``sluice.found``).
    """
    found: set[Path] = set()
    left = list(files)
    while left:
        at = left.pop()
        source = at.read_bytes()
        named = _named(source)
        if b"found_in" in source:
            named = (*named, *_found_by(ast.parse(source), at, places))
        for name in named:
            for file in _files(name, places):
                if file not in found:
                    found.add(file)
                    left.append(_place(file, places))
    return found


@functools.lru_cache(maxsize=1024)
def _named(source: bytes) -> tuple[str, ...]:
    """Return the full names that a module's source imports; known for the next synthesis of this process."""
    return tuple(_names(ast.parse(source)))


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


def _place(file: Path, places: Mapping[str, Path]) -> Path:
    return places[file.parts[0]].joinpath(*file.parts[1:])


def _found_by(tree: ast.AST, at: Path, places: Mapping[str, Path]) -> Iterator[str]:
    """Yield the full names of the modules that ``at`` finds in its own folder; ValueError for one elsewhere."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "found_in"):
            continue
        if at.name != "__init__.py" or not node.args or ast.unparse(node.args[0]) != "__name__":
            raise ValueError(f"{at}:{node.lineno}: found_in is called by a package's __init__.py, with __name__")
        top, folder = next((top, folder) for top, folder in places.items() if at.is_relative_to(folder))
        package = ".".join((top, *at.parent.relative_to(folder).parts))
        yield from (f"{package}.{module.stem}" for module in at.parent.glob("*.py") if module != at)
        yield from (f"{package}.{inner.parent.name}" for inner in at.parent.glob("*/__init__.py"))


def _files(name: str, places: Mapping[str, Path]) -> Iterator[Path]:
    """Yield the files that importing ``name`` runs, if they are ours: its packages' and its own."""
    parts = name.split(".")
    if parts[0] not in places:
        return
    for length in range(1, len(parts) + 1):
        place = Path(*parts[:length])
        for file in (place / "__init__.py", *((place.with_suffix(".py"),) if length > 1 else ())):
            if _place(file, places).is_file():
                yield file
