"""What arrives per day is compared with what the contract expects, over full days, once there are enough of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from sluice.cli.status import _summarize
from sluice.cli.status_output import as_json
from sluice.cli.streams import StreamsStatus
from sluice.cli.volumes import Volume, amount, read_arrived, read_volumes
from sluice.ledger import Delivery, Retirement, ShardCounts
from sluice.tables.properties import EXPECTED_FILES, EXPECTED_ROWS
from tests.sluice.cli.test_status import state

TODAY = date(2026, 3, 20)


def deliveries(*days_ago: int, rows: int = 10, status: str = "committed") -> list[Delivery]:
    return [
        Delivery("things", f"{ago}-{number}", status, accepted=rows, quarantined=0, at=_noon(ago))  # type: ignore[arg-type]
        for number, ago in enumerate(days_ago)
    ]


def _noon(days_ago: int) -> float:
    day = TODAY - timedelta(days=days_ago)
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()


def files(expected: str, found: list[Delivery]) -> Volume:
    (volume,) = read_volumes({EXPECTED_FILES: expected}, read_arrived(found, []), TODAY)
    return volume


@pytest.mark.parametrize(("per_day", "outside"), [(0, True), (1, True), (2, False), (4, False), (8, False), (9, True)])
def test_half_to_twice_is_no_finding(per_day: int, outside: bool) -> None:
    found = deliveries(20, *(ago for ago in range(1, 8) for _ in range(per_day)))
    volume = files("4", found)
    assert (volume.outside, volume.found, volume.days) == (outside, per_day, 7)


def test_the_present_day_and_the_first_one_are_not_full_and_do_not_count() -> None:
    assert files("1", deliveries(*[0] * 99, 8, *range(1, 8))).found == 1
    assert files("1", deliveries(*[7] * 99)).found is None  # its first day is in the window
    assert files("1", []).found is None


def test_what_comes_once_a_week_is_compared_over_two() -> None:
    volume = files("0.14", deliveries(30, 14, 7))
    assert (volume.days, volume.outside) == (15, False)
    assert files("0.14", deliveries(30)).outside


def test_nothing_expected_is_a_finding_once_something_comes() -> None:
    assert files("0", deliveries(30, 3)).outside
    assert not files("0", deliveries(30)).outside


def test_a_file_counts_whatever_became_of_its_rows_but_not_one_that_came_before() -> None:
    assert files("1", [*deliveries(9), *deliveries(*range(1, 8), status="rejected")]).found == 1
    assert files("1", [*deliveries(9), *deliveries(*range(1, 8), status="duplicate")]).found == 0


def test_rows_of_files_and_of_shards_are_counted_by_day() -> None:
    arrived = read_arrived(deliveries(9, *range(1, 8), rows=30), [])
    (volume,) = read_volumes({EXPECTED_ROWS: "100"}, arrived, TODAY)
    assert (volume.found, volume.outside) == (30, True)
    days = {str(TODAY - timedelta(days=ago)): 50 for ago in range(9)}
    (volume,) = read_volumes({EXPECTED_ROWS: "100"}, read_arrived([], [ShardCounts("s/0", days=days)] * 2), TODAY)
    assert (volume.found, volume.outside) == (100, False)


def test_each_day_of_the_last_ones_on_which_something_arrived_is_told_oldest_first() -> None:
    arrived = read_arrived(
        [*deliveries(0, 0, 2, 30, rows=5), *deliveries(1, status="duplicate")],
        [ShardCounts("s/0", days={str(TODAY): 7, str(TODAY - timedelta(days=1)): 9})],
    )
    days = [TODAY - timedelta(days=ago) for ago in (2, 1, 0)]
    assert arrived.last(30, TODAY) == [(days[0], 1, 5), (days[1], 0, 9), (days[2], 2, 17)]
    assert arrived.last(31, TODAY)[0] == (TODAY - timedelta(days=30), 1, 5)


def test_a_volume_outside_is_a_problem_and_a_table_without_expectations_has_none() -> None:
    now = datetime.now(UTC).timestamp()
    old = [Delivery("orders", "d", "committed", accepted=1, at=now - 30 * 86_400)]
    numbers = _summarize(
        "orders", old, StreamsStatus(), properties={EXPECTED_FILES: "3"}, retired=[Retirement("landing", "", files=2)]
    )
    found = state(datasets={"orders": numbers})
    (problem,) = found.problems
    assert problem.startswith("orders: 0 files a day came in the last 7 full days, and its contract expects 3")
    assert found.problems_of("orders") == [problem]
    told = as_json(found)["datasets"][0]
    assert told["volumes"] == [{"unit": "files", "expected": 3.0, "found": 0.0, "days": 7, "outside": True}]
    assert told["retired"] == {"landing": 2}
    assert state(datasets={"orders": _summarize("orders", old, StreamsStatus())}).problems == []


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, "0"), (1 / 7, "0.143"), (3, "3"), (12.5, "12.5"), (99.4, "99.4"), (999.4, "999"), (999.6, "1,000"),
        (12_345.6, "12,346"), (10**7, "10,000,000"),
    ],
)  # fmt: skip
def test_a_volume_is_told_without_an_exponent(number: float, told: str) -> None:
    assert amount(number) == told
    assert f" {told} rows a day came" in Volume("rows", 5, number, 7).finding("orders")
