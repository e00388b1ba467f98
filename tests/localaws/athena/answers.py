"""An answer's types and first row in a form that can be compared with another engine's."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from localaws.athena import results, typing
from localaws.athena.engine import Answer


def comparable(answer: Answer) -> list[Any]:
    """Return ``[types, values]``: lengths of text and decimals of seconds left out, numbers as doubles of 12 digits."""
    kinds = [re.sub(r"(timestamp|varchar)\(\d+\)", r"\1", typing.trino_name(column.type)) for column in answer.columns]
    (row, *_) = answer.table.to_pylist() or [{}]
    return [kinds, [_plain(value, kind) for value, kind in zip(row.values(), kinds, strict=True)]]


def _plain(value: Any, kind: str = "") -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int | float | Decimal):
        return float(f"{value:.12g}")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if kind.startswith("map"):
        return sorted(([str(key), _plain(item)] for key, item in value), key=str)
    return [_plain(item) for item in (value.values() if isinstance(value, dict) else value)]


def texts(answer: Answer) -> str:
    """Return the rows as Athena writes them: ``|`` between columns, ``;`` between rows, NULL for nothing."""
    rows = results.writer(answer.columns, answer.table.schema)(answer.table)
    return " ; ".join("|".join("NULL" if text is None else text for text in row) for row in rows)
