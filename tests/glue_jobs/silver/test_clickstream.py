"""``silver.clickstream``: visits, and the campaign that led to each event."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sluice.project import Project
from tests.glue_jobs.silver.running import pick, run

START = datetime(2025, 3, 1, 23, 50, 0, 500)
CAMPAIGNS = [
    {"campaign_id": "M1", "utm_code": "spring", "starts_on": date(2025, 1, 1)},
    {"campaign_id": "M3", "utm_code": "autumn", "starts_on": date(2025, 1, 1)},
    {"campaign_id": "M4", "utm_code": "autumn", "starts_on": date(2025, 2, 1)},
    {"campaign_id": "M5", "utm_code": "autumn", "starts_on": date(2025, 2, 1)},
    {"campaign_id": "M6", "utm_code": None},
]


def click(number: int, minutes: float, code: str | None = None, session: str = "s") -> dict[str, Any]:
    moment = START + timedelta(minutes=minutes)
    return {"event_id": f"{number:032x}", "session_id": session, "event_time": moment, "utm_code": code}


def test_a_gap_of_more_than_half_an_hour_begins_a_visit(project: Project) -> None:
    clicks = [
        click(1, 0), click(2, 30), click(3, 60), click(4, 60), click(5, 90, session="t"),
        {**click(6, 90), "event_time": START + timedelta(minutes=90, microseconds=1)},
    ]  # fmt: skip
    found = run(project, "silver.clickstream", clicks=clicks)
    assert [row["visit_id"] for row in found] == ["s-20250301235000"] * 4 + ["t-20250302012000", "s-20250302012000"]
    assert run(project, "silver.clickstream", clicks=clicks[::-1] + clicks) == found


def test_an_event_belongs_to_the_last_campaign_seen_in_its_visit(project: Project) -> None:
    found = run(
        project,
        "silver.clickstream",
        campaigns=CAMPAIGNS,
        clicks=[
            click(1, 0),  # nothing yet
            click(2, 1, "Spring "),
            click(3, 2),
            click(4, 3, "autumn"),  # the newest campaign of that code
            click(5, 4, ""),
            click(6, 5, "nobody's"),  # a code that no campaign has
            click(7, 6),
            click(8, 60),  # another visit
            click(9, 6, session="t"),
        ],
    )
    assert pick(found, "utm_code", "last_utm_code", "campaign_id") == [
        (None, None, None),
        ("spring", "spring", "M1"),
        (None, "spring", "M1"),
        ("autumn", "autumn", "M4"),
        (None, "autumn", "M4"),
        ("nobody's", "nobody's", None),
        (None, "nobody's", None),
        (None, None, None),
        (None, None, None),
    ]


def test_events_of_one_moment_follow_one_another_by_their_numbers(project: Project) -> None:
    found = run(
        project, "silver.clickstream", campaigns=CAMPAIGNS, clicks=[click(2, 0), click(1, 0, "spring"), click(3, 0)]
    )
    assert [row["campaign_id"] for row in found] == ["M1"] * 3
