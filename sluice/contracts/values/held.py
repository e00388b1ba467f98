"""Refuses values that one of the engines cannot read back, before they are committed.

One such value would make every later commit and every query of its table fail.
"""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts.values.lossless import FIRST_DAY, LAST_DAY

_US_PER_DAY = 86_400_000_000


def held(values: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """Return the values, null where no table can hold them, and a mask of these; the mask is None if all can be held.

    Tables cannot hold NaN and infinities (engines disagree on what they equal and how they sort), dates outside
    0001-01-01 to 9999-12-31 (Python, Athena and Iceberg's statistics know no others), and decimals with more digits
    than their type has (a broken Parquet file can contain them).
    """
    odd = _odd(values)
    if odd is None or not pc.any(odd).as_py():
        return values, None
    odd = pc.fill_null(odd, False)
    return pc.if_else(odd, pa.scalar(None, values.type), values), odd


def _odd(values: pa.Array) -> pa.Array | None:
    kind = values.type
    if pa.types.is_floating(kind):
        return pc.invert(pc.is_finite(values))
    if pa.types.is_date32(kind):
        return _outside(values.view(pa.int32()), FIRST_DAY, LAST_DAY)
    if pa.types.is_timestamp(kind):
        return _outside(values.view(pa.int64()), FIRST_DAY * _US_PER_DAY, (LAST_DAY + 1) * _US_PER_DAY - 1)
    if pa.types.is_decimal(kind):
        most, least = (pa.scalar(Decimal((sign, (9,) * kind.precision, -kind.scale)), kind) for sign in (0, 1))
        return pc.or_(pc.greater(values, most), pc.less(values, least))
    return None


def _outside(numbers: pa.Array, first: int, last: int) -> pa.Array | None:
    reach = pc.min_max(numbers).as_py()
    if reach["min"] is None or (reach["min"] >= first and reach["max"] <= last):
        return None
    return pc.or_(pc.less(numbers, first), pc.greater(numbers, last))
