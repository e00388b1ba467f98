"""Shared by all kinds of rules: the columns that they read, their results, and the memory between batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import LandingContract, StreamRule

#: The columns with a record's position in its stream, in events as in bronze.
PLACE = ("_source", "_sequence", "_position")
#: Most records that an event lists.
SHOWN = 10
#: Most records in the memory of one rule; the first to arrive are forgotten first.
MOST_ROWS, MOST_BYTES = 10_000, 8 << 20


@dataclass(frozen=True)
class Found:
    """One thing that a rule found: some of its ``records`` by event time, and the number of all.

    ``anchor`` is the index of the record from which the event's id is made, the same one when it is found again.
    """

    records: list[dict[str, Any]]
    first: datetime | None
    last: datetime | None
    count: int = 1
    anchor: int = 0
    measured: dict[str, float] = field(default_factory=dict)


def columns_of(rule: StreamRule, contract: LandingContract) -> list[str]:
    """Return the columns that the rule reads, with those for a record's identity and time."""
    names: list[str | None] = [*contract.key]
    for condition in (*rule.where, *(rule.burst.where if rule.burst else ())):
        names += [condition.column, condition.other]
    if rule.burst:
        names += [rule.burst.key, rule.burst.time, rule.burst.distinct]
    if rule.travel:
        names += [rule.travel.key, rule.travel.time, rule.travel.latitude, rule.travel.longitude]
    names.append(contract.arrival.event_time)
    return list(dict.fromkeys(name for name in names if name is not None))


def identified(rows: pa.Table, contract: LandingContract) -> pa.Table:
    """Return the rows with a column ``_identity``, equal in rows of the same event that was sent or read twice."""
    keys = [rows[name].cast(pa.string()) for name in contract.key]
    key = keys[0] if len(keys) == 1 else pc.binary_join_element_wise(*keys, "\x1f") if keys else None
    if key is None or key.null_count:
        place = pc.binary_join_element_wise(*(rows[name].cast(pa.string()) for name in PLACE), "\x1f")
        key = place if key is None else pc.coalesce(key, place)
    return rows.append_column("_identity", key)


def bounded(rows: pa.Table, seconds: float) -> pa.Table:
    """Return a copy of the rows that arrived at most ``seconds`` before the newest, up to the most that is allowed."""
    if not rows.num_rows:
        return rows
    arrived = rows["_arrived_at"].cast(pa.int64())
    kept = pc.indices_nonzero(pc.greater_equal(arrived, pc.max(arrived).as_py() - round(seconds * 1_000_000)))
    if len(kept) > MOST_ROWS:
        kept = _newest(arrived, kept, MOST_ROWS)
    while (memory := rows.take(kept).combine_chunks()).nbytes > MOST_BYTES:
        kept = _newest(arrived, kept, len(kept) // 2)
    return memory


def _newest(arrived: pa.ChunkedArray, rows: pa.Array, most: int) -> pa.Array:
    by_arrival = pa.table({"arrived": arrived.take(rows)})
    return rows.take(pc.sort_indices(by_arrival, sort_keys=[("arrived", "descending")])[:most])
