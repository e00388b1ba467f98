"""Money in euros, and what orders, lines, prices and advertising are known to belong to."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sluice.project import Project
from tests.glue_jobs.silver.running import pick, run

D = Decimal
FRIDAY, SATURDAY, MONDAY = date(2025, 2, 28), date(2025, 3, 1), date(2025, 3, 3)
RATES = [
    {"rate_date": FRIDAY, "currency": "SEK", "eur_per_unit": D("0.0884955752")},
    {"rate_date": SATURDAY, "currency": "SEK", "eur_per_unit": D("0.09")},
    {"rate_date": SATURDAY, "currency": "EUR", "eur_per_unit": D(1)},
]


def line(order: str, number: int, product: str, **more: Any) -> dict[str, Any]:
    plain = {"quantity": 2, "unit_price": D("100.05"), "currency": "SEK"}
    return {"order_id": order, "line_number": number, "product_id": product, **plain, **more}


def test_lines_are_in_euros_at_the_day_of_their_order_and_none_is_lost(project: Project) -> None:
    found = run(
        project,
        "silver.order_lines",
        order_lines=[
            line("O1", 1, "P1", discount_pct=D("12.50"), updated_at=datetime(2025, 3, 1)),
            line("O1", 2, "P9", updated_at=datetime(2025, 3, 1)),
            line("O2", 1, "P1", updated_at=datetime(2025, 3, 1, 23)),  # no such order: the line's own day
            line("O3", 1, "P1", updated_at=datetime(2025, 3, 9)),  # after the last rate: that one
            line("O4", 1, "P1", updated_at=datetime(2025, 2, 1)),  # before the first
            line("O5", 1, "P1", currency="PLN", updated_at=datetime(2025, 3, 1)),
        ],
        orders=[{"order_id": "O1", "order_date": FRIDAY}],
        products=[{"product_id": "P1"}],
        rates=RATES,
    )
    assert pick(found, "order_id", "net_amount", "net_amount_eur", "order_date", "order_known", "product_known") == [
        ("O1", D("175.09"), D("15.49"), FRIDAY, True, True),
        ("O1", D("200.10"), D("17.71"), FRIDAY, True, False),
        ("O2", D("200.10"), D("18.01"), SATURDAY, False, True),
        ("O3", D("200.10"), D("18.01"), date(2025, 3, 9), False, True),
        ("O4", D("200.10"), None, date(2025, 2, 1), False, True),
        ("O5", D("200.10"), None, SATURDAY, False, True),
    ]


def test_an_order_keeps_the_days_of_its_states_and_is_told_apart_when_its_customer_is_unknown(project: Project) -> None:
    order = {"order_id": "O1", "customer_id": "C1", "order_ts": datetime(2025, 2, 28, 23, 59, 59), "currency": "SEK"}
    found = run(
        project,
        "silver.orders",
        orders=[
            {**order, "status": "placed", "updated_at": datetime(2025, 2, 28, 23, 59, 59)},
            {**order, "status": "returned", "updated_at": datetime(2025, 3, 9), "shipping_cost": D("1000000000.49")},
            {**order, "status": "shipped", "updated_at": datetime(2025, 3, 2, 1)},
            {**order, "status": "shipped", "updated_at": datetime(2025, 3, 3)},
            {**order, "order_id": "O2", "customer_id": "C2", "updated_at": datetime(2025, 3, 1), "status": "cancelled"},
        ],
        customers=[{"customer_id": "C1"}],
        rates=RATES,
    )
    states = ("order_id", "status", "order_date", "shipped_on", "cancelled_on", "returned_on", "customer_known")
    assert pick(found, *states) == [
        ("O1", "returned", FRIDAY, date(2025, 3, 2), None, date(2025, 3, 9), True),
        ("O2", "cancelled", FRIDAY, None, date(2025, 3, 1), None, False),
    ]
    assert pick(found, "eur_rate", "shipping_cost_eur") == [
        (D("0.0884955752"), D("88495575.24")),
        (D("0.0884955752"), None),
    ]


def test_prices_are_in_euros_at_the_day_from_which_they_hold(project: Project) -> None:
    product = {"currency": "SEK", "list_price": D(100), "weight": D("1500.000"), "weight_unit": "g"}
    found = run(
        project,
        "silver.products",
        products=[
            {**product, "product_id": "P1", "valid_from": FRIDAY},
            {**product, "product_id": "P2", "valid_from": MONDAY},
            {**product, "product_id": "P3", "valid_from": date(2020, 1, 1)},
        ],
        rates=RATES,
    )
    assert pick(found, "weight_kg", "list_price_eur") == [
        (D("1.500"), D("8.85")), (D("1.500"), D("9.00")), (D("1.500"), None)
    ]  # fmt: skip


def test_a_campaign_whose_days_are_the_wrong_way_round_has_an_open_end(project: Project) -> None:
    plan = {"starts_on": SATURDAY, "currency": "EUR", "budget": D(500)}
    found = run(
        project,
        "silver.campaigns",
        campaigns=[
            {**plan, "campaign_id": "M1", "ends_on": SATURDAY, "utm_code": " Spring-Sale "},
            {**plan, "campaign_id": "M2", "ends_on": FRIDAY, "utm_code": " "},
            {**plan, "campaign_id": "M3"},
        ],
        rates=RATES,
    )
    assert pick(found, "campaign_id", "ends_on", "dates_valid", "utm_code", "budget_eur") == [
        ("M1", SATURDAY, True, "spring-sale", D(500)),
        ("M2", None, False, None, D(500)),
        ("M3", None, True, None, D(500)),
    ]


def test_advertising_for_a_campaign_that_nobody_planned_is_kept_and_flagged(project: Project) -> None:
    spend = {"spend_date": FRIDAY, "platform": "meta_ads", "cost": D("11.30"), "currency": "SEK"}
    found = run(
        project,
        "silver.ad_spend",
        spend=[
            {**spend, "campaign_id": "M1", "clicks": 3},
            {**spend, "campaign_id": "M1", "cost": D("22.60"), "updated_at": datetime(2025, 3, 2)},
            {**spend, "campaign_id": "M9"},
        ],
        campaigns=[{"campaign_id": "M1"}],
        rates=RATES,
    )
    assert pick(found, "campaign_id", "campaign_known", "impressions", "clicks", "cost_eur") == [
        ("M1", True, None, None, D("2.00")),
        ("M9", False, None, None, D("1.00")),
    ]


def test_an_average_is_rounded_half_up_at_any_size(project: Project) -> None:
    def sold(net: str, orders: int) -> list[tuple[Any, ...]]:
        lines = [
            {"order_id": f"O{at}", "line_number": 1, "product_id": "P1", "net_amount": D(net) if at == 0 else D(0)}
            for at in range(orders)
        ]
        placed = [{"order_id": f"O{at}", "status": "paid"} for at in range(orders)]
        return pick(run(project, "gold.daily_sales", orders=placed, order_lines=lines), "orders", "average_order_value")

    assert sold("622.31", 2) == [(2, D("311.16"))]  # a double says 311.15
    assert sold("100.00", 3) == [(3, D("33.33"))]
    assert sold("200.00", 3) == [(3, D("66.67"))]
    assert sold("9999999999999999.98", 1) == [(1, D("9999999999999999.98"))]
    assert sold("9999999999999999.97", 2) == [(2, D("4999999999999999.99"))]
