"""Prints what was measured, draws it, and says of each aim whether it is met."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rich.console import Console
from rich.table import Table

from benchmarks.model.changes import Change
from benchmarks.model.contest import CONTENDERS, DUCKDB, SLUICE, SPARK, Build

#: The aims: speed relative to DuckDB by hand and to local Spark, growth with the rows (exponent), and how much dearer
#: a change of as many lines may be in a table that is ten times as large.
_OF_DUCKDB, _OF_SPARK, _SLOPE, _SAME_CHANGE = 0.9, 5.0, 1.05, 1.5
#: Steps that hand-written SQL has too; the others are checks, contradictions and the commit.
_LIKE_FOR_LIKE = ("open", "compute", "write")
_BAR = 60


@dataclass
class Measured:
    """All builds by number of rows, and all changes."""

    builds: dict[int, list[Build]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def of(self, rows: int, contender: str) -> list[Build]:
        return [build for build in self.builds[rows] if build.contender == contender and not build.fault]

    def median(self, rows: int, contender: str) -> float:
        """Return the median seconds; not a number when there is none."""
        builds = self.of(rows, contender)
        return statistics.median(build.seconds for build in builds) if builds else math.nan

    def like_for_like(self, rows: int) -> float:
        """Return Sluice's median seconds for what hand-written SQL does too."""
        builds = self.of(rows, SLUICE)
        spent = [sum(build.steps[name] for name in _LIKE_FOR_LIKE) for build in builds]
        return statistics.median(spent) if spent else math.nan


def show(measured: Measured, console: Console) -> None:
    """Print and draw everything."""
    for rows in measured.builds:
        _show_builds(measured, rows, console)
    _draw(measured, console)
    for change in measured.changes:
        _show_change(change, measured.median(change.rows, SLUICE), console)
    aims = Table("aim", "measured", "", title="aims")
    for aim, found, met in _aims(measured):
        aims.add_row(aim, found, "[green]met[/]" if met else "[red]NOT met[/]")
    console.print(aims)


def _show_builds(measured: Measured, rows: int, console: Console) -> None:
    limit, spark = measured.median(rows, DUCKDB), measured.median(rows, SPARK)
    table = Table(
        "", "median s", "all s", "of DuckDB by hand", "times plain PySpark", "CPU s", "start-up s", "peak MB",
        title=f"silver and gold of {rows:,} order lines: five tables, from Parquet to Parquet",
    )  # fmt: skip
    for name in CONTENDERS:
        if not (builds := measured.of(rows, name)):
            continue
        median = measured.median(rows, name)
        table.add_row(
            name,
            f"{median:.2f}",
            " ".join(f"{build.seconds:.2f}" for build in builds),
            f"{limit / median:.2f}",
            f"{spark / median:.1f}",
            f"{statistics.median(build.processor_seconds for build in builds):.1f}",
            f"{statistics.median(build.start_up for build in builds):.1f}",
            f"{max(build.peak_mb for build in builds):,.0f}",
        )
    console.print(table)
    for name in CONTENDERS:
        if builds := measured.of(rows, name):
            console.print(f"{name}, median s: {_medians([{**build.tables, **build.steps} for build in builds])}")


def _medians(parts: Sequence[Mapping[str, float]]) -> str:
    medians = {name: statistics.median(part[name] for part in parts) for name in parts[0]}
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in medians.items())


def _draw(measured: Measured, console: Console) -> None:
    """Draw seconds as bars on one scale for each number of rows."""
    for rows in measured.builds:
        medians = {name: measured.median(rows, name) for name in CONTENDERS if measured.of(rows, name)}
        console.print(f"{rows:,} order lines, seconds")
        for name, median in medians.items():
            length = max(1, round(median / max(medians.values()) * _BAR))
            colour = "green" if name.startswith("Sluice") else "yellow"
            console.print(f"  {name:>22} [{colour}]{'█' * length}[/] {median:.2f}", highlight=False)


def _show_change(change: Change, full: float, console: Console) -> None:
    table = Table(
        "", "median s", "rows written", "of", "MB written", "how",
        title=f"{change.lines:,} of {change.rows:,} lines changed ({change.share:.1%}): {change.median:.2f} s "
        f"({' '.join(f'{seconds:.2f}' for seconds in change.seconds)}), {change.median / full:.2f} of a full build",
    )  # fmt: skip
    for name, seconds in change.by_table.items():
        did = change.last.get(name)
        if did is None:
            table.add_row(name, f"{seconds:.2f}")
            continue
        table.add_row(
            name,
            f"{seconds:.2f}",
            f"{did['rows_written']:,}",
            f"{did['rows']:,}",
            f"{did['bytes_written'] / 1e6:.1f}",
            did["course"],
        )
    console.print(table)


def _aims(measured: Measured) -> Iterator[tuple[str, str, bool]]:
    sizes = sorted(measured.builds)
    for rows in sizes:
        limit = measured.median(rows, DUCKDB)
        for what, mine in (
            ("read, compute, write", measured.like_for_like(rows)),
            ("with checks and commits", measured.median(rows, SLUICE)),
        ):
            yield f"{rows:,} lines, {what}: {_OF_DUCKDB} of DuckDB by hand", *_at_least(limit / mine, _OF_DUCKDB)
    mine, spark = (measured.median(sizes[-1], name) for name in (SLUICE, SPARK))
    yield f"{sizes[-1]:,} lines: {_OF_SPARK:g} times plain PySpark", *_at_least(spark / mine, _OF_SPARK)
    for few, many in pairwise(sizes):
        for name in (SLUICE, DUCKDB):
            slope = _slope(few, many, measured.median(few, name), measured.median(many, name))
            yield f"{few:,} to {many:,} lines, {name}: log-log slope at most {_SLOPE}", f"{slope:.2f}", slope <= _SLOPE
    yield from _about_changes(measured)


def _about_changes(measured: Measured) -> Iterator[tuple[str, str, bool]]:
    for small in measured.changes:
        for large in measured.changes:
            if small.rows < large.rows and math.isclose(small.lines, large.lines, rel_tol=0.2):
                ratio = large.median / small.median
                grown = _SAME_CHANGE ** math.log10(large.rows / small.rows)
                yield (
                    f"{small.lines:,} lines change: in {large.rows:,} at most {grown:.1f} times what in {small.rows:,}",
                    f"{ratio:.2f} ({small.median:.2f} and {large.median:.2f} s)",
                    ratio <= grown,
                )


def _at_least(found: float, aim: float) -> tuple[str, bool]:
    return "not measured" if math.isnan(found) else f"{found:.2f}", found >= aim


def _slope(few: int, many: int, before: float, after: float) -> float:
    return math.log(after / before) / math.log(many / few)
