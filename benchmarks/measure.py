"""Takes turns between contestants, so that a slow moment of the machine hits all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Result:
    """One contestant's times in seconds, in the order they were taken."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def take_turns(contestants: Mapping[str, Callable[[], object]], rounds: int) -> list[Result]:
    """Return each contestant's times over ``rounds``, one after the other in each round."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            began = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - began)
    return [Result(name, tuple(seconds)) for name, seconds in times.items()]


def print_rates(title: str, results: list[Result], *, rows: int, base: str, console: Console) -> None:
    """Print rows per second, and each one's speed as a ratio of ``base``'s."""
    reference = next(result for result in results if result.name == base).median
    table = Table("", "median s", "all s", "rows/s", f"speed relative to {base}", title=title)
    for result in results:
        shown = " ".join(f"{s:.2f}" for s in result.seconds)
        ratio = f"{reference / result.median:.2f}"
        table.add_row(result.name, f"{result.median:.2f}", shown, f"{rows / result.median:,.0f}", ratio)
    console.print(table)
