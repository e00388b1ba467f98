"""``make bench``: prints every comparison. ``--rows`` sets the number of order lines, ``--rounds`` how often.

``--model-rows`` are those of the silver and gold model (``benchmarks/model``); 30000000 is a size to ask for.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks import cost_model, drafting, ingestion, local_aws, streaming
from benchmarks.example import PROJECT
from benchmarks.model import compare as model
from shopsphere.generate import generate

_DAYS = 20


def main() -> int:
    """Generate the data once, then compare; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model-rows", type=int, nargs="*", default=model.ROWS)
    parser.add_argument("--without-local-aws", action="store_true")
    given = parser.parse_args()
    console = Console(width=130)
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        scratch = Path(folder)
        console.print("generating …")
        manifest = generate(days=_DAYS, seed=1, out=scratch / "files", rows_per_day=given.rows // _DAYS)
        csv, sample = _one_file(scratch)
        contracts = PROJECT.contracts
        rows = manifest.datasets["order_lines"].records
        ingestion.compare(csv, rows, scratch, contracts=contracts, rounds=given.rounds, console=console)
        drafting.report(csv, scratch, rounds=given.rounds, console=console)
        cost_model.show(console)
        streaming.compare(rounds=given.rounds, console=console)
        if not given.without_local_aws:
            local_aws.report(sample, scratch, console)
    return 1 if model.compare(given.model_rows, rounds=given.rounds, console=console) else 0


def _one_file(scratch: Path) -> tuple[Path, Path]:
    """Return all order lines as one file with one header, and a small file of 600 lines."""
    target, sample = scratch / "order_lines.csv", scratch / "sample.csv"
    wanted = b"order_id,line_number,product_id,quantity,unit_price,discount_pct,currency,updated_at"
    with target.open("wb") as out:
        out.write(wanted + b"\n")
        for path in sorted((scratch / "files" / "order_lines").iterdir()):
            header, _, body = path.read_bytes().partition(b"\n")
            if header.strip() == wanted:
                out.write(body)
            path.unlink()
    with target.open("rb") as lines, sample.open("wb") as out:
        for _ in range(600):
            out.write(next(lines))
    return target, sample


if __name__ == "__main__":
    sys.exit(main())
