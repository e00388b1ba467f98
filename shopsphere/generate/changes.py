"""Captured changes of the shop's customers, as Debezium reads them from a PostgreSQL log: payloads without schema."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from shopsphere.generate import words
from shopsphere.generate.stream_manifest import write_json

Row = dict[str, Any]
Record = tuple[str, bytes]
#: Positions in the log grow past a power of ten: who sorts them as plain text gets them wrong.
_FIRST_POSITION = 99_990_000
_REPLAYED = 20
_OPERATIONS, _CHANCES = ("u", "c", "d", "move"), (0.66, 0.2, 0.1, 0.04)


@dataclass
class ChangeManifest:
    """What the changes are and what they come to."""

    seed: int = 0
    start: str = ""
    records: int = 0
    #: Data records by operation as the source spells it, those that come again included.
    operations: dict[str, int] = field(default_factory=dict)
    tombstones: int = 0
    #: Control records by operation.
    control: dict[str, int] = field(default_factory=dict)
    #: Records that come a second time because the connector started again.
    replayed: int = 0
    #: Rows whose key was changed.
    moved_keys: int = 0
    #: The rows that are there in the end, by key.
    final: list[Row] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the manifest as JSON."""
        write_json(path, asdict(self))


def generate_customer_changes(
    *, rows: int, changes: int, seed: int, start: datetime, truncate: bool = False
) -> tuple[list[Record], ChangeManifest]:
    """Return a snapshot of ``rows`` customers and then ``changes`` changes, in the order of the log.

    A deletion is followed by a tombstone (no bytes). ``truncate`` empties the table once, on the way.
    """
    source = _Source(rows, seed, start)
    for position in range(rows):
        source.read(position, last=position == rows - 1)
    replay_at, truncate_at = (changes * 2) // 3, changes // 3 if truncate else -1
    done, replayed = 0, 0
    while done < changes:
        size = min(int(source.rng.integers(1, 4)), changes - done)
        source.begin()
        for _ in range(size):
            if done == truncate_at:
                source.truncate()
            else:
                source.change()
            done += 1
        if done > replay_at and not replayed:
            replayed = source.replay(rows)
    moment = start if start.tzinfo else start.replace(tzinfo=UTC)
    manifest = ChangeManifest(
        seed=seed,
        start=moment.isoformat().replace("+00:00", "Z"),
        records=len(source.records),
        operations=dict(sorted(source.operations.items())),
        tombstones=sum(not data for _, data in source.records),
        replayed=replayed,
        moved_keys=source.moved,
        final=[source.table[key] for key in sorted(source.table)],
    )
    return source.records, manifest


class _Source:
    """The table, its log, and the connector that reads it."""

    def __init__(self, rows: int, seed: int, start: datetime) -> None:
        self.rng = np.random.default_rng([seed, 22])
        self.now = start if start.tzinfo else start.replace(tzinfo=UTC)
        self.position, self.previous = _FIRST_POSITION, _FIRST_POSITION
        self.transaction, self.order = 740, 0
        self.next_customer, self.moved = rows + 1, 0
        self.table: dict[str, Row] = {}
        self.deleted: list[str] = []
        self.records: list[Record] = []
        self.operations: Counter[str] = Counter()
        for number in range(1, rows + 1):
            row = self._customer(f"C{number:07d}")
            self.table[row["customer_id"]] = row

    def begin(self) -> None:
        """Begin a transaction; all its changes have one commit time."""
        self.transaction += int(self.rng.integers(1, 4))
        self.order, self.previous = 0, self.position
        self.now += timedelta(milliseconds=int(self.rng.integers(5, 4_000)))

    def read(self, at: int, *, last: bool) -> None:
        """Emit a row of the snapshot."""
        row = list(self.table.values())[at]
        self._emit("r", None, row, snapshot="last" if last else "first" if at == 0 else "true")

    def change(self) -> None:
        """Change one row."""
        kind = str(self.rng.choice(_OPERATIONS, p=_CHANCES)) if self.table else "c"
        if kind == "c":
            back = self.deleted and self.rng.random() < 0.3
            key = self.deleted.pop() if back else self._new_key()
            self._put("c", None, self._customer(key))
            return
        keys = list(self.table)
        before = self.table[keys[int(self.rng.integers(len(keys)))]]
        if kind == "u":
            self._put("u", before, self._updated(before))
        else:
            self._remove(before)
            if kind == "move":  # PostgreSQL's connector tells a new key as a deletion and an insertion
                self.moved += 1
                self._put("c", None, {**self._updated(before), "customer_id": self._new_key()})
            else:
                self.deleted.append(before["customer_id"])

    def truncate(self) -> None:
        """Remove all rows by one record."""
        self.table.clear()
        self._emit("t", None, None)

    def replay(self, snapshot: int) -> int:
        """Emit the latest records of the log again, as a connector does that was killed; return how many."""
        again = self.records[max(snapshot, len(self.records) - _REPLAYED) :]
        self.records.extend(again)
        self.operations.update(json.loads(data)["op"] for _, data in again if data)
        return len(again)

    def _new_key(self) -> str:
        self.next_customer += 1
        return f"C{self.next_customer - 1:07d}"

    def _put(self, op: str, before: Row | None, after: Row) -> None:
        self.table[after["customer_id"]] = after
        self._emit(op, before, after)

    def _remove(self, before: Row) -> None:
        del self.table[before["customer_id"]]
        self._emit("d", before, None)
        self.records.append((self.records[-1][0], b""))

    def _emit(self, op: str, before: Row | None, after: Row | None, *, snapshot: str = "false") -> None:
        self.position += int(self.rng.integers(40, 900))
        self.order += 1
        milliseconds = int(self.now.timestamp() * 1000)
        read = milliseconds + int(self.rng.integers(20, 900))
        streamed = snapshot == "false"
        sequence = [str(self.previous) if streamed else None, str(self.position)]
        transaction = {
            "id": f"{self.transaction}:{self.position}",
            "total_order": self.order,
            "data_collection_order": self.order,
        }
        source = {
            "version": "3.2.0.Final", "connector": "postgresql", "name": "shop", "ts_ms": milliseconds,
            "snapshot": snapshot, "db": "shop", "sequence": json.dumps(sequence, separators=(",", ":")),
            "ts_us": milliseconds * 1000, "ts_ns": milliseconds * 1_000_000, "schema": "public", "table": "customers",
            "txId": self.transaction, "lsn": self.position, "xmin": None,
        }  # fmt: skip
        payload = {
            "before": before, "after": after, "source": source, "transaction": transaction if streamed else None,
            "op": op, "ts_ms": read, "ts_us": read * 1000, "ts_ns": read * 1_000_000,
        }  # fmt: skip
        row = after or before
        key = json.dumps({"customer_id": row["customer_id"]}, separators=(",", ":")) if row else "default"
        self.records.append((key, msgspec.json.encode(payload)))
        self.operations[op] += 1

    def _updated(self, row: Row) -> Row:
        country, city = self._town()
        change: Row = {"street": self._street(), "city": city, "country": country}
        if self.rng.random() < 0.4:
            change = {"phone": None if self.rng.random() < 0.3 else self._phone()}
        return {**row, **change, "updated_at": self._moment()}

    def _customer(self, key: str) -> Row:
        rng = self.rng
        country, city = self._town()
        born = datetime(1945, 1, 1) + timedelta(days=int(rng.integers(0, 60 * 365)))
        return {
            "customer_id": key,
            "email": f"{key.lower()}@{('mail', 'post', 'inbox')[rng.integers(3)]}.example",
            "first_name": words.FIRST_NAMES[rng.integers(len(words.FIRST_NAMES))],
            "last_name": words.LAST_NAMES[rng.integers(len(words.LAST_NAMES))],
            "phone": self._phone(),
            "street": self._street(),
            "city": city,
            "postal_code": f"{rng.integers(1000, 99999):05d}",
            "country": country,
            "birth_date": f"{born:%Y-%m-%d}",
            "segment": "business" if rng.random() < 0.12 else "consumer",
            "registered_at": self._moment(),
            "updated_at": self._moment(),
        }

    def _town(self) -> tuple[str, str]:
        country = words.COUNTRIES[self.rng.integers(len(words.COUNTRIES))][0]
        return country, words.CITIES[country][self.rng.integers(len(words.CITIES[country]))]

    def _street(self) -> str:
        return f"{words.STREETS[self.rng.integers(len(words.STREETS))]} street {self.rng.integers(1, 200)}"

    def _phone(self) -> str:
        return f"+{self.rng.integers(30, 49)} {self.rng.integers(100, 999)} {self.rng.integers(10**5, 10**6)}"

    def _moment(self) -> str:
        return self.now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
