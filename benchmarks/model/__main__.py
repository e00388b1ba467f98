"""``python -m benchmarks.model``: the model built by every contender, and what changes of it cost."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from benchmarks.model.compare import ROWS, compare
from benchmarks.model.contest import CONTENDERS, DUCKDB, SLUICE


def main() -> int:
    """Compare as the command line asks; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.model", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS.values()), default=list(CONTENDERS.values()))
    given = parser.parse_args()
    needed = {CONTENDERS[DUCKDB], CONTENDERS[SLUICE], *given.only}
    names = [name for name, module in CONTENDERS.items() if module in needed]
    return 1 if compare(given.rows, rounds=given.rounds, console=Console(width=130), names=names) else 0


if __name__ == "__main__":
    sys.exit(main())
