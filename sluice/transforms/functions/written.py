"""Writes a call as the DuckDB SQL of its signature."""

from __future__ import annotations

from sluice.transforms.functions.signatures import Argument, Refused, Signature
from sluice.transforms.functions.spark_types import duckdb_type, family

#: Where the SQL of a signature takes a window, and what stands for the same letters in a text of the transform.
_OVER, _HIDDEN = "{over}", "\0over\0"


def written(chosen: Signature, given: list[Argument], over: str) -> Argument:
    """Return the call on DuckDB, with the SQL of its window or none; ``Refused`` for a window that it does not take."""
    kind = chosen.result(given) if callable(chosen.result) else chosen.result
    if kind in ("decimal", "struct", "array", "map"):  # of the types that the arguments have
        kind = next(each.type for each in given if family(each.type) == kind)
    if callable(chosen.sql):
        # A text of the transform may hold the very mark of the window's place.
        hidden = [each._replace(sql=each.sql.replace(_OVER, _HIDDEN)) for each in given]
        made = chosen.sql(hidden)
        _refuse_window(made, over)
        return Argument(made.replace(_OVER, over).replace(_HIDDEN, _OVER), kind)
    _refuse_window(chosen.sql, over)
    every = ", ".join(each.sql for each in given)
    sql = chosen.sql.format(*(each.sql for each in given), every=every, over=over, type=duckdb_type(kind))
    return Argument(sql, kind)


def _refuse_window(sql: str, over: str) -> None:
    if over and _OVER not in sql:
        raise Refused("it was never tried over a window")
