"""What transforms share: of a project's folder they may import ``glue_jobs``, which alone goes with them to Spark."""

from __future__ import annotations

import ast
import functools
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from sluice.folders import LIBRARY, present_project

_SHARED = "glue_jobs"


class Beside(NamedTuple):
    """A module outside of ``glue_jobs/`` that a file there imports: its name, the file, and the project's folder."""

    name: str
    importer: Path
    folder: Path


class _Helpers(MetaPathFinder):
    """Finds the package ``glue_jobs`` in one folder, and nothing else of that folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of ``glue_jobs``; its modules are found by its path."""
        return PathFinder.find_spec(fullname, [str(self._folder)]) if fullname == _SHARED else None


def share_helpers(folder: Path) -> None:
    """Let this process import ``glue_jobs`` of ``folder`` before any other of that name."""
    sys.meta_path.insert(0, _Helpers(folder.resolve()))


def imported_from_beside(file: Path) -> Beside | None:
    """Return the first module that ``file``, which may be of no Python, imports from beside its ``glue_jobs/``.

    It is looked for in the source, functions' bodies too: what is imported there a transform that was compiled before
    would not show.
    """
    project = present_project()
    own = file.resolve().parent
    # A transform stands in a folder of glue_jobs/, a helper directly in it.
    homes = [own.parent] if own.name == _SHARED else [own.parents[1]] if own.parent.name == _SHARED else []
    for name in _imported(file.read_bytes()):
        for home in dict.fromkeys((*homes, *((project.root,) if project else ()))):
            if _stands_in(home, name):
                return Beside(name, file, home)
    return None


@functools.lru_cache(maxsize=1024)  # each transform is looked through with all helpers, the same for every one
def _imported(source: bytes) -> tuple[str, ...]:
    """Return the top packages that a source imports; an empty tuple for one that cannot be parsed."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module.partition(".")[0])
    return tuple(dict.fromkeys(found))


def _stands_in(home: Path, name: str) -> bool:
    """Return whether the module of that name is one of the folder ``home``, and of no installed package."""
    if name in {_SHARED, LIBRARY.name} or name in sys.stdlib_module_names:
        return False
    if not ((home / f"{name}.py").is_file() or (home / name).is_dir()):
        return False
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # a module that is none of a file, as __main__
        return False
    if spec is None:
        return True
    found = [spec.origin] if spec.has_location and spec.origin else list(spec.submodule_search_locations or ())
    return any(Path(each).is_relative_to(home) and not Path(each).is_relative_to(sys.prefix) for each in found)
