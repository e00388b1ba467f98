"""``silver.exchange_rates``: a rate for each day, carried over days without."""

from __future__ import annotations

import random
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sluice.project import Project
from tests.glue_jobs.silver.running import pick, run


def rate(day: int, currency: str, per_eur: str | None, **more: Any) -> dict[str, Any]:
    return {
        "rate_date": date(2025, 4, day),
        "currency": currency,
        "per_eur": None if per_eur is None else Decimal(per_eur),
        **more,
    }


def test_each_day_has_the_last_known_rate_of_each_currency(project: Project) -> None:
    found = run(
        project,
        "silver.exchange_rates",
        # Friday, nothing at the weekend, N/A on Monday; the zloty begins late and ends early.
        rates=[rate(4, "USD", "1.25"), rate(7, "USD", None), rate(8, "USD", "1.28"), rate(6, "PLN", "4")],
    )
    names = ("currency", "rate_date", "per_eur", "eur_per_unit", "carried", "published_on")
    table = {(c, d.day): (str(p), str(e), carried, on.day) for c, d, p, e, carried, on in pick(found, *names)}
    assert {key: value for key, value in table.items() if key[0] == "USD"} == {
        ("USD", 4): ("1.25000000", "0.8000000000", False, 4),
        ("USD", 5): ("1.25000000", "0.8000000000", True, 4),
        ("USD", 6): ("1.25000000", "0.8000000000", True, 4),
        ("USD", 7): ("1.25000000", "0.8000000000", True, 4),
        ("USD", 8): ("1.28000000", "0.7812500000", False, 8),
    }
    assert {key: value for key, value in table.items() if key[0] == "PLN"} == {
        ("PLN", 6): ("4.00000000", "0.2500000000", False, 6),
        ("PLN", 7): ("4.00000000", "0.2500000000", True, 6),
        ("PLN", 8): ("4.00000000", "0.2500000000", True, 6),
    }
    assert [(d, value) for (c, d), value in table.items() if c == "EUR"] == [
        (day, ("1.00000000", "1.0000000000", False, day)) for day in range(4, 9)
    ]


def test_a_corrected_rate_replaces_the_one_before(project: Project) -> None:
    old, new = datetime(2025, 4, 4, 15), datetime(2025, 4, 5)
    rates = [rate(4, "USD", "1.2", updated_at=new), rate(4, "USD", "1.1", updated_at=old)]
    assert [
        row["per_eur"] for row in run(project, "silver.exchange_rates", rates=rates) if row["currency"] == "USD"
    ] == [Decimal("1.2")]
    # A rate that was withdrawn is none.
    rates.append(rate(4, "USD", None, updated_at=datetime(2025, 4, 6)))
    assert run(project, "silver.exchange_rates", rates=rates) == []


def test_euros_for_a_unit_are_rounded_half_up_to_ten_places(project: Project) -> None:
    rng = random.Random(1)
    values = [Decimal(rng.randint(1_000_000, 10 ** rng.randint(7, 18))).scaleb(-8) for _ in range(3_000)]
    # Quotients in the very middle between two.
    values += [Decimal(2) ** power for power in range(-6, 31)] + [Decimal(5) ** 9 * 1024, Decimal("0.01")]
    rates = [
        {"rate_date": date.fromordinal(730_000 + at), "currency": "USD", "per_eur": value}
        for at, value in enumerate(values)
    ]
    found = [row for row in run(project, "silver.exchange_rates", rates=rates) if row["currency"] == "USD"]
    for value, row in zip(values, found, strict=True):
        exact = (Decimal(1) / value).quantize(Decimal("1e-10"), ROUND_HALF_UP)
        assert row["eur_per_unit"] == exact, value


def test_a_year_of_gaps_is_filled(project: Project) -> None:
    days = [date(2024, 2, 28), date(2024, 3, 1), date(2025, 2, 28)]
    rates = [{"rate_date": day, "currency": "SEK", "per_eur": Decimal(11)} for day in days]
    found = [row for row in run(project, "silver.exchange_rates", rates=rates) if row["currency"] == "SEK"]
    assert [row["rate_date"].toordinal() for row in found] == list(range(days[0].toordinal(), days[-1].toordinal() + 1))
    assert sum(not row["carried"] for row in found) == 3
