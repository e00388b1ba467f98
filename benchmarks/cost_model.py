"""What the refreshes of a day cost, by how much arrives: Sluice's choice beside Glue always and Athena CTAS always.

An estimate from the price file and the planner's own model (``sluice.refresh.engine``); nothing runs and nothing is
measured here. Ingestion, storage and queries of analysts cost the same in all three and are left out.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import sqlglot
from rich.console import Console
from rich.table import Table
from sqlglot import exp

from benchmarks.example import PROJECT
from sluice.compiled import CompiledTransform
from sluice.load import load_project
from sluice.project import Project
from sluice.refresh.engine import LOOKED_AT, Memory, choose_engine, estimates, prices

GIGABYTES_A_DAY = (0.1, 1.0, 10.0, 100.0, 1000.0)
#: Bytes of an order line as it arrives, and in Parquet.
_RAW_ROW, _PARQUET_ROW = 100, 20
_REFRESHES_A_DAY, _DAYS_KEPT = 24, 365
#: A table that groups its rows is taken to be so much smaller than what it reads.
_GROUPED = 0.05
_BAR = 40


@dataclass(frozen=True)
class Day:
    """One day's refreshes at some volume: USD of each way, and how often each engine was chosen."""

    gigabytes: float
    sluice: float
    glue: float
    athena: float
    engines: Counter[str]


def a_day(project: Project, gigabytes: float) -> Day:
    """Return what a day's refreshes of all derived tables cost when so much arrives."""
    daily = _rows_a_day(project, gigabytes * 1e9 / _RAW_ROW)
    engines: Counter[str] = Counter()
    sluice = glue = athena = 0.0
    for transform in project.transforms:
        arrives = sum(daily[table] for table in transform.inputs.values())
        kept = arrives * _DAYS_KEPT
        chosen = choose_engine(transform, _read(transform, kept, arrives / _REFRESHES_A_DAY), Memory())
        engines[chosen.engine] += _REFRESHES_A_DAY
        sluice += chosen.cost_usd * _REFRESHES_A_DAY
        *_, spark = estimates(kept * transform.weight, Memory())
        glue += spark.cost_usd * _REFRESHES_A_DAY
        athena += kept * _PARQUET_ROW / 1e12 * prices().athena_scanned_tb * _REFRESHES_A_DAY
    return Day(gigabytes, sluice, glue, athena, engines)


def _read(transform: CompiledTransform, kept: float, a_refresh: float) -> float:
    if transform.mode.whole:
        return kept
    return min(kept, a_refresh + LOOKED_AT * kept)


def _rows_a_day(project: Project, arrives: float) -> dict[str, float]:
    """Return the rows that each table gains a day: what arrives is shared as the contracts expect it to be."""
    landing = {c.table: c.arrival.expected_rows_per_day or 0.0 for c in project.arriving}
    rows = {table: arrives * expected / sum(landing.values()) for table, expected in landing.items()}
    left = {transform.table: transform for transform in project.transforms}
    while left:
        for table in [name for name, transform in left.items() if not set(transform.inputs.values()) & left.keys()]:
            transform = left.pop(table)
            most = max(rows[name] for name in transform.inputs.values())
            tree = sqlglot.parse_one(transform.sql, read="duckdb")
            rows[table] = most * (_GROUPED if tree.find(exp.Group) else 1.0)
    return rows


def show(console: Console) -> None:
    """Print the table and draw it."""
    project = load_project([PROJECT.contracts])
    days = [a_day(project, gigabytes) for gigabytes in GIGABYTES_A_DAY]
    table = Table(
        "GB a day", "engines chosen", "Sluice, USD a day", "Glue always", "Athena CTAS always", "cheaper one / Sluice",
        title=f"{len(project.transforms)} derived tables, {_REFRESHES_A_DAY} refreshes a day, {_DAYS_KEPT} days kept "
        f"(prices {prices().region}, {prices().as_of}; estimated)",
    )  # fmt: skip
    for day in days:
        chosen = ", ".join(
            f"{engine} {number / day.engines.total():.0%}" for engine, number in day.engines.most_common()
        )
        best = min(day.glue, day.athena) / day.sluice
        table.add_row(
            f"{day.gigabytes:,g}",
            chosen,
            f"{day.sluice:,.2f}",
            f"{day.glue:,.2f}",
            f"{day.athena:,.2f}",
            f"{best:.1f}",
        )
    console.print(table)
    _draw(days, console)


def _draw(days: list[Day], console: Console) -> None:
    """Draw USD a day as bars, each ten times as much as long as the last tenfold."""
    costs = [cost for day in days for cost in (day.sluice, day.glue, day.athena)]
    least, most = math.log10(min(costs)), math.log10(max(costs))
    for day in days:
        console.print(f"{day.gigabytes:>7,g} GB a day")
        for name, cost, colour in (
            ("Sluice", day.sluice, "green"), ("Glue", day.glue, "yellow"), ("Athena", day.athena, "red"),
        ):  # fmt: skip
            length = 1 + round((math.log10(cost) - least) / (most - least) * (_BAR - 1))
            console.print(f"  {name:>7} [{colour}]{'█' * length}[/] {cost:,.2f}", highlight=False)
    slopes = [math.log10(b.sluice / a.sluice) / math.log10(b.gigabytes / a.gigabytes) for a, b in pairwise(days)]
    console.print(f"log-log slope of Sluice's cost between volumes: {', '.join(f'{slope:.2f}' for slope in slopes)}")


def main() -> None:
    """Show it alone."""
    show(Console(width=130))


if __name__ == "__main__":
    main()
