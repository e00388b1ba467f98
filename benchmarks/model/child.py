"""The messages to and from a peer's process: seconds of each table, of processors, and the most memory it had.

Only the standard library is imported: a peer may live in an environment of its own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: The same for each peer, as far as it can be told.
THREADS, MEMORY_GIB = 2, 6


class Work:
    """One build of the model: ``given`` as the parent wrote it, read from the file that the command line names."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        self.output = Path(self.given["output"])
        self.scratch = Path(self.given["scratch"])
        self._start_up = 0.0
        self._tables: dict[str, float] = {}
        self._steps: dict[str, float] = {}
        self._processors = 0.0

    def sources(self, name: str) -> list[str]:
        """Return the Parquet files of a bronze table, or of one that this build has already made."""
        if name in self.given["bronze"]:
            return list(self.given["bronze"][name])
        return sorted(str(file) for file in (self.output / name).rglob("*.parquet"))

    def target(self, name: str) -> Path:
        """Return the empty folder that the files of a table belong in."""
        folder = self.output / name
        folder.mkdir(parents=True)
        return folder

    @contextmanager
    def table(self, name: str) -> Iterator[None]:
        """Measure the making of one table; what was before the first is start-up."""
        if not self._tables:
            self._start_up = time.time() - self.given["spawned"]
            self._processors = processor_seconds()
        began = time.perf_counter()
        yield
        self._tables[name] = time.perf_counter() - began

    def add_steps(self, steps: dict[str, float]) -> None:
        """Add seconds by step, of those who measure their own."""
        for name, seconds in steps.items():
            self._steps[name] = self._steps.get(name, 0.0) + seconds

    def record(self, tables: dict[str, float]) -> None:
        """Take the seconds of all tables from who measured them elsewhere."""
        self._tables = dict(tables)

    def finish(self, *, seconds: float | None = None, **more: Any) -> None:
        """Report to the parent; ``seconds`` of the whole build where they are more than the tables' sum."""
        outcome = {
            "start_up": self._start_up,
            "seconds": sum(self._tables.values()) if seconds is None else seconds,
            "tables": self._tables,
            "steps": self._steps,
            "processor_seconds": processor_seconds() - self._processors,
            "peak_mb": peak_mb(),
            **more,
        }
        Path(self.given["outcome"]).write_text(json.dumps(outcome), encoding="utf-8")


def peak_mb() -> float:
    """Return the most memory (resident, MB) that this process had, and each of its children that still live."""
    family = _family()
    if not family:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return sum(_peak_kib(process) for process in family) * 1024 / 1e6


def processor_seconds() -> float:
    """Return the seconds that processors have spent on this process and on its children that still live."""
    family = _family()
    if not family:
        return time.process_time()
    ticks = sum(sum(map(int, _status(process)[11:15])) for process in family)
    return ticks / os.sysconf("SC_CLK_TCK")


def _status(process: Path) -> list[str]:
    """Return what ``stat`` says of a process, from its state on."""
    return (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def _peak_kib(process: Path) -> int:
    for line in (process / "status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def _family() -> list[Path]:
    """Return this process and all below it as folders of ``/proc``; nothing where there is none."""
    parents: dict[str, list[Path]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parents.setdefault(_status(process)[1], []).append(process)
        except OSError:  # it has just ended
            continue
    own = Path("/proc/self")
    if not own.exists():
        return []
    found, ahead = [], [own.resolve()]
    while ahead:
        process = ahead.pop()
        found.append(process)
        ahead += parents.get(process.name, [])
    return found
