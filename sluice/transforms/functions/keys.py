"""What rows are grouped, made distinct, divided or ordered by, as Spark names it and puts it in order."""

from __future__ import annotations

from sluice.transforms.functions.signatures import Argument, Refused
from sluice.transforms.functions.spark_types import family, holds

_ZERO = "-0.0 and 0.0 in it are one value, of which the engines keep another; take its fields or elements as columns"
_MAP = "a map is no key on Spark; take what map_keys and map_values give, or one element"
_LITERAL = "a literal is a place among the columns on one engine, and no order on the other; leave it out"


def grouped(made: Argument) -> Argument:
    """Return a key whose value comes out: Spark takes the sign from zero, and DuckDB keeps the first that it saw.

    https://github.com/apache/spark/blob/v3.5.6/sql/catalyst/src/main/scala/org/apache/spark/sql/catalyst/optimizer/NormalizeFloatingNumbers.scala
    """
    compared(made)
    if made.type in ("double", "float"):
        return made._replace(sql=f"({made.sql} + CAST(0 AS {made.type.upper()}))", literal=False)
    if holds(made.type, "double", "float"):
        raise Refused(_ZERO)
    return made


def compared(made: Argument) -> Argument:
    """Return a key that is compared alone, as of a window's parts; ``Refused`` for what Spark does not compare."""
    if holds(made.type, "map"):
        raise Refused(_MAP)
    return made


def ordered(made: Argument) -> Argument:
    """Return what rows are put in order by; ``Refused`` where the engines order otherwise."""
    if made.literal:
        raise Refused(_LITERAL)
    if family(made.type) in ("struct", "array", "map"):
        raise Refused("nulls inside are first on one engine and last on the other; order by its fields or elements")
    return made
