"""The reference tables and the sensors' readings: one row per key, what is not known flagged."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sluice.project import Project
from tests.glue_jobs.silver.running import pick, run


def test_the_latest_version_of_a_country_counts_and_namibia_is_one(project: Project) -> None:
    found = run(
        project,
        "silver.countries",
        countries=[
            {"country_code": "NA", "name": " Namibia ", "updated_at": datetime(2025, 1, 1)},
            {"country_code": "NA", "name": "South West Africa", "updated_at": datetime(1989, 1, 1)},
        ],
    )
    assert pick(found, "country_code", "name", "subregion", "also_known_as") == [("NA", "Namibia", "unknown", "")]


def test_cities_and_regions_of_an_unknown_country_are_kept(project: Project) -> None:
    known = [{"country_code": "DE"}]
    cities = [{"city_id": "DE001", "country_code": "DE"}, {"city_id": "XX001", "country_code": "XX", "region": " y "}]
    found = run(project, "silver.cities", cities=cities, countries=known)
    assert pick(found, "city_id", "country_known", "region") == [("DE001", True, "unknown"), ("XX001", False, "y")]
    regions = [
        {"country_code": "DE", "region": "Hesse", "median_age": Decimal("44.1")},
        {"country_code": "XX", "region": "Hesse"},
    ]
    found = run(project, "silver.demographics", demographics=regions, countries=known)
    assert pick(found, "country_code", "country_known", "median_age") == [
        ("DE", True, Decimal("44.1")),
        ("XX", False, None),
    ]


def test_each_reading_is_there_once_and_late_only_when_it_never_came_in_time(project: Project) -> None:
    moment = datetime(2025, 3, 1, 23, 59)
    reading = {"sensor_id": "S0001", "measured_at": moment, "quantity": 4}
    found = run(
        project,
        "silver.stock_readings",
        readings=[
            {**reading, "_late": True},
            {**reading, "_late": False},
            {**reading, "quantity": 5, "_late": True},
            {**reading, "sensor_id": "S0002", "_late": True},
        ],
    )
    assert pick(found, "sensor_id", "measured_at", "measured_on", "quantity", "late") == [
        ("S0001", moment, moment.date(), 5, False),
        ("S0002", moment, moment.date(), 4, True),
    ]
