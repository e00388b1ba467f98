"""Which packages are ours, which are Python's, and which are somebody else's."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: The packages that this repository ships.
SHIPPED = ("glue_jobs", "infra", "lambdas", "localaws", "shopsphere", "sluice")
OURS = frozenset({*SHIPPED, "benchmarks", "tests", "__main__"})


def is_third_party(package: str) -> bool:
    """Whether a package of this name, without its modules, is neither ours nor part of Python."""
    return package not in OURS and package not in sys.stdlib_module_names


def sources() -> Iterator[Path]:
    """Yield every Python file that is shipped."""
    for folder in SHIPPED:
        yield from sorted((ROOT / folder).rglob("*.py"))


def passed_on(origin: str) -> str:
    """Return what a name is that we import from a module of ours, if that imports it from somebody else; or nothing."""
    seen = set[str]()
    while origin and origin not in seen and not is_third_party(origin.partition(".")[0]):
        seen.add(origin)
        module, _, name = origin.rpartition(".")
        origin = _imports_of(module).get(name, "")
    return origin if is_third_party(origin.partition(".")[0]) and origin else ""


@functools.cache
def _imports_of(module: str) -> dict[str, str]:
    """Return what each name that a module of ours imports is, at whatever place in it."""
    place = ROOT.joinpath(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if module.partition(".")[0] not in OURS or not file.is_file():
        return {}
    nodes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
    own = module.split(".") if place.is_dir() else module.split(".")[:-1]

    def origin(node: ast.ImportFrom) -> str:
        above = own[: len(own) - node.level + 1] if node.level else []
        return ".".join([*above, *([node.module] if node.module else [])])

    return {alias.asname or alias.name: f"{origin(node)}.{alias.name}" for node in nodes for alias in node.names}
