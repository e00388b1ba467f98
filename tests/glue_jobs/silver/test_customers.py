"""``silver.customers``: what is mended, what is only flagged, and how each is named."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from sluice.project import Project
from tests.glue_jobs.silver.running import pick, run

COUNTRIES = [
    {"country_code": "DE", "name": "Germany", "also_known_as": "Deutschland|Allemagne"},
    {"country_code": "NA", "name": "Namibia", "also_known_as": ""},
    {"country_code": "GB", "name": "United Kingdom", "also_known_as": "UK|U.K.|Congo"},
    {"country_code": "CG", "name": "Congo", "also_known_as": "GB"},
]
CITIES = [
    {"city_id": "DE003", "city": "München", "country_code": "DE", "region": "Bavaria", "population": 1_500_000,
     "also_known_as": "Munich|Muenchen", "latitude": 48.1, "longitude": 11.6},
    {"city_id": "DE004", "city": "Frankfurt", "country_code": "DE", "region": "Hesse", "population": 750_000},
    {"city_id": "DE005", "city": "Frankfurt", "country_code": "DE", "region": "Brandenburg", "population": 57_000},
    {"city_id": "DE006", "city": "Ulm", "country_code": "DE", "region": "Baden-Württemberg", "population": 126_000},
    {"city_id": "DE007", "city": "Halle", "country_code": "DE", "region": "Saxony-Anhalt", "population": 240_000},
    {"city_id": "DE008", "city": "Hallo", "country_code": "DE", "region": "x", "population": 300_000},
    {"city_id": "GB001", "city": "London", "country_code": "GB", "region": "England", "population": None},
    {"city_id": "NA001", "city": "Windhoek", "country_code": "NA", "region": "Khomas", "population": 1},
]  # fmt: skip
SOUND: dict[str, Any] = {
    "customer_id": "C0000001", "email": "a@b.example", "last_name": "Ó Briain", "phone": "+49 30 1234567",
    "city": "München", "country": "DE", "birth_date": date(1980, 5, 5), "segment": "business",
    "registered_at": datetime(2024, 1, 1, 8), "updated_at": datetime(2024, 6, 1),
}  # fmt: skip


def cleansed(project: Project, **given: Any) -> dict[str, Any]:
    (found,) = run(project, "silver.customers", exported=[{**SOUND, **given}], countries=COUNTRIES, cities=CITIES)
    return found


def test_sound_data_stays_and_has_no_issues(project: Project) -> None:
    found = cleansed(project)
    assert {name: found[name] for name in SOUND} == SOUND | {"phone": "+49301234567"}
    assert (found["email_valid"], found["phone_valid"], found["country_known"], found["city_known"]) == (True,) * 4
    assert (found["city_id"], found["region"], found["latitude"], found["longitude"]) == (
        "DE003",
        "Bavaria",
        48.1,
        11.6,
    )
    assert (found["country_as_given"], found["issues"]) == ("DE", "")


@pytest.mark.parametrize(
    ("given", "email", "valid", "issues"),
    [
        (" First.Last+tag@Sub.Shop.EXAMPLE ", "first.last+tag@sub.shop.example", True, ""),
        ("a..b@shop.example", "a..b@shop.example", False, "email_invalid"),
        (".a@shop.example", ".a@shop.example", False, "email_invalid"),
        ("a@-shop.example", "a@-shop.example", False, "email_invalid"),
        ("a@shop..example", "a@shop..example", False, "email_invalid"),
        ("a@shop.e", "a@shop.e", False, "email_invalid"),
        ("İ@shop.example", "İ@shop.example", False, "email_invalid"),
        (" ", None, False, "email_missing"),
        (None, None, False, "email_missing"),
    ],
)
def test_email(project: Project, given: str | None, email: str | None, valid: bool, issues: str) -> None:
    found = cleansed(project, email=given)
    assert (found["email"], found["email_valid"], found["issues"]) == (email, valid, issues)


@pytest.mark.parametrize(
    ("given", "phone", "valid", "issues"),
    [
        ("+44 (0)20 7946-0958", "+442079460958", True, ""),
        ("0049/30 1234567", "+49301234567", True, ""),
        ("030 1234567", "0301234567", False, "phone_invalid"),
        ("+49 30", "+4930", False, "phone_invalid"),
        ("+1234567890123456", "+1234567890123456", False, "phone_invalid"),
        ("+0049 30 1234567", "+0049301234567", False, "phone_invalid"),
        ("49+30+1234567", "49301234567", False, "phone_invalid"),
        ("call me", None, False, ""),
        (None, None, False, ""),
    ],
)
def test_phone(project: Project, given: str | None, phone: str | None, valid: bool, issues: str) -> None:
    found = cleansed(project, phone=given)
    assert (found["phone"], found["phone_valid"], found["issues"]) == (phone, valid, issues)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("germany", "DE"), (" DEUTSCHLAND", "DE"), ("de ", "DE"), ("NA", "NA"), ("na", "NA"), ("u.k.", "GB"),
        ("united-kingdom", "GB"),
        ("GB", "GB"),  # a code is whose it is, whatever other names it is among
        ("Congo", None),  # the name of two
        ("n/a", None), ("N.A.", None), ("Atlantis", None), ("??", None), ("", None),
    ],
)  # fmt: skip
def test_country(project: Project, given: str, code: str | None) -> None:
    found = cleansed(project, country=given, city="Windhoek")
    assert (found["country"], found["country_known"]) == (code or "ZZ", code is not None)
    assert found["country_as_given"] == (given.strip() or None)
    assert ("country_unknown" in found["issues"]) == (code is None)


@pytest.mark.parametrize(
    ("given", "city", "region", "issues"),
    [
        ("munich", "München", "Bavaria", ""),
        ("MUENCHEN ", "München", "Bavaria", ""),
        ("Munchen", "München", "Bavaria", ""),
        ("Muchen", "München", "Bavaria", ""),  # one letter is forgiven
        ("Frankfurt", "Frankfurt", "Hesse", ""),  # the largest is meant
        ("Halle", "Halle", "Saxony-Anhalt", ""),  # the right spelling before a larger city's wrong one
        ("Ulme", "Ulme", "unknown", "city_unknown"),  # too short to guess
        ("London", "London", "unknown", "city_unknown"),  # in another country
        (" ", "unknown", "unknown", "city_missing"),
        (None, "unknown", "unknown", "city_missing"),
    ],
)
def test_city(project: Project, given: str | None, city: str, region: str, issues: str) -> None:
    found = cleansed(project, city=given)
    assert (found["city"], found["region"], found["issues"]) == (city, region, issues)
    assert found["city_known"] == (found["city_id"] is not None) == (issues == "")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (date(1900, 1, 1), False), (date(1900, 1, 2), True), (date(2024, 1, 1), False), (date(2023, 12, 31), True),
        (date(2099, 12, 31), False),
    ],
)  # fmt: skip
def test_birth_date(project: Project, given: date, kept: bool) -> None:
    found = cleansed(project, birth_date=given)
    assert found["birth_date"] == (given if kept else None)
    assert found["issues"] == ("" if kept else "birth_date_impossible")


def test_issues_are_named_in_order_and_the_row_stays(project: Project) -> None:
    found = cleansed(project, email="x@y", phone="1", country="?", city="?", birth_date=date(1850, 1, 1))
    assert found["issues"] == "email_invalid,phone_invalid,country_unknown,city_unknown,birth_date_impossible"
    assert cleansed(project, birth_date=None)["issues"] == ""


def test_what_an_update_left_out_before_anything_was_known_has_the_stated_default(project: Project) -> None:
    change = {
        "customer_id": "C0000002",
        "updated_at": datetime(2025, 1, 1),
        **dict.fromkeys(("last_name", "country", "segment", "registered_at")),
        "_operation": "update",
        "_log_position": "1",
        "_unavailable": "last_name,country,segment,registered_at",
    }
    (found,) = run(project, "silver.customers", changes=[change], countries=COUNTRIES, cities=CITIES)
    names = ("last_name", "country", "city", "region", "segment", "registered_at", "issues")
    expected = ("unknown", "ZZ", "unknown", "unknown", "consumer", datetime(2025, 1, 1))
    assert pick([found], *names) == [(*expected, "email_missing,country_unknown,city_missing")]
