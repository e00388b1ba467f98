"""The whole comparison: at each number of rows the contenders' builds, then changes; then what it all says."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks.model.changes import OtherRows, follow
from benchmarks.model.contest import CONTENDERS, Contest
from benchmarks.model.data import Shop
from benchmarks.model.report import Measured, show

ROWS = (1_000_000, 10_000_000)


def compare(
    sizes: Sequence[int], *, rounds: int, console: Console, names: Sequence[str] = tuple(CONTENDERS)
) -> list[str]:
    """Print the comparison at each number of order lines; return what went wrong, a line each."""
    measured, wrong = Measured(), []
    with tempfile.TemporaryDirectory(prefix="sluice-model-") as folder:
        contest = Contest(Path(folder), names)
        try:
            for name, why in contest.missing.items():
                console.print(f"[bold red]{name} is MISSING from this comparison: {escape(why)}[/]")
            for rows in sorted(sizes):
                console.print(f"{rows:,} order lines: generating …")
                shop = Shop(rows, contest.scratch / f"bronze{rows}")
                bronze = shop.year()
                measured.builds[rows] = []
                for build in contest.take_turns(bronze, rounds):
                    measured.builds[rows].append(build)
                    said = escape(build.fault) or f"{build.seconds:.2f} s"
                    console.print(f"  {build.contender}: {said}", highlight=False)
                    if build.fault:
                        wrong.append(f"{build.contender}, {rows:,} lines: {build.fault}")
                console.print("  changes …")
                try:
                    measured.changes += follow(contest, shop, bronze, rounds)
                except (OtherRows, RuntimeError) as error:
                    wrong.append(f"changes, {rows:,} lines: {error}")
                for file in (file for files in bronze.values() for file in files):
                    file.unlink()
        finally:
            contest.close()
    if measured.builds:
        show(measured, console)
    for line in wrong:
        console.print(f"[bold red]WRONG: {escape(line)}[/]", highlight=False)
    return wrong
