"""``python -m benchmarks.against COMMIT``: refreshes by this code beside those by an earlier commit's, taking turns.

Each turn is a process of its own that builds the model (``benchmarks/model``) and follows a change of 1 % of its rows.
Both codes read the same generated rows and run on this Python with its packages, so a commit that locks others cannot
be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_ROOT = Path(__file__).resolve().parents[1]
_SHARE = 0.01
_PATIENCE = 3600
#: What is told of a turn: a full build and a refresh after a change, in seconds.
WHAT = ("full", "1 % changed")


def main() -> int:
    """Compare as the command line asks; return 1 when a turn failed."""
    parser = argparse.ArgumentParser(prog="benchmarks.against", description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("--rows", type=int, nargs="+", default=(1_000_000, 10_000_000))
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    console = Console(width=130)
    with _tree_of(given.commit) as earlier:
        for rows in given.rows:
            turns: dict[Path, list[dict[str, float]]] = {_ROOT: [], earlier: []}
            for number in range(given.rounds):
                # Who begins alternates, so that a machine that grows slower is no one's disadvantage.
                for tree in sorted(turns, key=lambda tree: (tree == _ROOT) == bool(number % 2)):
                    turns[tree].append(_turn(tree, rows))
                    console.print(f"  {rows:,} rows, {'now' if tree == _ROOT else given.commit}: {turns[tree][-1]}")
            console.print(_shown(rows, given.commit, turns[_ROOT], turns[earlier]))
    return 0


def _shown(rows: int, commit: str, now: list[dict[str, float]], before: list[dict[str, float]]) -> Table:
    table = Table(
        "refresh", f"{commit}, median s", "now, median s", "now / before: median and range", title=f"{rows:,} rows"
    )
    for what in WHAT:
        ratios = sorted(one[what] / other[what] for one, other in zip(now, before, strict=True))
        medians = [statistics.median(turn[what] for turn in turns) for turns in (before, now)]
        told = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        table.add_row(what, *(f"{seconds:.2f}" for seconds in medians), told)
    return table


@contextmanager
def _tree_of(commit: str) -> Iterator[Path]:
    """Yield a folder with the files of ``commit``, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="sluice-against-") as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        packed = subprocess.run(["git", "archive", commit], cwd=_ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(tree)], input=packed, check=True)
        lakes = Path("benchmarks") / "model" / "lakes.py"  # both lay out their files in the same way
        shutil.copyfile(_ROOT / lakes, tree / lakes)
        yield tree


def _turn(tree: Path, rows: int) -> dict[str, float]:
    """Return the seconds of one turn by the code in ``tree``."""
    with tempfile.TemporaryDirectory(prefix="sluice-turn-") as scratch:
        # Not as a module: the earlier commit need not have this file.
        command = [sys.executable, __file__, "--turn", str(rows), scratch]
        variables = {**os.environ, "PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}
        done = subprocess.run(
            command, cwd=tree, env=variables, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    if done.returncode:
        raise RuntimeError(f"{tree}: {done.stderr.strip()[-1500:]}")
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


def _take(rows: int, scratch: Path) -> dict[str, Any]:
    """Build the model and follow a change with whatever code this process imports."""
    from benchmarks.model.changes import follow
    from benchmarks.model.contest import SLUICE, Contest
    from benchmarks.model.data import Shop

    contest = Contest(scratch, [SLUICE])
    shop = Shop(rows, scratch / "bronze")
    bronze = shop.year()
    (build,) = contest.take_turns(bronze, 1)
    if build.fault:
        raise RuntimeError(build.fault)
    changes = {change.share: change.median for change in follow(contest, shop, bronze, 1)}
    return dict(zip(WHAT, (round(build.seconds, 3), round(changes[_SHARE], 3)), strict=True))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--turn"]:
        sys.stdout.write(json.dumps(_take(int(sys.argv[2]), Path(sys.argv[3]))) + "\n")
    else:
        sys.exit(main())
