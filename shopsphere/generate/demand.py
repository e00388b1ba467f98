"""How much is bought on a day: growth, the week, Christmas, Black Friday, and a quiet summer."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

#: Monday to Sunday.
_WEEK = (0.96, 0.92, 0.94, 0.98, 1.04, 1.12, 1.18)
_GROWTH_PER_YEAR = 0.35
_NOISE = 0.06


def lines_per_day(start: date, days: int, rows_per_day: int, rng: np.random.Generator) -> np.ndarray:
    """Return the number of order lines to aim at for each day; their mean is ``rows_per_day``."""
    shape = np.array([_shape(start + timedelta(days=day), day) for day in range(days)])
    shape *= rng.normal(1.0, _NOISE, days).clip(0.7, 1.3)
    found: np.ndarray = np.maximum(1, np.rint(shape / shape.mean() * rows_per_day)).astype(np.int64)
    return found


def black_friday(year: int) -> date:
    """Return the Friday after the fourth Thursday of November."""
    first = date(year, 11, 1)
    thursday = first + timedelta(days=(3 - first.weekday()) % 7 + 21)
    return thursday + timedelta(days=1)


def _shape(today: date, day: int) -> float:
    level = _WEEK[today.weekday()] * (1 + _GROWTH_PER_YEAR * day / 365)
    if today.month in (7, 8):
        level *= 0.9
    since = (today - black_friday(today.year)).days
    if 0 <= since <= 3:  # the weekend to Cyber Monday
        level *= (2.9, 2.1, 1.9, 2.3)[since]
    to_christmas = (date(today.year, 12, 25) - today).days
    if 3 < to_christmas <= 24:
        level *= 1.65
    elif -2 <= to_christmas <= 3:
        level *= 0.55
    return level
