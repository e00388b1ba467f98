"""How a check's value is compared with what its contract says, alike for both engines. Standard library only."""

from __future__ import annotations

import math
import operator as of
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

#: What each comparison of the Open Data Contract Standard means; ``mustBeBetween`` and ``mustNotBeBetween`` take two.
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "mustBe": of.eq,
    "mustNotBe": of.ne,
    "mustBeGreaterThan": of.gt,
    "mustBeGreaterOrEqualTo": of.ge,
    "mustBeLessThan": of.lt,
    "mustBeLessOrEqualTo": of.le,
}


def holds(found: Any, operator: str, operand: Any) -> bool:
    """Return whether a check's value is as its contract says; ``ValueError`` where the two cannot be compared.

    Numbers are compared as decimals, exactly, or as doubles where the value is one; NaN is the greatest number. A day
    is its first moment, and moments are in UTC.
    """
    own = _comparable(found, found)
    if operator in ("mustBeBetween", "mustNotBeBetween"):
        least, most = (_comparable(each, found) for each in operand)
        return bool(least <= own <= most) == (operator == "mustBeBetween")
    return COMPARISONS[operator](own, _comparable(operand, found))


def moment(value: str | date) -> datetime:
    """Return a day or moment as a moment in UTC; ``ValueError`` for a text that is none in ISO 8601.

    In UTC, too, it is in the years 1 to 9999.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return datetime.combine(value, time())
    try:
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    except OverflowError:
        raise ValueError(f"{value.isoformat()} is outside of the years 1 to 9999 in UTC") from None


def _comparable(value: Any, found: Any) -> Any:
    """Return ``value`` as that with which what was ``found`` is compared."""
    if isinstance(found, bool) and isinstance(value, bool):
        return value
    if isinstance(found, date) and isinstance(value, str | date):
        return moment(value)
    if isinstance(found, str) and not isinstance(value, bool):
        return str(value)
    if _is_number(found) and _is_number(value):
        if value.is_nan() if isinstance(value, Decimal) else isinstance(value, float) and math.isnan(value):
            return (True, 0)
        return (False, _double(value) if isinstance(found, float) else Decimal(str(value)))
    raise ValueError(f"{found!r} cannot be compared with {value!r}")


def _double(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
