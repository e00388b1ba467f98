"""What was put on a stream of clicks, and what a correct pipeline must make of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class StreamManifest:
    """The counts of one generated clickstream; they grow with each batch that is yielded."""

    seed: int = 0
    start: str = ""
    duration_seconds: float = 0.0
    #: All records, broken and repeated ones included.
    records: int = 0
    #: Valid records: bronze keeps duplicates and conflicts.
    expected_accepted: int = 0
    #: Broken records by the first reason.
    expected_quarantined: dict[str, int] = field(default_factory=dict)
    #: Distinct ids of valid events: the rows that silver keeps.
    distinct_events: int = 0
    #: Records that repeat another's very bytes.
    duplicates: int = 0
    #: Ids that came with more than one payload, by the number of distinct payloads.
    conflicting_ids: dict[str, int] = field(default_factory=dict)
    #: Distinct payloads that lose against another of their id.
    conflict_losers: int = 0
    #: Distinct events that are late when each record is sent at its time, and the accepted records that hold them.
    late_events: int = 0
    expected_late: int = 0
    #: Distinct valid events with a campaign code, and those whose code no campaign has.
    coded_events: int = 0
    unknown_codes: int = 0
    #: Planted incidents by rule, each with the ids involved.
    incidents: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def quarantined(self) -> int:
        """Return the number of broken records."""
        return sum(self.expected_quarantined.values())

    def add(self, batch: StreamManifest) -> None:
        """Count another batch."""
        for name in ("records", "expected_accepted", "distinct_events", "duplicates", "conflict_losers",
                     "late_events", "expected_late", "coded_events", "unknown_codes"):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(batch, name))
        for name in ("expected_quarantined", "conflicting_ids"):
            together = Counter(getattr(self, name)) + Counter(getattr(batch, name))
            setattr(self, name, dict(sorted(together.items())))
        for rule, found in batch.incidents.items():
            self.incidents.setdefault(rule, []).extend(found)

    def write(self, path: Path) -> None:
        """Write the manifest as JSON."""
        write_json(path, asdict(self))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write ``content`` as the manifests are written."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
