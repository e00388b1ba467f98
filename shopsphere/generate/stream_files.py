"""Everything that streams, as NDJSON files: clicks, changes of customers and stock, sensor readings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from shopsphere.generate.changes import ChangeManifest, generate_customer_changes
from shopsphere.generate.sensors import generate_readings
from shopsphere.generate.stock_changes import generate_stock_changes
from shopsphere.generate.stream import generate_stream
from shopsphere.generate.stream_manifest import StreamManifest, write_json

START = datetime(2025, 1, 1, tzinfo=UTC)
#: A stream's record without bytes (a tombstone) cannot be a line; this is its JSON.
_NO_BYTES = b"null"


def write_streams(
    *, events: int, seed: int, out: Path, start: datetime = START, duration_seconds: float = 3_600.0
) -> dict[str, StreamManifest | ChangeManifest]:
    """Write a file per dataset and ``manifest.json`` below ``out``; return what is in each.

    There are ``events`` clicks and, in proportion, fewer of the others.
    """
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty; nothing was written. Choose a new folder or empty this one.")
    out.mkdir(parents=True, exist_ok=True)
    manifests: dict[str, StreamManifest | ChangeManifest] = {}
    clicks = StreamManifest()
    batches = generate_stream(events=events, seed=seed, start=start, duration_seconds=duration_seconds, manifest=clicks)
    _write(out / "clickstream.ndjson", (record for batch in batches for record in batch.data))
    manifests["clickstream"] = clicks
    rows = min(5_000, max(20, events // 200))
    changes, manifests["customer_changes"] = generate_customer_changes(
        rows=rows, changes=2 * rows, seed=seed, start=start
    )
    _write(out / "customer_changes.ndjson", (record for _, record in changes))
    stock, manifests["stock_changes"] = generate_stock_changes(products=rows, changes=2 * rows, seed=seed, start=start)
    _write(out / "stock_changes.ndjson", (record for _, record in stock))
    readings, manifests["stock_sensors"] = generate_readings(readings=max(200, events // 10), seed=seed, start=start)
    _write(out / "stock_sensors.ndjson", (record for _, record in readings))
    datasets = {name: asdict(manifest) for name, manifest in manifests.items()}
    write_json(out / "manifest.json", {"seed": seed, "start": clicks.start, "datasets": datasets})
    return manifests


def _write(path: Path, records: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        for record in records:
            file.write((record or _NO_BYTES) + b"\n")
