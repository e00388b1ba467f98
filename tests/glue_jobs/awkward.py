# ruff: noqa: RUF001 (letters that look like others are the point)
"""Values of ShopSphere's columns that engines have been seen to treat differently, or might."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from sluice.contracts import Column
from tests.awkward import TEXTS

#: Price × quantity × euros per unit must fit decimal(18,2). A contract sets no upper end to quantities; above this one
#: DuckDB stops with an overflow, and Spark makes the amount null.
MOST_PIECES = 1_000
#: What a euro costs at least (contract: 0.01), so a rate is at most this, though decimal(13,10) could hold more.
MOST_EUR_PER_UNIT = 100
#: Sums of counts must fit bigint: beyond it DuckDB stops with an overflow, and Spark starts over from below.
MOST_COUNTED = 10**15

_PLACES = (
    "Köln|Cologne|köln ", "KÖLN", "Koln", "kolnn", "Germany", "Deutschland|Allemagne", "germany ", "Germani", "g.b.",
    "na", "Namibia", "Łódź", "lodz", "Lodzz", "İzmir|Izmir", "izmir", "ızmir", "São Paulo",
    "sao-paulo", "||", "Saint-Étienne",
    "saint etienne", "Αθήνα", "北京", "\u00a0Berlin", "berlin", "Berlim",
)  # fmt: skip
_PHONES = (
    "+44 (0)20 7946-0958", "0049 30 1234567", "030/1234", "++49", "+0049 123", "", "٣٤٥", "00", "+", "0",
    "+1234567890123456", "+49\u00a030\u00a01234567", "００４９３０", "+49(0)(0)30 123456",
)  # fmt: skip
EMAILS = (
    "a..b@c.de", "ż@b.pl", "A.B+c@sub.Shop.example", "a@-b.de", "İ@x.de", "K@kelvin.de", "a@b.ſe", "x\u00a0@y.de",
    "a@b.c", "\u200ba@b.de", "ok@example.com", "OK@Example.COM",
)  # fmt: skip
#: Texts by column, where a transform looks into them.
_SPELLED = {"phone": _PHONES} | dict.fromkeys(("country", "name", "city", "also_known_as", "region"), _PLACES)

#: A history begins on one of these days and has days so much later: series of days must not span centuries.
ERAS = (
    date(2024, 1, 31),
    date(2023, 12, 31),
    date(1900, 2, 27),
    date(1969, 12, 30),
    date(2100, 2, 27),
    date(2024, 2, 28),
)
LATER = (0, 1, 2, 3, 28, 29, 30, 31, 59, 60, 89, 90, 91, 121, 183)


def texts(name: str) -> st.SearchStrategy[str]:
    """Return what may stand in the text column ``name``, where nothing is declared of it."""
    known = st.sampled_from(TEXTS) | st.text(max_size=6)
    return st.sampled_from(_SPELLED[name]) | known if name in _SPELLED else known


def decimals(column: Column) -> st.SearchStrategy[Decimal]:
    """Return numbers of the column's type and bounds: its ends, single units, halves, and any other."""
    unit = Decimal(1).scaleb(-column.type.scale)
    least = Decimal(column.rules.minimum) if column.rules.minimum is not None else None
    most = (Decimal(10) ** column.type.precision - 1) * unit
    if column.name in ("eur_rate", "eur_per_unit"):
        most = Decimal(MOST_EUR_PER_UNIT)
    if column.rules.maximum is not None:
        most = min(most, Decimal(column.rules.maximum))
    least = -most if least is None else least
    ends = (
        least,
        least + unit,
        least + 5 * unit,
        most,
        most - unit,
        most / 2,
        most / 3,
        *map(Decimal, ["0", "1", "3", "7", "50"]),
    )
    ties = (
        Decimal("0.5"),
        Decimal("2.5"),
        Decimal("0.05"),
        Decimal("0.15"),
        Decimal("12.5"),
        Decimal("33.33"),
        125 * unit,
    )
    fitting = sorted({value.quantize(unit) for value in (*ends, *ties) if least <= value.quantize(unit) <= most})
    return st.sampled_from(fitting) | st.decimals(least, most, places=column.type.scale)


def integers(column: Column) -> st.SearchStrategy[int]:
    """Return integers of the column's type and bounds, small ones often."""
    least = int(column.rules.minimum or -5)
    most = 2**31 - 1 if column.type.name == "int" else MOST_COUNTED
    if column.name == "quantity" and least == 1:
        most = MOST_PIECES
    most = min(most, int(column.rules.maximum or most))
    return st.sampled_from([least, least + 1, least + 2, most]) | st.integers(least, most)
