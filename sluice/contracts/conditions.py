"""Evaluates conditions on single records over whole Arrow tables."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts.model import Condition
from sluice.contracts.types import ColumnType
from sluice.contracts.values.limits import own_values

OPERATORS = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def fulfilled(rows: pa.Table, conditions: Iterable[Condition]) -> pa.Table:
    """Return the rows that fulfil all ``conditions``; a comparison with null is not fulfilled."""
    mask = None
    for condition in conditions:
        column = rows[condition.column]
        if condition.other is not None:
            against = rows[condition.other]
        else:
            assert condition.value is not None
            against = _literal(condition.value, column.type)
        found = OPERATORS[condition.operator](column, against)
        mask = found if mask is None else pc.and_(mask, found)
    return rows if mask is None else rows.filter(mask)


@lru_cache(maxsize=1024)
def _literal(text: str, kind: pa.DataType) -> pa.Scalar:
    if pa.types.is_floating(kind):
        return own_values((text,), ColumnType(str(kind)))[0]  # Arrow calls the two as contracts do
    if pa.types.is_decimal(kind) or pa.types.is_integer(kind):
        return pa.scalar(Decimal(text))  # as exact as it is written
    return pa.scalar(text).cast(kind)
