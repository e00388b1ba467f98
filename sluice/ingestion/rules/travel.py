"""Finds impossible travels: two records of one key farther apart than anybody travels in the time between them."""

from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import Travel
from sluice.ingestion.rules.found import Found, bounded

_EARTH_KM = 6371.0
#: The greatest distance between two places on Earth, in kilometres.
_FARTHEST_KM = _EARTH_KM * math.pi


def find_travels(rule: Travel, memory: pa.Table | None, rows: pa.Table) -> tuple[list[Found], pa.Table]:
    """Return the impossible travels in ``rows``, and between ``memory`` and ``rows``; and the new memory.

    The memory is the last record of each key, kept for as long as the slowest impossible travel would take.
    """
    for name in (rule.key, rule.time, rule.latitude, rule.longitude):
        if rows[name].null_count:
            rows = rows.filter(pc.is_valid(rows[name]))
    if memory is not None:
        rows = pa.concat_tables([memory, rows])
    if not rows.num_rows:
        return [], rows
    rows = rows.combine_chunks()
    order = pa.table(
        {
            "key": rows[rule.key].combine_chunks().dictionary_encode().indices,
            "time": rows[rule.time].cast(pa.int64()),
            "identity": rows["_identity"],
        }
    )
    by_key = pc.sort_indices(order, [("key", "ascending"), ("time", "ascending"), ("identity", "ascending")])
    keys = order["key"].take(by_key)
    same = pc.equal(keys[1:], keys[:-1])
    last = pa.chunked_array([*pc.invert(same).chunks, pa.array([True])])
    found = _found(rule, rows, by_key, same)
    return found, bounded(rows.take(by_key.filter(last)), _FARTHEST_KM / rule.faster_than_kmh * 3600)


def _found(rule: Travel, rows: pa.Table, by_key: pa.Array, same: pa.ChunkedArray) -> list[Found]:
    """Return the impossible travels between consecutive rows of the ``same`` key; only changed places are measured."""
    before, after = by_key[:-1].filter(same), by_key[1:].filter(same)
    moved = pa.repeat(False, len(before))
    for name in (rule.latitude, rule.longitude):
        moved = pc.or_(moved, pc.not_equal(rows[name].take(before), rows[name].take(after)))
    before, after = before.filter(moved), after.filter(moved)
    if not len(before):
        return []
    once = pc.not_equal(rows["_identity"].take(before), rows["_identity"].take(after))
    times = rows[rule.time].cast(pa.int64())
    seconds = pc.divide(pc.subtract(times.take(after), times.take(before)).cast(pa.float64()), 1_000_000.0)
    far = _kilometres(rule, rows, before, after)
    possible = pc.max_element_wise(pc.multiply(seconds, rule.faster_than_kmh / 3600), rule.farther_than_km)
    wanted = pc.indices_nonzero(pc.and_(pc.greater(far, possible), once))
    return [
        Found([one, other], one[rule.time], other[rule.time], 2, anchor=1, measured=_measured(km, gap))
        for one, other, km, gap in zip(
            rows.take(before.take(wanted)).to_pylist(),
            rows.take(after.take(wanted)).to_pylist(),
            far.take(wanted).to_pylist(),
            seconds.take(wanted).to_pylist(),
            strict=True,
        )
    ]


def _measured(kilometres: float, seconds: float) -> dict[str, float]:
    return {"kilometres": round(kilometres, 1), "seconds": round(seconds, 3)}


def _kilometres(rule: Travel, rows: pa.Table, before: pa.Array, after: pa.Array) -> pa.ChunkedArray:
    """Return the distances along the Earth's surface in kilometres (haversine formula)."""
    lat1, lat2, lon1, lon2 = (
        pc.multiply(rows[name].take(rows_).cast(pa.float64()), math.pi / 180)
        for name in (rule.latitude, rule.longitude)
        for rows_ in (before, after)
    )
    half = pc.add(
        _squared(pc.sin(pc.divide(pc.subtract(lat2, lat1), 2.0))),
        pc.multiply(pc.multiply(pc.cos(lat1), pc.cos(lat2)), _squared(pc.sin(pc.divide(pc.subtract(lon2, lon1), 2.0)))),
    )
    return pc.multiply(pc.asin(pc.sqrt(pc.min_element_wise(half, 1.0))), 2 * _EARTH_KM)


def _squared(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.multiply(values, values)
