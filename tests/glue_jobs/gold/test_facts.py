"""Facts belong to the version of their own time; none is dropped, whatever is not known of it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sluice.project import Project
from tests.glue_jobs.silver.running import pick, run

D = Decimal
UNKNOWN_CUSTOMER = {"customer_key": "unknown", "customer_id": "unknown", "valid_from": datetime(1970, 1, 1)}
UNKNOWN_PRODUCT = {"product_key": "unknown", "product_id": "unknown", "valid_from": datetime(1970, 1, 1)}
COUNTRIES = [{"country_code": "DE"}]


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2025, 3, day, hour)


def customers(**spans: list[tuple[int, int | None]]) -> list[dict[str, Any]]:
    return [UNKNOWN_CUSTOMER] + [
        {
            "customer_key": f"{name}@{since}", "customer_id": name, "valid_from": at(since),
            "valid_to": None if until is None else at(until), "is_current": until is None,
        }
        for name, versions in spans.items()
        for since, until in versions
    ]  # fmt: skip


def product(name: str, day: int) -> dict[str, Any]:
    return {"product_key": f"{name}@{day}", "product_id": name, "valid_from": at(day)}


def test_a_line_finds_the_versions_of_its_order_s_time(project: Project) -> None:
    found = run(
        project,
        "gold.fact_order_line",
        orders=[
            {"order_id": "O1", "customer_id": "C1", "order_ts": at(5), "country": "DE", "status": "paid"},
            {"order_id": "O2", "customer_id": "C1", "order_ts": at(1), "country": "DE", "status": "returned"},
            {"order_id": "O3", "customer_id": "C1", "order_ts": at(4, 23), "country": "FR", "status": "placed"},
            {"order_id": "O4", "customer_id": "C2", "order_ts": at(9), "country": "DE", "status": "cancelled"},
            {"order_id": "O5", "customer_id": "C9", "order_ts": at(9), "country": "DE", "status": "shipped"},
        ],
        order_lines=[
            {"order_id": f"O{n}", "line_number": 1, "product_id": "P1" if n < 5 else "P9", "updated_at": at(7)}
            for n in range(1, 7)
        ],
        customers=customers(C1=[(2, 5), (5, None)], C2=[(2, 8)]),
        products=[UNKNOWN_PRODUCT, product("P1", 3), product("P1", 5)],
        countries=COUNTRIES,
    )
    names = ("order_id", "customer_key", "product_key", "geography_key", "customer_id", "status", "is_sale")
    assert pick(found, *names) == [
        ("O1", "C1@5", "P1@5", "DE", "C1", "paid", True),  # the version begins with this very moment
        ("O2", "C1@2", "P1@3", "DE", "C1", "returned", False),  # before the first version: that one
        ("O3", "C1@2", "P1@3", "unknown", "C1", "placed", True),  # no such country
        ("O4", "C2@2", "P1@5", "DE", "C2", "cancelled", False),  # after the deletion: what was last known
        ("O5", "unknown", "unknown", "DE", "C9", "shipped", True),
        ("O6", "unknown", "unknown", "unknown", "unknown", "unknown", False),  # no such order
    ]
    assert found[5]["ordered_at"] == at(7)
    assert found[0]["date_key"] == str(found[0]["order_date"])


def test_a_click_without_customer_product_or_campaign_is_kept(project: Project) -> None:
    found = run(
        project,
        "gold.fact_click",
        clicks=[
            {"event_id": "e1", "customer_id": "C1", "product_id": "P1", "event_time": at(4), "country": "DE"},
            {"event_id": "e2", "event_time": at(4), "event_date": date(2025, 3, 4)},
        ],
        customers=customers(C1=[(2, None)]),
        products=[UNKNOWN_PRODUCT, product("P1", 3)],
        countries=COUNTRIES,
    )
    assert pick(found, "customer_key", "product_key", "geography_key", "campaign_id", "device") == [
        ("C1@2", "P1@3", "DE", "unknown", "unknown"),
        ("unknown", "unknown", "unknown", "unknown", "unknown"),
    ]
    assert found[1]["date_key"] == "2025-03-04"


def test_spending_keeps_what_the_platforms_did_not_tell_as_zero(project: Project) -> None:
    spend = {"spend_date": date(2025, 3, 1), "campaign_id": "M1", "platform": "meta_ads", "cost": D(2)}
    found = run(project, "gold.fact_campaign_spend", spend=[{**spend, "clicks": 3, "campaign_known": False}])
    assert pick(found, "date_key", "impressions", "clicks", "cost", "cost_eur", "campaign_known") == [
        ("2025-03-01", 0, 3, D(2), None, False)
    ]


def test_a_day_s_stock_is_the_last_reading_of_each_shelf(project: Project) -> None:
    def reading(sensor: str, hour: int, quantity: int, **more: Any) -> dict[str, Any]:
        plain = {"measured_on": date(2025, 3, 1), "warehouse": "W1", "product_id": "P1"}
        return {"sensor_id": sensor, "measured_at": at(1, hour), "quantity": quantity, **plain, **more}

    found = run(
        project,
        "gold.fact_stock",
        readings=[
            reading("S1", 8, 5), reading("S1", 9, 0), reading("S1", 10, 7), reading("S2", 7, 20),
            reading("S2", 23, 9, product_id="P2"), reading("S1", 11, 1, warehouse="W2"),
        ],
        products=[UNKNOWN_PRODUCT, product("P1", 1)],
    )  # fmt: skip
    names = ("product_id", "warehouse", "product_key", "quantity", "least_on_a_shelf", "shelves", "readings")
    assert pick(found, *names) == [
        ("P1", "W1", "P1@1", 27, 0, 2, 4),
        ("P1", "W2", "P1@1", 1, 1, 1, 1),
        ("P2", "W1", "unknown", 9, 9, 1, 1),
    ]
