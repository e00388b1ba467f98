"""The dimensions: their versions, what ends one, the calendar, and the members for what is unknown."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sluice.project import Project
from tests.glue_jobs.silver.running import pick, run

D = Decimal
EPOCH = datetime(1970, 1, 1)
COUNTRIES = [{"country_code": "DE", "name": "Germany", "also_known_as": "Deutschland", "region": "Europe"}]
CITIES = [{"city_id": "DE003", "city": "München", "country_code": "DE", "region": "Bavaria", "also_known_as": ""}]


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2025, 3, day, hour)


def customer(number: int, day: int, **more: Any) -> dict[str, Any]:
    plain = {"last_name": "Ek", "country": "DE", "segment": "consumer", "registered_at": at(1), "updated_at": at(day)}
    return {"customer_id": f"C{number}", **plain, **more}


def change(operation: str, position: int, number: int | None, day: int, **more: Any) -> dict[str, Any]:
    row = {} if number is None else customer(number, day)
    log = {"_operation": operation, "_log_position": f"{position:04d}", "_changed_at": at(day, 1)}
    return {**row, **log, **more}


def versions(project: Project, *names: str, **inputs: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    rows = run(project, "gold.dim_customer", countries=COUNTRIES, cities=CITIES, **inputs)
    return pick([row for row in rows if row["customer_id"] != "unknown"], *names)


def test_a_customer_has_a_version_for_each_time_that_something_changed(project: Project) -> None:
    found = versions(
        project, "customer_key", "segment", "city", "geography_key", "valid_from", "valid_to", "is_current",
        exported=[
            customer(1, 1, city="Munchen"),
            customer(1, 2, city="MÜNCHEN ", phone="1"),  # the same city, and nothing else that is told here
            customer(1, 3, city="Atlantis"),
            customer(1, 5, segment="business", country="Nowhere"),
        ],
    )  # fmt: skip
    assert found == [
        ("C1@20250301000000000000", "consumer", "München", "DE003", at(1), at(3), False),
        ("C1@20250303000000000000", "consumer", "Atlantis", "DE", at(3), at(5), False),
        ("C1@20250305000000000000", "business", "unknown", "unknown", at(5), None, True),
    ]


def test_captured_changes_go_before_the_export_and_keep_what_they_leave_out(project: Project) -> None:
    found = versions(
        project, "name", "segment", "valid_from", "valid_to",
        exported=[customer(1, 1), customer(1, 4, last_name="Export")],
        changes=[
            change("update", 1, 1, 2, last_name="Captured", segment="business"),
            change("update", 2, 1, 4, last_name=None, segment=None, _unavailable="last_name,segment"),
            change("update", 3, 1, 4, last_name="Last"),
        ],
    )  # fmt: skip
    assert found == [
        ("Ek", "consumer", at(1), at(2)),
        ("Captured", "business", at(2), at(4)),
        ("Last", "consumer", at(4), None),
    ]


def test_deletions_moves_and_truncates_end_a_version(project: Project) -> None:
    found = versions(
        project, "customer_id", "valid_from", "valid_to", "is_current",
        exported=[customer(1, 1), customer(5, 1)],
        changes=[
            change("delete", 1, 1, 3),
            change("read", 2, 2, 2),
            change("update", 3, 3, 4, _previous_key="C2"),
            change("truncate", 4, None, 6),
            change("insert", 5, 3, 5),  # written before, by its own account; the log knows better
            change("insert", 6, 4, 7),
        ],
    )  # fmt: skip
    assert found == [
        ("C1", at(1), at(3, 1), False),
        ("C2", at(2), at(4, 1), False),
        ("C3", at(4), None, True),
        ("C4", at(7), None, True),
        ("C5", at(1), None, True),
    ]


@pytest.mark.slow
def test_every_dimension_has_an_unknown_member_also_of_nothing(project: Project) -> None:
    for table, key in (
        ("dim_customer", "customer_key"), ("dim_product", "product_key"), ("dim_date", "date_key"),
        ("dim_geography", "geography_key"),
    ):  # fmt: skip
        assert pick(run(project, f"gold.{table}"), key) == [("unknown",)]
    (nobody,) = run(project, "gold.dim_customer")
    assert (nobody["valid_from"], nobody["valid_to"], nobody["is_current"]) == (EPOCH, None, True)


def test_a_product_has_a_version_for_each_price_and_the_last_correction_of_it(project: Project) -> None:
    toy = {"product_id": "P1", "category": "toys", "weight": D("1500"), "weight_unit": "g", "currency": "EUR"}
    found = run(
        project,
        "gold.dim_product",
        products=[
            {**toy, "valid_from": date(2025, 3, 1), "list_price": D(10), "updated_at": at(1)},
            {**toy, "valid_from": date(2025, 3, 8), "list_price": D(12), "updated_at": at(8)},
            {**toy, "valid_from": date(2025, 3, 8), "list_price": D(11), "updated_at": at(9), "category": "games"},
            {**toy, "valid_from": date(2025, 3, 20), "list_price": D(11), "updated_at": at(20), "category": "games"},
        ],
    )
    assert pick(found[:-1], "product_key", "category", "list_price", "weight_kg", "valid_to") == [
        ("P1@20250301000000000000", "toys", D(10), D("1.5"), at(8)),
        ("P1@20250308000000000000", "games", D(11), D("1.5"), None),
    ]


def test_the_calendar_covers_whole_years_of_every_fact_and_counts_weeks_as_iso_does(project: Project) -> None:
    found = run(
        project,
        "gold.dim_date",
        orders=[{"order_date": date(2024, 12, 30)}],
        clicks=[{"event_date": date(2026, 1, 1)}],
    )
    days = {row["date"]: row for row in found}
    assert len(found) == 366 + 365 + 365 + 1
    assert (min(d for d in days if d), max(d for d in days if d)) == (date(2024, 1, 1), date(2026, 12, 31))
    for day, row in days.items():
        if day is not None:
            assert (row["iso_year"], row["iso_week"], row["day_of_week"]) == tuple(day.isocalendar())
            assert (row["month_name"], row["day_name"]) == (f"{day:%B}", f"{day:%A}")
            assert (row["date_key"], row["is_weekend"]) == (day.isoformat(), day.weekday() > 4)
            assert (row["year"], row["month"], row["day_of_month"]) == (day.year, day.month, day.day)
            assert (row["quarter"], row["day_of_year"]) == ((day.month + 2) // 3, day.timetuple().tm_yday)


def test_places_have_their_country_and_what_is_known_of_who_lives_there(project: Project) -> None:
    found = run(
        project,
        "gold.dim_geography",
        countries=COUNTRIES,
        cities=[*CITIES, {"city_id": "XX001", "city": "Elsewhere", "country_code": "XX", "region": "unknown"}],
        demographics=[
            {"country_code": "DE", "region": "Bavaria", "population": 13, "median_income_eur": D("41000.00")},
            {"country_code": "DE", "region": "Hesse", "population": 6},
        ],
    )
    names = ("geography_key", "level", "country", "region", "city", "population", "median_income_eur")
    assert pick(found, *names) == [
        ("DE", "country", "Germany", "unknown", "unknown", 19, None),
        ("DE/Bavaria", "region", "Germany", "Bavaria", "unknown", 13, D(41000)),
        ("DE/Hesse", "region", "Germany", "Hesse", "unknown", 6, None),
        ("DE003", "city", "Germany", "Bavaria", "München", None, D(41000)),
        ("XX001", "city", "unknown", "unknown", "Elsewhere", None, None),
        ("unknown", "unknown", "unknown", "unknown", "unknown", None, None),
    ]
