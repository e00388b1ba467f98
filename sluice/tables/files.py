"""The data files of a snapshot, the difference between two snapshots, and the bounds of a column in each file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyiceberg.conversions import from_bytes
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import PrimitiveType

from sluice.tables.retired import retired_between
from sluice.tables.upkeep import EMPTY


@dataclass(frozen=True)
class Difference:
    """The data files added and removed between two snapshots, and all files of the later one (``now``).

    What retention removed is left out. ``passed`` are files that came and that retention removed again: rows of
    ``removed`` may have moved to them. Without ``removed`` there are none.
    """

    added: tuple[DataFile, ...]
    removed: tuple[DataFile, ...]
    now: tuple[DataFile, ...]
    passed: tuple[DataFile, ...] = ()

    @property
    def changed(self) -> bool:
        """Return whether the two snapshots consist of different files."""
        return bool(self.added or self.removed)


def snapshot_of(table: Table) -> str:
    """Return the id of the table's current snapshot as text, or ``EMPTY``."""
    snapshot = table.current_snapshot()
    return EMPTY if snapshot is None else str(snapshot.snapshot_id)


def total_bytes(table: Table, snapshot: str) -> int:
    """Return the total bytes of the snapshot's data files according to its summary, 0 when that lacks them."""
    found = None if snapshot == EMPTY else table.snapshot_by_id(int(snapshot))
    if found is None or found.summary is None:
        return 0
    return int(found.summary.additional_properties.get("total-files-size", "0"))


def data_files(table: Table, snapshot: str) -> tuple[DataFile, ...] | None:
    """Return the data files of ``snapshot``, or None when it has row-level deletes, which readers must apply."""
    if snapshot == EMPTY:
        return ()
    tasks = list(table.scan(snapshot_id=int(snapshot)).plan_files())
    if any(task.delete_files for task in tasks):
        return None
    return tuple(task.file for task in tasks)


def difference(table: Table, before: str, now: str) -> Difference | None:
    """Return the data files added and removed from the snapshot ``before`` to ``now``.

    Return None when ``before`` has expired, one of the two has row-level deletes, or it cannot be told which files
    retention removed.
    """
    if before != EMPTY and table.snapshot_by_id(int(before)) is None:
        return None
    earlier, later = data_files(table, before), data_files(table, now)
    if earlier is None or later is None:
        return None
    had, has = {file.file_path for file in earlier}, {file.file_path for file in later}
    retired = {} if had <= has else retired_between(table, before, now)
    if retired is None:
        return None
    removed = tuple(file for file in earlier if file.file_path not in has | retired.keys())
    return Difference(
        tuple(file for file in later if file.file_path not in had),
        removed,
        later,
        tuple(file for path, file in retired.items() if path not in had | has) if removed else (),
    )


def bounds(schema: Schema, files: Iterable[DataFile], column: str) -> pa.Table:
    """Return one row per file with ``path``, ``lower`` and ``upper``: the column's bounds, null where not known.

    Bounds of texts are short: the lower one is cut, the upper one is cut and raised.
    """
    field = schema.find_field(column)
    kind = field.field_type
    assert isinstance(kind, PrimitiveType)

    def value(of: dict[int, bytes] | None) -> Any:
        raw = (of or {}).get(field.field_id)
        return None if raw is None else from_bytes(kind, raw)

    rows = [(file.file_path, value(file.lower_bounds), value(file.upper_bounds)) for file in files]
    arrow = schema_to_pyarrow(Schema(field), include_field_ids=False).field(column).type
    if pa.types.is_date(arrow) or pa.types.is_timestamp(arrow):
        storage = pa.int32() if pa.types.is_date(arrow) else pa.int64()
        lower, upper = (pa.array([row[at] for row in rows], storage).cast(arrow) for at in (1, 2))
    else:
        lower, upper = (pa.array([row[at] for row in rows], arrow) for at in (1, 2))
    return pa.table({"path": pa.array([row[0] for row in rows], pa.string()), "lower": lower, "upper": upper})
