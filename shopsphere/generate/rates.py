"""Exchange rates as a central bank publishes them: on working days only, and now and then not at all."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np

from shopsphere.generate import words
from shopsphere.generate.dirt import Blemish, Dirt, Rules
from shopsphere.generate.files import Layout, write_file
from shopsphere.generate.manifest import DatasetManifest

LAYOUT = Layout(
    "exchange_rates",
    ("rate_date", "currency", "per_eur", "updated_at"),
    Rules(
        key=(0, 1), required=(3,), numbers=(2,), moments=(0, 3), quantity=2,
        blemishes=(Blemish("missing_rate", 2, lambda record, pick: "N/A"),),
    ),
)  # fmt: skip
#: Price lists are older than the history: the first file goes back so far.
_DAYS_BEFORE = 45
_DAILY_MOVE, _PULL = 0.004, 0.02


def write_rates(out: Path, *, start: date, days: int, seed: int, dirt: Dirt, manifest: DatasetManifest) -> None:
    """Write one file a week with the rates of its working days."""
    first = start - timedelta(days=_DAYS_BEFORE)
    currencies = [code for code in words.CURRENCIES if code != "EUR"]
    moves = np.random.default_rng([seed, 30]).normal(0, _DAILY_MOVE, (_DAYS_BEFORE + days, len(currencies)))
    level, levels = np.zeros(len(currencies)), []
    for move in moves:  # a random walk that comes back to the shop's own rates
        level = level * (1 - _PULL) + move
        levels.append(level)
    for week in range(-(-days // 7)):
        begins = 0 if week == 0 else _DAYS_BEFORE + week * 7
        rows = []
        for at in range(begins, _DAYS_BEFORE + min(days, week * 7 + 7)):
            today = first + timedelta(days=at)
            if is_published(today):
                rows += [
                    (
                        today.isoformat(),
                        code,
                        f"{words.RATES[code] * np.exp(levels[at][place]):.5f}",
                        f"{today}T15:00:00Z",
                    )
                    for place, code in enumerate(currencies)
                ]
        if rows:
            end = start + timedelta(days=min(days, week * 7 + 7) - 1)
            write_file(
                out, LAYOUT, f"exchange_rates_{end}", columns=[list(column) for column in zip(*rows, strict=True)],
                dirt=dirt, rng=np.random.default_rng([seed, 31, week]), manifest=manifest,
            )  # fmt: skip


def is_published(today: date) -> bool:
    """Return whether rates are published on that day: not at weekends, and not on the euro system's holidays."""
    easter = _easter(today.year)
    holidays = {(1, 1), (5, 1), (12, 25), (12, 26)}
    moving = {easter - timedelta(days=2), easter + timedelta(days=1)}
    return today.weekday() < 5 and (today.month, today.day) not in holidays and today not in moving


def _easter(year: int) -> date:
    """Return Easter Sunday, by the anonymous Gregorian reckoning."""
    golden, century, rest = year % 19, year // 100, year % 100
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)
