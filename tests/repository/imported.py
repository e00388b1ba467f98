"""Which packages are ours, which are Python's, and which are somebody else's."""

from __future__ import annotations

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
