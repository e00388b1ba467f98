"""What was written, and what a correct pipeline must make of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class DatasetManifest:
    """The counts of one dataset."""

    files: int = 0
    records: int = 0
    dirt: dict[str, int] = field(default_factory=dict)
    expected_quarantined: dict[str, int] = field(default_factory=dict)
    expected_accepted: int = 0
    extra_column_files: list[str] = field(default_factory=list)

    def add(self, *, records: int, dirt: Counter[str], quarantined: Counter[str]) -> None:
        """Count one more file."""
        self.files += 1
        self.records += records
        self.dirt = dict(sorted((Counter(self.dirt) + dirt).items()))
        self.expected_quarantined = dict(sorted((Counter(self.expected_quarantined) + quarantined).items()))
        self.expected_accepted = self.records - sum(self.expected_quarantined.values())


@dataclass
class Totals:
    """What the clean records add up to, exact; repeated records count once."""

    customers: int = 0
    products: int = 0
    orders: int = 0
    order_lines: int = 0
    units: int = 0
    #: Sum of quantity x unit price x (1 - discount) per currency, as a decimal with six places.
    revenue: dict[str, str] = field(default_factory=dict)


@dataclass
class Manifest:
    """Everything about one generated history."""

    seed: int
    days: int
    start: str
    datasets: dict[str, DatasetManifest] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)

    @property
    def files(self) -> int:
        """Return the number of files of all datasets."""
        return sum(dataset.files for dataset in self.datasets.values())

    def write(self, path: Path) -> None:
        """Write the manifest as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
