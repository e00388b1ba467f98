# ruff: noqa: RUF001 (letters that look like others are the point)
"""Values that engines have been seen to treat differently, or might."""

from __future__ import annotations

from datetime import date, datetime, timedelta

_SPACES = ("\u00a0", "\u2003", "\t", "\n", "\u3000", "\u200b", "\ufeff", " ")
TEXTS = (
    "", " ", "  two  spaces ", *(f"{space}a{space}" for space in _SPACES), "Straße", "STRASSE", "ẞ", "İstanbul",
    "istanbul", "ıI", "ΣΊΣΥΦΟΣ", "e\u0301", "é", "ﬁ", "Ǆ",
    "שלום", "مرحبا\u200f", "👩‍👩‍👧", "🇩🇪", "李", "𝔘", "a|b", "a,b", "O'Neil",
    "%_", "\\", "$1", "\x00", "\x1f", "NULL", "nan", "n/a", "NA", "1e3", "٣٤٥", "unknown", "all", "a" * 300,
)  # fmt: skip
#: Summer time begins and ends (EU, US), and ends of days, years and eras; instants in UTC.
_CHANGES = (datetime(2024, 3, 31, 1), datetime(2024, 10, 27, 1), datetime(2024, 3, 10, 7), datetime(2024, 11, 3, 6))
_BEFORE, _HALF = timedelta(microseconds=1), timedelta(minutes=30)
MOMENTS = (
    *(at + by for at in _CHANGES for by in (-2 * _HALF, -_BEFORE, _BEFORE * 0, _BEFORE, _HALF, 2 * _HALF, 4 * _HALF)),
    datetime(2024, 3, 31, 2, 30), datetime(2024, 10, 27, 2, 30), datetime(1900, 1, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(1970, 1, 1), datetime(2024, 2, 29, 23, 59, 59, 999_999), datetime(2024, 3, 1),
    datetime(2099, 12, 31, 23, 59, 59, 999_999),
)  # fmt: skip
BIRTHS = (date(1, 1, 1), date(1582, 10, 4), date(1582, 10, 15), date(1899, 12, 31), date(1900, 1, 1), date(1900, 1, 2),
          date(2000, 2, 29), date(2024, 2, 29), date(9999, 12, 31))  # fmt: skip

#: Bronze refuses what is not finite; a transform must not depend on that.
DOUBLES = (
    float("nan"),
    float("inf"),
    float("-inf"),
    0.0,
    -0.0,
    5e-324,
    -5e-324,
    2.2250738585072014e-308,
    0.1 + 0.2,
    52.5,
    -13.25,
)
