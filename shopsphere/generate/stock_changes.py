"""Captured changes of the warehouse's stock, as AWS DMS writes them to a Kinesis stream."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from shopsphere.generate.changes import ChangeManifest, Record, Row

WAREHOUSES = ("Hamburg", "Lyon", "Gdańsk")
_FIRST_POSITION = 0x16B37480
_KINDS, _CHANCES = ("update", "insert", "delete", "move"), (0.76, 0.1, 0.1, 0.04)
_COLUMNS = {
    "product_id": {"type": "STRING", "nullable": False, "length": 6},
    "warehouse": {"type": "STRING", "nullable": False, "length": 20},
    "quantity": {"type": "INT32", "nullable": False},
    "reserved": {"type": "INT32", "nullable": True},
    "updated_at": {"type": "DATETIME", "nullable": False, "precision": 6},
}
_Key = tuple[str, str]


def generate_stock_changes(
    *, products: int, changes: int, seed: int, start: datetime
) -> tuple[list[Record], ChangeManifest]:
    """Return the full load of ``products`` in each warehouse and then ``changes`` changes, in the order of the log.

    Control records come first: DMS creates its table and the one that it keeps exceptions in.
    """
    task = _Task(products, seed, start)
    moment = task.moment()
    task.control("awsdms_apply_exceptions", {})
    task.control("stock", {"table-def": {"columns": _COLUMNS, "primary-key": ["product_id", "warehouse"]}})
    for key in list(task.table):
        task.emit("load", task.table[key])
    done = 0
    while done < changes:
        size = min(int(task.rng.integers(1, 5)), changes - done)
        task.begin()
        for _ in range(size):
            task.change()
        done += size
    manifest = ChangeManifest(
        seed=seed, start=moment, records=len(task.records), operations=dict(sorted(task.operations.items())),
        control={"create-table": 2}, moved_keys=task.moved, final=[task.table[key] for key in sorted(task.table)],
    )  # fmt: skip
    return task.records, manifest


class _Task:
    """The table and the DMS task that loads it and then follows its log."""

    def __init__(self, products: int, seed: int, start: datetime) -> None:
        self.rng = np.random.default_rng([seed, 23])
        self.now = start if start.tzinfo else start.replace(tzinfo=UTC)
        self.position, self.moved, self.products = _FIRST_POSITION, 0, products
        self.transaction, self.record, self.last = 87_978_110, 0, (0, 0)
        self.records: list[Record] = []
        self.operations: Counter[str] = Counter()
        self.table: dict[_Key, Row] = {}
        for number in range(1, products + 1):
            for warehouse in WAREHOUSES[: 1 + number % 2]:
                row = self._row(f"P{number:05d}", warehouse)
                self.table[row["product_id"], warehouse] = row

    def begin(self) -> None:
        """Begin a transaction; all its changes have one commit time."""
        self.last = (self.transaction, self.record)
        self.transaction += int(self.rng.integers(1, 9))
        self.record = 0
        self.now += timedelta(milliseconds=int(self.rng.integers(5, 4_000)))

    def change(self) -> None:
        """Change one row."""
        kind = str(self.rng.choice(_KINDS, p=_CHANCES)) if self.table else "insert"
        free = self._free_key()
        if kind == "insert" or (kind == "move" and free is None):
            self._insert(free)
            return
        keys = list(self.table)
        before = self.table[keys[int(self.rng.integers(len(keys)))]]
        old = {name: before[name] for name in ("product_id", "warehouse")}
        if kind == "delete":
            del self.table[before["product_id"], before["warehouse"]]
            self.emit("delete", before)
            return
        after = {**self._row(**old), "reserved": before["reserved"]}
        if kind == "move":
            assert free is not None
            del self.table[before["product_id"], before["warehouse"]]
            after |= {"product_id": free[0], "warehouse": free[1]}
            self.moved += 1
        self.table[after["product_id"], after["warehouse"]] = after
        self.emit("update", after, old=old)

    def emit(self, operation: str, row: Row, *, old: Row | None = None) -> None:
        """Write a data record; ``old`` is the key before an update."""
        metadata: dict[str, Any] = {
            "timestamp": self.moment(30),
            "record-type": "data",
            "operation": operation,
            "partition-key-type": "primary-key",
            "schema-name": "public",
            "table-name": "stock",
        }
        if operation != "load":
            self.record += 1
            self.position += int(self.rng.integers(40, 900))
            metadata |= {
                "transaction-id": self.transaction,
                "transaction-record-id": self.record,
                "prev-transaction-id": self.last[0],
                "prev-transaction-record-id": self.last[1],
                "commit-timestamp": self.moment(),
                "stream-position": f"{self.position >> 32:08X}/{self.position & 0xFFFFFFFF:08X}.{self.record:04d}",
            }
        payload: dict[str, Any] = {"data": row, "metadata": metadata}
        if old is not None:
            payload["before-image"] = old
        self.operations[operation] += 1
        self.records.append((f"{row['product_id']}.{row['warehouse']}", msgspec.json.encode(payload)))

    def control(self, table: str, definition: dict[str, Any]) -> None:
        """Write the control record that creates ``table``."""
        metadata = {
            "timestamp": self.moment(), "record-type": "control", "operation": "create-table",
            "partition-key-type": "task-id", "schema-name": "public" if definition else "", "table-name": table,
        }  # fmt: skip
        payload = {"control": definition, "metadata": metadata} if definition else {"metadata": metadata}
        self.records.append(("OTPVGFQ6ZXN4EBVVQSJLTMCHGY", msgspec.json.encode(payload)))

    def moment(self, later: int = 0) -> str:
        """Return the time now, or so many milliseconds later."""
        found = (self.now + timedelta(milliseconds=later)).astimezone(UTC)
        return found.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def _insert(self, free: _Key | None) -> None:
        if free is None:
            self.products += 1
            free = (f"P{self.products:05d}", WAREHOUSES[0])
        row = self._row(*free)
        self.table[free] = row
        self.emit("insert", row)

    def _free_key(self) -> _Key | None:
        """Return the key of a row that could be there and is not, if a few tries find one."""
        for _ in range(8):
            key = (f"P{self.rng.integers(1, self.products + 1):05d}", WAREHOUSES[self.rng.integers(len(WAREHOUSES))])
            if key not in self.table:
                return key
        return None

    def _row(self, product_id: str, warehouse: str) -> Row:
        return {
            "product_id": product_id,
            "warehouse": warehouse,
            "quantity": int(self.rng.integers(0, 400)),
            "reserved": None if self.rng.random() < 0.2 else int(self.rng.integers(0, 20)),
            "updated_at": self.moment(),
        }
