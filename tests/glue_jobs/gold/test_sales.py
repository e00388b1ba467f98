"""Sums of sales: by month and category, by customer, by day, rolled up, and as scores."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sluice.project import Project
from tests.glue_jobs.silver.running import pick, run

D = Decimal
PRODUCTS = [
    {"product_key": "P1@1", "product_id": "P1", "category": "toys", "valid_from": datetime(2025, 1, 1)},
    {"product_key": "P1@2", "product_id": "P1", "category": "games", "valid_from": datetime(2025, 2, 1)},
    {"product_key": "unknown", "product_id": "unknown", "category": "unknown", "valid_from": datetime(1970, 1, 1)},
]


def line(order: int, day: date, euros: str | None, **more: Any) -> dict[str, Any]:
    plain = {
        "line_number": 1, "order_date": day, "product_key": "P1@1", "customer_id": "C1", "country": "DE",
        "quantity": 2, "is_sale": True, "net_amount_eur": None if euros is None else D(euros),
    }  # fmt: skip
    return {"order_id": f"O{order}", **plain, **more}


LINES = [
    line(1, date(2025, 1, 31), "10.00"),
    line(1, date(2025, 1, 31), "0.01", line_number=2, product_key="unknown"),
    line(2, date(2025, 1, 1), "5.00", customer_id="C2", country="FR"),
    line(3, date(2025, 2, 1), "7.00", product_key="P1@2"),
    line(4, date(2025, 2, 2), None, product_key="P1@2", customer_id="C3"),
    line(5, date(2025, 2, 3), "99.00", is_sale=False),
]


def test_revenue_belongs_to_the_category_of_its_time(project: Project) -> None:
    found = run(project, "gold.revenue_by_category", lines=LINES, products=PRODUCTS)
    assert [tuple(row.values()) for row in found] == [
        (date(2025, 1, 1), "toys", 2, 4, D("15.00"), D("7.50")),
        (date(2025, 1, 1), "unknown", 1, 2, D("0.01"), D("0.01")),
        (date(2025, 2, 1), "games", 2, 4, D("7.00"), D("3.50")),
    ]


def test_each_customer_has_an_average_sale(project: Project) -> None:
    found = run(project, "gold.customer_sales", lines=LINES)
    assert pick(found, "customer_id", "orders", "units", "revenue_eur", "average_sale_eur", "last_order_on") == [
        ("C1", 2, 6, D("17.01"), D("8.51"), date(2025, 2, 1)),
        ("C2", 1, 2, D("5.00"), D("5.00"), date(2025, 1, 1)),
        ("C3", 1, 2, D("0.00"), D("0.00"), date(2025, 2, 2)),
    ]


def test_trailing_sums_are_of_days_also_across_days_without_a_sale(project: Project) -> None:
    found = run(project, "gold.daily_metrics", lines=LINES)
    by_day = {row["date"]: row for row in found}
    assert len(found) == 33  # 1 January to 2 February; the returned order of 3 February is no sale
    names = ("orders", "revenue_eur", "orders_7d", "revenue_eur_7d", "orders_28d", "revenue_eur_28d")
    assert pick([by_day[date(2025, 1, 7)]], *names) == [(0, D(0), 1, D(5), 1, D(5))]
    assert pick([by_day[date(2025, 1, 8)]], *names) == [(0, D(0), 0, D(0), 1, D(5))]
    assert pick([by_day[date(2025, 1, 28)]], *names) == [(0, D(0), 0, D(0), 1, D(5))]
    assert pick([by_day[date(2025, 1, 29)]], *names) == [(0, D(0), 0, D(0), 0, D(0))]
    assert pick([by_day[date(2025, 2, 2)]], *names) == [(1, D(0), 3, D("17.01"), 3, D("17.01"))]


def test_the_cube_has_every_roll_up_and_tells_all_from_unknown(project: Project) -> None:
    found = run(project, "gold.sales_cube", lines=LINES, products=PRODUCTS)
    cells = {tuple(row.values())[:4]: tuple(row.values())[4:] for row in found}
    assert len(cells) == len(found)
    assert cells["all", "all", "all", 3] == (4, 10, D("22.01"))
    assert cells["2025-01", "all", "all", 2] == (2, 6, D("15.01"))
    assert cells["all", "DE", "all", 2] == (3, 8, D("17.01"))
    assert cells["all", "all", "unknown", 2] == (1, 2, D("0.01"))
    assert cells["2025-01", "DE", "all", 1] == (1, 4, D("10.01"))  # one order, with two categories
    assert cells["2025-01", "DE", "unknown", 0] == (1, 2, D("0.01"))
    # month, country and category have 2, 2 and 3 values, of which 4, 4, 3 and 3 pairs occur
    assert sorted(level for *_, level in cells) == [0] * 4 + [1] * 10 + [2] * 7 + [3]
    assert run(project, "gold.sales_cube") == []


def test_customers_are_scored_by_fifths_and_ties_by_their_number(project: Project) -> None:
    lines = [
        line(10 * n + turn, date(2025, 1, n), "10.00", customer_id=f"C{n}") for n in range(1, 6) for turn in range(n)
    ]
    lines += [line(90, date(2025, 1, 11), "1.00", customer_id="unknown")]
    found = run(project, "gold.customer_value", lines=lines)
    names = ("customer_id", "recency_days", "frequency", "monetary_eur", "recency_score", "frequency_score", "segment")
    assert pick(found, *names) == [
        ("C1", 10, 1, D(10), 1, 1, "sleeping"),
        ("C2", 9, 2, D(20), 2, 2, "sleeping"),
        ("C3", 8, 3, D(30), 3, 3, "regular"),
        ("C4", 7, 4, D(40), 4, 4, "champion"),
        ("C5", 6, 5, D(50), 5, 5, "champion"),
    ]
    same = [line(n, date(2025, 1, 1), "1.00", customer_id=f"C{n}") for n in range(1, 8)]
    scores = pick(run(project, "gold.customer_value", lines=same), "monetary_score")
    assert scores == [(1,), (1,), (2,), (2,), (3,), (4,), (5,)]


def test_a_campaign_s_month_has_what_it_cost_and_what_its_visits_bought(project: Project) -> None:
    day = date(2025, 3, 31)
    click = {"event_date": day, "event_type": "purchase", "currency": "SEK", "quantity": 3, "unit_price": D("10.00")}
    found = run(
        project,
        "gold.campaign_return",
        spend=[
            {
                "spend_date": day,
                "campaign_id": "M1",
                "platform": p,
                "cost_eur": D("1.50"),
                "impressions": 9,
                "clicks": 4,
            }
            for p in ("meta_ads", "bing_ads")
        ]
        + [{"spend_date": date(2025, 4, 1), "campaign_id": "M1", "cost_eur": None, "impressions": 1, "clicks": 1}],
        clicks=[
            {**click, "event_id": "e1", "visit_id": "v1", "campaign_id": "M1"},
            {**click, "event_id": "e2", "visit_id": "v1", "campaign_id": "M1", "event_type": "cart"},
            {**click, "event_id": "e3", "visit_id": "v2", "campaign_id": "M1", "event_type": "page_view"},
            {**click, "event_id": "e4", "visit_id": "v3", "campaign_id": "unknown"},
        ],
        rates=[{"rate_date": day, "currency": "SEK", "eur_per_unit": D("0.1")}],
    )
    assert [tuple(row.values()) for row in found] == [
        (date(2025, 3, 1), "M1", D(3), 18, 8, 2, 1, D(3), 1.0),
        (date(2025, 3, 1), "unknown", D(0), 0, 0, 1, 1, D(3), None),
        (date(2025, 4, 1), "M1", D(0), 1, 1, 0, 0, D(0), None),
    ]
