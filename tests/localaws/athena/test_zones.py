# ruff: noqa: E501  (a table of queries reads best one to a line)
"""Timestamps with a zone: https://trino.io/docs/current/functions/datetime.html#time-zone-conversion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from tests.laws import cases
from tests.localaws.athena.answers import texts
from tests.localaws.athena.test_functions import answer

_YORK = "TIMESTAMP '2026-07-01 01:11:12.000 UTC' AT TIME ZONE 'America/New_York'"
#: The day before the clocks of Vienna are put forward.
_BEFORE = "with_timezone(TIMESTAMP '2026-03-28 12:00:00.000', 'Europe/Vienna')"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (f"{_YORK}, CAST({_YORK} AS varchar)", "2026-06-30 21:11:12.000 America/New_York|2026-06-30 21:11:12.000 America/New_York"),
        ("at_timezone(TIMESTAMP '2026-03-01 10:11:12.000', 'Europe/Vienna'), from_unixtime(0, 'Europe/Vienna'), TIMESTAMP '2026-07-01 10:11:12.500 Europe/Vienna'", "2026-03-01 11:11:12.000 Europe/Vienna|1970-01-01 01:00:00.000 Europe/Vienna|2026-07-01 10:11:12.500 Europe/Vienna"),
        (f"hour(x), day(x), day_of_week(x), extract(day FROM x), date(x), CAST(x AS timestamp), date_format(x, '%H') FROM (SELECT {_YORK} AS x)", "21|30|2|30|2026-06-30|2026-06-30 21:11:12.000|21"),
        (f"date_trunc('day', {_YORK}), to_unixtime({_YORK}) = to_unixtime(TIMESTAMP '2026-07-01 01:11:12.000 UTC')", "2026-06-30 00:00:00.000 America/New_York|true"),
        # A day added is one there; 24 hours, and an interval, are as long as everywhere.
        (f"date_add('day', 1, {_BEFORE}), date_add('hour', 24, {_BEFORE}), {_BEFORE} + INTERVAL '1' DAY", "2026-03-29 12:00:00.000 Europe/Vienna|2026-03-29 13:00:00.000 Europe/Vienna|2026-03-29 13:00:00.000 Europe/Vienna"),
        (f"date_diff('day', {_BEFORE}, date_add('day', 1, {_BEFORE})), date_diff('hour', {_BEFORE}, date_add('day', 1, {_BEFORE}))", "1|23"),
        ("date_trunc('month', ts AT TIME ZONE 'Asia/Tokyo') AS m, count(*) FROM t GROUP BY 1 ORDER BY 1", "2024-01-01 00:00:00.000 Asia/Tokyo|1 ; 2024-02-01 00:00:00.000 Asia/Tokyo|1"),
        (f"array_agg(x), map(ARRAY['a'], ARRAY[max(x)]), lag(max(x)) OVER (ORDER BY 1) FROM (SELECT {_YORK} AS x)", "[2026-06-30 21:11:12.000 America/New_York]|{a=2026-06-30 21:11:12.000 America/New_York}|NULL"),
        (f"x = TIMESTAMP '2026-07-01 01:11:12.000 UTC', x AT TIME ZONE 'UTC' FROM (SELECT {_YORK} AS x)", "true|2026-07-01 01:11:12.000 UTC"),
        ("transform(ARRAY[TIMESTAMP '2026-07-01 23:11:12.000 UTC'], t -> day(t AT TIME ZONE 'Europe/Vienna'))", "[2]"),
        (f"extract(timezone_hour FROM {_YORK}), extract(timezone_minute FROM {_YORK}), extract(timezone_hour FROM now())", "-4|0|0"),
        ("extract(timezone_hour FROM x), extract(timezone_minute FROM x) FROM (SELECT TIMESTAMP '2026-01-01 00:00:00.000 UTC' AT TIME ZONE 'America/St_Johns' AS x)", "-3|-30"),
        ("CAST(ts AT TIME ZONE z AS date) FROM t, (VALUES 'Asia/Tokyo') v(z) WHERE k = 1", "2024-01-31"),
    ],
)  # fmt: skip
def test_it_is_answered_as_in_trino(opened: QueryEngine, sql: str, said: str) -> None:
    assert texts(answer(opened, f"SELECT {sql}")) == said


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("now() AT TIME ZONE 'Nowhere/City'", "INVALID_FUNCTION_ARGUMENT: Time zone not supported: Nowhere/City"),
        ("now() AT TIME ZONE '+15:00'", "INVALID_FUNCTION_ARGUMENT: Time zone not supported: \\+15:00"),
        ("coalesce(now() AT TIME ZONE 'Asia/Tokyo', now())", "NOT_SUPPORTED: one column of the zones Asia/Tokyo and UTC"),
        ("now() AT TIME ZONE 'Asia/Tokyo' UNION SELECT now()", "NOT_SUPPORTED: one column of the zones Asia/Tokyo and UTC"),
        ("ts AT TIME ZONE s FROM t", "NOT_SUPPORTED: AT TIME ZONE of a zone that is not written there"),
        ("CAST(now() AT TIME ZONE 'Asia/Tokyo' AS timestamp with time zone)", "NOT_SUPPORTED: a cast to a timestamp with a"),
        ("with_timezone(ts, s) FROM t", "NOT_SUPPORTED: with_timezone of a zone that is not written there"),
        ("to_iso8601(now() AT TIME ZONE 'Asia/Tokyo')", "NOT_SUPPORTED: to_iso8601 in a zone"),
        ("TIMESTAMP '2026-03-29 02:30:00 Europe/Vienna'", "INVALID_LITERAL: line 1:1: '2026-03-29 02:30:00 Europe/Vienna' is not a valid"),
        ("extract(timezone_hour FROM ts) FROM t", "TYPE_MISMATCH: line 1:8: Type of value to extract time zone from"),
        ("now() AT TIME ZONE 'Asia/Tokyo' + INTERVAL '1' MONTH", "NOT_SUPPORTED: months added to a timestamp in a zone"),
    ],
)  # fmt: skip
def test_what_would_be_wrong_is_refused(opened: QueryEngine, sql: str, said: str) -> None:
    with pytest.raises(QueryFailed, match=said):
        answer(opened, f"SELECT {sql}")


@pytest.mark.slow
@settings(max_examples=cases(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    st.sampled_from(["Europe/Vienna", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]),
    st.integers(-400, 400),
)
def test_local_times_are_those_of_the_zones_table(opened: QueryEngine, moment: datetime, zone: str, days: int) -> None:
    """What another reader of the same table says: the local hour and day, and the moment so many hours later."""
    there = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    later = (moment.replace(tzinfo=UTC) + timedelta(hours=24 * days)).astimezone(ZoneInfo(zone))
    at = f"TIMESTAMP '{moment}.000 UTC' AT TIME ZONE '{zone}'"
    found = texts(answer(opened, f"SELECT {at}, hour({at}), CAST({at} AS date), date_add('hour', {24 * days}, {at})"))
    assert found == "|".join(
        [
            f"{there:%Y-%m-%d %H:%M:%S}.000 {zone}",
            str(there.hour),
            str(there.date()),
            f"{later:%Y-%m-%d %H:%M:%S}.000 {zone}",
        ]
    )


#: An hour that comes twice: in Vienna's night of 25 October 2026, in Havana's midnight, in half an hour of Lord Howe.
_AUTUMN = [
    ("Europe/Vienna", datetime(2026, 10, 24, 23, 0, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, 3, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 13, 30, tzinfo=UTC)),
]


def _written(moment: datetime, zone: str) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}.000 UTC' AT TIME ZONE '{zone}'"


def _seconds(opened: QueryEngine, expression: str) -> float:
    return float(texts(answer(opened, f"SELECT to_unixtime({expression})")))


@pytest.mark.parametrize(("zone", "first"), _AUTUMN)
@pytest.mark.parametrize("minutes", range(0, 240, 30))
def test_no_moment_is_moved_into_the_hour_that_comes_again(
    opened: QueryEngine, zone: str, first: datetime, minutes: int
) -> None:
    moment = first + timedelta(minutes=minutes, seconds=7)
    there, at, exact = moment.astimezone(ZoneInfo(zone)), _written(moment, zone), moment.timestamp()
    assert _seconds(opened, f"date_trunc('minute', {at})") == exact - 7
    assert _seconds(opened, f"date_trunc('hour', {at})") == exact - there.minute * 60 - 7
    assert _seconds(opened, f"date_trunc('day', {at})") <= exact
    for unit in ("day", "month", "hour"):
        assert _seconds(opened, f"date_add('{unit}', 0, {at})") == exact
    assert texts(answer(opened, f"SELECT date_trunc('day', {at})")) == f"{there:%Y-%m-%d} 00:00:00.000 {zone}"


def test_both_hours_are_groups_of_their_own(opened: QueryEngine) -> None:
    minutes = "transform(sequence(0, 119), i -> date_add('minute', i, TIMESTAMP '2026-10-25 00:00:00.000 UTC'))"
    hours = f"SELECT date_trunc('hour', u AT TIME ZONE 'Europe/Vienna') AS h FROM UNNEST({minutes}) t(u)"
    found = texts(answer(opened, f"SELECT to_unixtime(h), count(*) FROM ({hours}) GROUP BY h ORDER BY h"))
    assert found == "1.7928864E9|60 ; 1.79289E9|60"


@pytest.mark.parametrize(
    ("local", "zone"),
    [
        ("2026-10-25 02:30:00", "Europe/Vienna"),
        ("2026-10-25 03:00:00", "Europe/Vienna"),
        ("2026-10-25 01:59:59", "Europe/Vienna"),
        ("2026-11-01 01:30:00", "America/New_York"),
        ("2026-04-05 01:45:00", "Australia/Lord_Howe"),
        ("2026-03-29 03:00:00", "Europe/Vienna"),
    ],
)
def test_a_local_time_that_comes_twice_is_the_first(opened: QueryEngine, local: str, zone: str) -> None:
    exact = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).timestamp()  # fold=0: the first
    assert _seconds(opened, f"TIMESTAMP '{local} {zone}'") == exact
    assert _seconds(opened, f"with_timezone(TIMESTAMP '{local}', '{zone}')") == exact
