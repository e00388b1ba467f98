"""What a refresh costs when a small part of the rows changed, and whether it leaves what a full build leaves."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.model.check import differences, facts_of
from benchmarks.model.contest import Contest
from benchmarks.model.data import Shop
from benchmarks.model.lakes import Files
from benchmarks.model.project import create_lake
from benchmarks.model.sql import TABLES

SHARES = (0.01, 0.001)


@dataclass(frozen=True)
class Change:
    """Refreshes after changes of one size: ``lines`` that changed, seconds of each refresh, what the last one did."""

    rows: int
    share: float
    lines: int
    seconds: tuple[float, ...]
    by_table: Mapping[str, float]
    last: Mapping[str, Mapping[str, Any]]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


class OtherRows(Exception):
    """Refreshes after changes left other rows than a full build; the message says which."""


def follow(contest: Contest, shop: Shop, bronze: Files, rounds: int) -> Iterator[Change]:
    """Yield what changes of each size cost, the sizes taking turns over ``rounds``."""
    folder = contest.scratch / f"changes{shop.rows}"
    lake = create_lake(folder / "lake", bronze)
    sent = [(share, *shop.change(share)) for _ in range(rounds) for share in SHARES]
    given = {"bronze": bronze, "output": folder, "project": contest.project, "lake": dict(lake.properties)}
    try:
        said = contest.work(
            "sluice_changes", {**given, "scratch": folder / "a", "changes": [files for _, files, _ in sent]}
        )
        refreshed = facts_of({table: lake.files(table) for table in TABLES})
        contest.work("sluice_changes", {**given, "scratch": folder / "b", "changes": []})
        if wrong := differences(facts_of({table: lake.files(table) for table in TABLES}), refreshed):
            raise OtherRows("; ".join(wrong))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for share in SHARES:
        told = [(lines, each) for (of, _, lines), each in zip(sent, said["refreshes"], strict=True) if of == share]
        yield _change(shop.rows, share, told[-1][0], [each for _, each in told])


def _change(rows: int, share: float, lines: int, refreshes: Sequence[Mapping[str, Any]]) -> Change:
    seconds = tuple(sum(each["seconds"].values()) for each in refreshes)
    names = refreshes[-1]["seconds"]
    by_table = {name: statistics.median(each["seconds"].get(name, 0.0) for each in refreshes) for name in names}
    return Change(rows, share, lines, seconds, by_table, refreshes[-1]["tables"])
