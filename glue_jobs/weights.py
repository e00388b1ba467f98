"""Weights in kilograms."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

_KILOGRAMS = {"kg": "1", "g": "0.001", "lb": "0.45359237"}


def in_kilograms(weight: str, unit: str) -> Column:
    """Return the column ``weight`` in kilograms, to the gram; null when its unit is not known."""
    factor = F.coalesce(*(F.when(F.col(unit) == name, F.lit(kilograms)) for name, kilograms in _KILOGRAMS.items()))
    # DuckDB multiplies decimals of up to 18 digits in 64 bits, and fails when the product does not fit.
    wide = F.col(weight).cast("decimal(20,3)") * factor.cast("decimal(9,8)")
    return F.round(wide, 3).cast("decimal(12,3)")
