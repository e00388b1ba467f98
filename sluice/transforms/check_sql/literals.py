"""What stands in a query as it is written: numbers, counts and units of time, frames of windows."""

from __future__ import annotations

import math
import re

from sqlglot import exp

from sluice.transforms.check_sql.both import Both, point, whole
from sluice.transforms.functions.signatures import Refused

#: What a node's ``meta`` says of ``DECIMAL '…'``, for which SQLGlot has the node of a cast.
DECIMAL_LITERAL = "decimal literal"
_EDGES = ("UNBOUNDED", "CURRENT ROW")
#: Most rows of a frame; and digits of a number, of which Python reads no more than some thousands.
_MOST_ROWS, _MOST_DIGITS = 2**31 - 1, 40


def number(digits: str) -> Both:
    """Return a number as it is written in a query; ``Refused`` for one that no engine holds."""
    if len(digits) > _MOST_DIGITS or not math.isfinite(float(digits)):
        raise Refused(f"a number of more than {_MOST_DIGITS} digits, or beyond every double, was never tried")
    return whole(int(digits)) if re.fullmatch("-?[0-9]+", digits) else point(digits)


def count(node: exp.Interval) -> int:
    """Return how many units an interval has; ``Refused`` for what is no whole number."""
    digits, sign = node.this, 1
    while isinstance(digits, exp.Neg | exp.Paren):
        digits, sign = digits.this, -sign if isinstance(digits, exp.Neg) else sign
    name = digits.name if isinstance(digits, exp.Literal) else ""
    if not re.fullmatch(f"-?[0-9]{{1,{_MOST_DIGITS}}}", name):
        raise Refused("how many units is a whole number that stands in the query")
    return sign * int(name)


def unit(node: exp.Expr) -> str:
    """Return the unit of an interval or of a function of days and times, e.g. ``day``."""
    said = node.args.get("unit")  # a name, or a text where date_trunc is given a CAST to date
    return said.name.lower().removesuffix("s") if said else "day"


def frame(spec: exp.Expr | None, ordered: bool) -> str:
    """Return the SQL of a window's frame, empty for none; ``Refused`` for one that was never tried."""
    if spec is None:
        return ""
    kind = str(spec.args.get("kind") or "").upper()
    far = [str(spec.args[each]).upper().strip("'") for each in ("start", "end") if spec.args.get(each)]
    if kind not in ("ROWS", "RANGE") or (kind == "RANGE" and any(each not in _EDGES for each in far)):
        raise Refused("a frame of values was never tried; take ROWS")
    if not ordered:
        raise Refused("a frame of rows has an order; say ORDER BY")
    start, end = _edge(spec, "start"), _edge(spec, "end") if spec.args.get("end") else 0
    if start > end or start == math.inf or end == -math.inf:
        raise Refused("a frame begins before it ends")
    return spec.sql(dialect="duckdb")


def _edge(spec: exp.Expr, name: str) -> float:
    """Return how many rows after the row an edge of a frame is, before it less than 0."""
    if isinstance(spec.args[name], exp.Literal) and spec.args[name].is_string:
        raise Refused("the rows of a frame are a number, and no text")
    rows = str(spec.args[name]).upper().strip("'")
    if rows == "CURRENT ROW":
        return 0
    if rows != "UNBOUNDED" and not (re.fullmatch("[0-9]{1,10}", rows) and int(rows) <= _MOST_ROWS):
        raise Refused(f"the rows of a frame are whole numbers up to {_MOST_ROWS:,}")
    far = math.inf if rows == "UNBOUNDED" else int(rows)
    return -far if str(spec.args.get(f"{name}_side")).upper() == "PRECEDING" else far
