"""Readings of the sensors on the warehouses' shelves, a few of them broken, a few sent twice."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from shopsphere.generate.changes import Record
from shopsphere.generate.stock_changes import WAREHOUSES
from shopsphere.generate.stream_manifest import StreamManifest

SENSORS, EVERY_SECONDS = 200, 60
_BROKEN: tuple[tuple[str, str, Any], ...] = (
    ("out_of_range", "quantity", -1), ("out_of_range", "temperature_c", 999.9), ("missing_required", "warehouse", None),
    ("unparseable", "quantity", "ERR"), ("pattern_mismatch", "sensor_id", "S-1"), ("unparseable", "measured_at", "now"),
    ("out_of_range", "battery_pct", 255), ("malformed_record", "", None),
)  # fmt: skip


def generate_readings(
    *, readings: int, seed: int, start: datetime, broken: float = 0.01, duplicates: float = 0.005
) -> tuple[list[Record], StreamManifest]:
    """Return ``readings`` records: each sensor measures once a minute from ``start`` on."""
    rng = np.random.default_rng([seed, 24])
    begins = (start if start.tzinfo else start.replace(tzinfo=UTC)).astimezone(UTC)
    again = round(readings * duplicates)
    count = readings - again
    breaking = rng.permutation(count)[: round(readings * broken)].tolist()
    kinds = {row: _BROKEN[number % len(_BROKEN)] for number, row in enumerate(breaking)}
    temperature = np.round(18 + 4 * np.sin(np.arange(count) / 5000) + rng.normal(0, 0.4, count), 2)
    levels = 40 + np.cumsum(rng.integers(-2, 3, count)) % 300
    records = []
    for row in range(count):
        sensor, turn = row % SENSORS, row // SENSORS
        # Sensors of a shelf do not all measure in the same second.
        moment = begins + timedelta(seconds=turn * EVERY_SECONDS + sensor * EVERY_SECONDS / SENSORS)
        reading = {
            "sensor_id": f"S{sensor + 1:04d}",
            "measured_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "warehouse": WAREHOUSES[sensor % len(WAREHOUSES)],
            "product_id": f"P{sensor * 4 + 1:05d}",
            "quantity": int(levels[row]),
            "temperature_c": float(temperature[row]),
            "battery_pct": max(5, 100 - turn // 500),
        }
        records.append((f"S{sensor + 1:04d}", _encode(reading, kinds.get(row))))
    sound = np.setdiff1d(np.arange(count), np.array(breaking, dtype=np.int64))
    records += [records[row] for row in rng.choice(sound, again, replace=False).tolist()]
    return records, StreamManifest(
        seed=seed,
        start=begins.isoformat().replace("+00:00", "Z"),
        duration_seconds=float(-(-count // SENSORS) * EVERY_SECONDS),
        records=readings,
        expected_accepted=readings - len(kinds),
        expected_quarantined=dict(sorted(Counter(reason for reason, _, _ in kinds.values()).items())),
        distinct_events=count - len(kinds),
        duplicates=again,
    )


def _encode(reading: dict[str, Any], kind: tuple[str, str, Any] | None) -> bytes:
    if kind is None:
        return msgspec.json.encode(reading)
    _, name, value = kind
    if not name:
        return msgspec.json.encode(reading)[:-9]
    return msgspec.json.encode({**reading, name: value})
