"""Finds bursts: many records of one key in a short time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import Burst
from sluice.ingestion.rules.found import SHOWN, Found, bounded

#: Seconds by which a record may arrive later than others of its burst and still be counted with them.
_GRACE_SECONDS = 300
#: A column of the memory alone: whether the record belongs to a burst that was already reported.
_TOLD = "_told"


def find_bursts(rule: Burst, memory: pa.Table | None, rows: pa.Table) -> tuple[list[Found], pa.Table]:
    """Return the bursts in ``rows`` and ``memory`` together, and the new memory.

    ``rows`` are those that fulfil the rule's conditions. A burst of which a part was already reported is left out.
    """
    rows = rows.filter(pc.and_(pc.is_valid(rows[rule.key]), pc.is_valid(rows[rule.time])))
    rows = rows.append_column(_TOLD, pa.repeat(False, rows.num_rows))
    if memory is not None:
        rows = pa.concat_tables([memory, rows])
    rows = _once(rows)
    found: list[Found] = []
    told = rows[_TOLD].to_pylist()
    for burst in _bursts(rule, rows):
        if not any(told[row] for row in burst):
            found.append(_found(rule, rows, burst))
        for row in burst:
            told[row] = True
    rows = rows.set_column(rows.column_names.index(_TOLD), _TOLD, pa.array(told, pa.bool_()))
    return found, bounded(rows, rule.within_seconds + _GRACE_SECONDS)


def _once(rows: pa.Table) -> pa.Table:
    """Return the first row of each identity, since a record may be delivered more than once."""
    numbered = pa.table({"identity": rows["_identity"], "row": pa.array(range(rows.num_rows), pa.int64())})
    first = numbered.group_by("identity", use_threads=False).aggregate([("row", "min")])["row_min"]
    return rows if len(first) == rows.num_rows else rows.take(first)


def _found(rule: Burst, rows: pa.Table, burst: Sequence[int]) -> Found:
    measured = {}
    if rule.distinct:
        measured["distinct"] = float(pc.count_distinct(rows[rule.distinct].take(pa.array(burst, pa.int64()))).as_py())
    times = rows[rule.time]
    records = rows.take(pa.array(burst[:SHOWN], pa.int64())).to_pylist()
    return Found(records, times[burst[0]].as_py(), times[burst[-1]].as_py(), len(burst), measured=measured)


def _bursts(rule: Burst, rows: pa.Table) -> Iterator[list[int]]:
    """Yield the row numbers of each burst, ordered by event time; keys with too few rows are skipped."""
    counts = pc.value_counts(rows[rule.key])
    keys = counts.field("values").filter(pc.greater_equal(counts.field("counts"), rule.at_least))
    if not len(keys):
        return
    candidates = pc.indices_nonzero(pc.is_in(rows[rule.key], value_set=keys))
    some = pa.table(
        {
            "row": candidates,
            "key": rows[rule.key].take(candidates).combine_chunks().dictionary_encode().indices,
            "time": rows[rule.time].take(candidates).cast(pa.int64()),
            "identity": rows["_identity"].take(candidates),
        }
    )
    some = some.take(pc.sort_indices(some, [("key", "ascending"), ("time", "ascending"), ("identity", "ascending")]))
    numbers, times = some["row"].to_pylist(), some["time"].to_pylist()
    values = rows[rule.distinct].take(some["row"]).to_pylist() if rule.distinct else None
    for _, group in groupby(enumerate(some["key"].to_pylist()), key=lambda pair: pair[1]):
        places = [place for place, _ in group]
        here = slice(places[0], places[-1] + 1)
        for first, last in _windows(rule, times[here], values[here] if values else None):
            yield numbers[here][first : last + 1]


def _windows(rule: Burst, times: list[int], values: list[Any] | None) -> Iterator[tuple[int, int]]:
    """Yield the first and last index of each burst; windows that share a record are one burst."""
    span = rule.within_seconds * 1_000_000
    seen: Counter[Any] = Counter()
    low = 0
    burst: tuple[int, int] | None = None
    for high, time in enumerate(times):
        if values is not None:
            seen[values[high]] += 1
        while time - times[low] > span:
            if values is not None:
                seen[values[low]] -= 1
                if not seen[values[low]]:
                    del seen[values[low]]
            low += 1
        distinct = len(seen) - (None in seen)
        if high - low + 1 < rule.at_least or distinct < rule.distinct_at_least:
            continue
        if burst is not None and low <= burst[1]:
            burst = (burst[0], high)
        else:
            if burst is not None:
                yield burst
            burst = (low, high)
    if burst is not None:
        yield burst
