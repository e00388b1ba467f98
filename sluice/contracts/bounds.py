"""What a column's rules may be: each is read as the column's type before anything is made of it."""

from __future__ import annotations

import math
import re
from datetime import date, datetime

from sluice.contracts.types import ColumnType

_WHOLE = re.compile(r"[+-]?[0-9]{1,38}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,38}(\.[0-9]{0,38})?|\.[0-9]{1,38})([eE][+-]?[0-9]{1,3})?")


def read_bound(text: str, kind: ColumnType) -> str:
    """Return a least or greatest value as it is compared with; ``ValueError`` says what is allowed."""
    if kind.name == "date":
        return date.fromisoformat(text).isoformat()
    if kind.name == "timestamp":
        moment = datetime.fromisoformat(text.removesuffix("Z"))
        if moment.tzinfo is not None:
            raise ValueError(f"{text!r} has a time zone; timestamps are UTC")
        return moment.isoformat(sep=" ")
    whole = kind.name in ("int", "bigint")
    if not (_WHOLE if whole else _NUMBER).fullmatch(text):
        raise ValueError(f"{text!r} is not a {'whole ' if whole else ''}number, and the column is {kind}")
    if not math.isfinite(float(text)):
        raise ValueError(f"{text!r} is more than any {kind} can be")
    return text
