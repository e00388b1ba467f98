"""How long `sluice new` and `sluice profile` take for a file of 100 MB, and their peak memory."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sluice.profiling.drafts import draft
from sluice.profiling.profiles import profile_files

_BYTES = 100_000_000


def report(csv: Path, scratch: Path, *, rounds: int, console: Console) -> None:
    """Print the times for the first 100 MB of a file."""
    part = scratch / "first.csv"
    with csv.open("rb") as whole:
        data = whole.read(_BYTES)
    part.write_bytes(data[: data.rfind(b"\n") + 1])
    table = Table("", "s", "peak MB", title=f"A file of {part.stat().st_size / 1e6:.0f} MB, {rounds} times")
    for what in ("new", "profile"):
        taken = [_alone(what, part) for _ in range(rounds)]
        seconds = " ".join(f"{each[0]:.1f}" for each in taken)
        table.add_row(f"sluice {what}", seconds, f"{max(each[1] for each in taken):.0f}")
    console.print(table)


def _alone(what: str, path: Path) -> tuple[float, float]:
    """Return seconds, with the start of Python, and the peak of memory in MB."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.drafting", what, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, float(done.stdout)


def _main() -> None:
    what, path = sys.argv[1], Path(sys.argv[2])
    if what == "new":
        draft("things", path, "bench")
    else:
        profile_files(path)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


if __name__ == "__main__":
    _main()
