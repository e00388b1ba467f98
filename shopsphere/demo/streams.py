"""The streaming part of the demo: clicks, changes and readings onto Kinesis, and what must come of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rich.console import Console

from sluice.cli.deployment import Deployment, client
from sluice.cli.fitted import narrow_table
from sluice.cli.querying import run_query
from sluice.cli.send import put_records
from sluice.confined import quoted

CLICKS = 30_000
_ROWS = 300
_SPREAD = timedelta(hours=1)
_CONFLICT = "conflict"


@dataclass
class Streamed:
    """What is put on each stream, and by dataset what the generators say of it."""

    records: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    expected_quarantined: dict[str, dict[str, int]] = field(default_factory=dict)
    #: Query, words, and the number that it must give.
    checks: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Return how many records there are."""
        return sum(len(records) for records in self.records.values())


def generate_streams(seed: int) -> Streamed:
    """Return an hour of clicks up to now, and the changes and readings of that hour."""
    from shopsphere.generate.changes import generate_customer_changes
    from shopsphere.generate.sensors import generate_readings
    from shopsphere.generate.stock_changes import generate_stock_changes
    from shopsphere.generate.stream import generate_stream
    from shopsphere.generate.stream_manifest import StreamManifest

    start = datetime.now(UTC).replace(microsecond=0) - _SPREAD
    clicks = StreamManifest()
    batches = generate_stream(
        events=CLICKS, seed=seed, start=start, duration_seconds=_SPREAD.total_seconds(), manifest=clicks
    )
    made = Streamed()
    made.records["clickstream"] = [pair for batch in batches for pair in batch.pairs()]
    made.records["customer_changes"], customers = generate_customer_changes(
        rows=_ROWS, changes=2 * _ROWS, seed=seed, start=start
    )
    made.records["stock_changes"], stock = generate_stock_changes(
        products=_ROWS, changes=2 * _ROWS, seed=seed, start=start
    )
    made.records["stock_sensors"], readings = generate_readings(readings=10 * _ROWS, seed=seed, start=start)
    made.expected_quarantined = {
        "clickstream": {**clicks.expected_quarantined, _CONFLICT: clicks.conflict_losers},
        "customer_changes": {},
        "stock_changes": {},
        "stock_sensors": dict(readings.expected_quarantined),
    }
    made.checks = [
        ("SELECT count(*) FROM silver.clickstream", "clicks, each once", clicks.distinct_events),
        ("SELECT count(*) FROM silver.clickstream WHERE late", "of them late", clicks.late_events),
        ("SELECT count(*) FROM bronze.customer_changes", "captured changes of customers", customers.records),
        ("SELECT count(*) FROM silver.stock", "rows that the changes of stock leave", len(stock.final)),
    ]
    return made


def send_streams(made: Streamed, deployment: Deployment, progress: Callable[[int], None]) -> None:
    """Put all records on their streams."""
    for dataset, records in made.records.items():
        put_records(client("kinesis"), f"{deployment.settings.database_prefix}{dataset}", records, None, progress)


def print_streams(made: Streamed, deployment: Deployment, console: Console) -> bool:
    """Print what came of the streams beside what was generated; tell whether all is equal."""
    table = narrow_table("", "generated", "in Athena", "")
    right = True
    for sql, words, expected in made.checks:
        found = int(run_query(sql, deployment).rows[0][0] or 0)
        right &= found == expected
        table.add_row(words, f"{expected:,}", f"{found:,}", "✓" if found == expected else "✗")
    console.print(table)
    return right


def quarantined(deployment: Deployment, datasets: Iterable[str]) -> dict[str, Counter[str]]:
    """Return the counts by reason of each dataset's quarantine, in one query."""
    parts = (
        f"SELECT '{name}' AS dataset, reason, count(*) AS n FROM {quoted(f'quarantine.{name}')} GROUP BY 2"
        for name in datasets
    )
    found: dict[str, Counter[str]] = {name: Counter() for name in datasets}
    for dataset, reason, count in run_query(" UNION ALL ".join(parts), deployment).rows:
        found[str(dataset)][str(reason)] = int(count or 0)
    return found
