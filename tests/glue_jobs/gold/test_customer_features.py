"""Features of a month's end know nothing of what came after it; the label knows the 90 days after, or nothing."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sluice.project import Project
from tests.glue_jobs.silver.running import pick, run

D = Decimal
JANUARY, FEBRUARY, MARCH, APRIL = date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31), date(2025, 4, 30)


def order(number: int, customer: str, day: date, **more: Any) -> dict[str, Any]:
    return {"order_id": f"O{number}", "customer_id": customer, "order_date": day, **more}


def version(day: datetime, segment: str) -> dict[str, Any]:
    return {
        "customer_key": f"C1@{segment}",
        "customer_id": "C1",
        "valid_from": day,
        "segment": segment,
        "country": "DE",
    }


def line(order: int, number: int, updated_at: datetime = datetime(2025, 1, 1), **more: Any) -> dict[str, Any]:
    told = {"order_id": f"O{order}", "line_number": number, "updated_at": updated_at}
    return told | {"quantity": 1, "unit_price": D(order), "currency": "EUR"} | more


def features(project: Project, lines: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    return run(
        project,
        "gold.customer_features",
        orders=[
            order(1, "C1", date(2025, 1, 10)),
            order(2, "C1", JANUARY, returned_on=date(2025, 2, 10)),
            order(3, "C1", date(2025, 2, 1), cancelled_on=date(2025, 2, 28)),
            order(4, "C1", date(2025, 4, 30)),
            order(5, "C2", date(2025, 1, 30)),
            order(6, "C3", date(2025, 5, 1)),
        ],
        order_lines=lines or [line(n, k) for n in range(1, 7) for k in (1, 2)],
        rates=[{"rate_date": date(2025, 1, 1), "currency": "EUR", "eur_per_unit": D(1)}],
        customers=[version(datetime(2025, 2, 1), "consumer"), version(datetime(2025, 3, 31, 12), "business")],
    )


def test_features_are_as_of_the_end_of_each_month(project: Project) -> None:
    found = [row for row in features(project) if row["customer_id"] == "C1"]
    names = ("as_of", "orders", "voided_orders", "orders_90d", "revenue_eur", "average_order_eur", "recency_days")
    assert pick(found, *names) == [
        (JANUARY, 2, 0, 2, D(6), D(3), 0),  # the order of that day counts, its return in February does not yet
        (FEBRUARY, 1, 2, 1, D(2), D(2), 27),
        (MARCH, 1, 2, 1, D(2), D(2), 58),
        (APRIL, 2, 2, 1, D(10), D(5), 0),
    ]
    assert pick(found, "segment", "customer_key") == [
        ("unknown", "unknown"),  # the first version came later
        ("consumer", "C1@consumer"),
        ("business", "C1@business"),
        ("business", "C1@business"),
    ]


def test_who_had_not_ordered_yet_has_no_row_and_a_month_that_is_not_over_none(project: Project) -> None:
    found = features(project)
    assert {row["customer_id"] for row in found} == {"C1", "C2"}
    assert {row["as_of"] for row in found} == {JANUARY, FEBRUARY, MARCH, APRIL}


def test_churn_is_known_once_90_days_are_over_in_the_data(project: Project) -> None:
    found = pick(features(project), "customer_id", "as_of", "churned")
    # The newest order is of 1 May, 90 days after 31 January.
    assert found == [
        ("C1", JANUARY, False), ("C1", FEBRUARY, None), ("C1", MARCH, None), ("C1", APRIL, None),
        ("C2", JANUARY, True), ("C2", FEBRUARY, None), ("C2", MARCH, None), ("C2", APRIL, None),
    ]  # fmt: skip


def test_a_correction_counts_from_the_day_on_which_it_was_told(project: Project) -> None:
    lines = [
        line(4, 1, datetime(2025, 4, 30, 9)),
        line(1, 1, datetime(2025, 1, 10, 9), quantity=2),
        line(1, 1, datetime(2025, 2, 28, 23), quantity=5),
        line(1, 1, datetime(2025, 2, 28, 23), quantity=5),  # the same once more
        line(1, 2, datetime(2025, 4, 2), unit_price=D("0.50")),
    ]
    found = [row for row in features(project, lines) if row["customer_id"] == "C1"]
    assert pick(found, "as_of", "units", "revenue_eur") == [
        (JANUARY, 2, D(2)),
        (FEBRUARY, 5, D(5)),
        (MARCH, 5, D(5)),
        (APRIL, 7, D("9.50")),
    ]
