"""One derived table rebuilt: Sluice's read, SQL and write beside hand-written DuckDB SQL over the same Parquet."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks.lake import LocalLake
from sluice.refresh.backfill import Backfill
from sluice.refresh.plan import plan_refresh
from sluice.refresh.run import Run, Workshop, run_transform

_TABLE, _CHANGED = "silver.latest_lines", 0.01
_BY_HAND = """
COPY (
  SELECT order_id, line_number, product_id, quantity, unit_price, discount_pct, currency,
         CAST(round(quantity * unit_price * (100 - coalesce(discount_pct, 0)) * 0.01, 2) AS DECIMAL(18,2))
           AS net_amount,
         updated_at
  FROM read_parquet({files})
  QUALIFY row_number() OVER (
    PARTITION BY order_id, line_number
    ORDER BY updated_at DESC, product_id DESC, quantity DESC, unit_price DESC, discount_pct DESC, currency DESC) = 1
  ORDER BY order_id
) TO '{target}' (FORMAT parquet, COMPRESSION zstd)
"""


def compare(lake: LocalLake, csv: Path, scratch: Path, *, rounds: int, console: Console) -> None:
    """Print the comparison for a table made of one window, and what a change of one percent costs beside it."""
    files = [task.file.file_path for task in lake.load("bronze.order_lines").scan().plan_files()]
    ours, by_hand, steps = [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        plan_refresh(lake.project, lake.load)
        plan = time.perf_counter() - began
        run = _run(lake, Backfill(_TABLE))
        ours.append(run.seconds["open"] + run.seconds["compute"] + run.seconds["write"])
        steps.append({"plan": plan, **run.seconds})
        began = time.perf_counter()
        with duckdb.connect() as connection:
            connection.execute("SET preserve_insertion_order = false")
            connection.execute(_BY_HAND.format(files=files, target=scratch / "by_hand.parquet"))
        by_hand.append(time.perf_counter() - began)
    limit, mine = statistics.median(by_hand), statistics.median(ours)
    table = Table("", "median s", "all s", "relative to DuckDB SQL", title=f"refresh of {run.rows:,} rows")
    table.add_row("Sluice: read, SQL, write", f"{mine:.2f}", " ".join(f"{s:.2f}" for s in ours), f"{limit / mine:.2f}")
    table.add_row("hand-written DuckDB SQL", f"{limit:.2f}", " ".join(f"{s:.2f}" for s in by_hand), "1.00")
    console.print(table)
    medians = {name: statistics.median(step[name] for step in steps) for name in steps[0]}
    console.print("steps, median s: " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in medians.items()))
    whole = statistics.median(sum(step.values()) for step in steps)
    changes = [_change(lake, csv, scratch / f"change{number}.csv") for number in range(rounds)]
    seconds = [sum(run.seconds.values()) for run in changes]
    console.print(
        f"a change of 1 %, the newest lines, all steps: {statistics.median(seconds):.2f} s "
        f"({' '.join(f'{s:.2f}' for s in seconds)}), {statistics.median(seconds) / whole:.2f} of the full refresh's "
        f"{whole:.2f} s; {changes[-1].rows_written:,} of {changes[-1].rows:,} rows written; {changes[-1].reason}"
    )


def _run(lake: LocalLake, backfill: Backfill | None = None) -> Run:
    return run_transform(lake.project, _TABLE, Workshop(lake.load, lake.lake.store), run_id="bench", backfill=backfill)


def _change(lake: LocalLake, csv: Path, file: Path) -> Run:
    """Send the last percent of the lines again, each later and of one piece; return the run that takes them in."""
    with csv.open("rb") as lines:
        header = next(lines)
        lines.seek(-int(csv.stat().st_size * _CHANGED), os.SEEK_END)
        next(lines)
        changed = [line.rstrip().split(b",") for line in lines]
    with file.open("wb") as out:
        out.write(header)
        for fields in changed:
            if len(fields) == header.count(b",") + 1:
                fields[3], fields[7] = b"1", b"2030-01-01T00:00:00Z"
                out.write(b",".join(fields) + b"\n")
    lake.ingest("order_lines", file)
    return _run(lake)
