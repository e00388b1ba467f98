"""Impossible travels: too far too soon, between neighbours in event time."""

from __future__ import annotations

import pytest

from sluice.contracts import Travel
from sluice.ingestion.rules import found as bounds
from tests.sluice.ingestion.rules.watching import Function, event, ids, rule, visits

BERLIN, PARIS, NEAR_BERLIN = (52.52, 13.405), (48.8566, 2.3522), (52.6, 13.5)
HOUR = 3600


def function(**more: float) -> Function:
    fast = {"faster_than_kmh": 1000.0, "farther_than_km": 0.0, **more}
    return Function(visits(rule(travel=Travel("who", "at", "lat", "lon", **fast))))


def seen(
    name: str, seconds: float | None, place: tuple[float | None, float | None], who: str | None = "w"
) -> dict[str, object]:
    return event(name, seconds, who=who, lat=place[0], lon=place[1])


def test_a_travel_says_from_where_to_where_how_far_and_how_soon() -> None:
    (found,) = function().batch(seen("b", 600, PARIS), seen("a", 0, BERLIN))
    assert [record["id"] for record in found.records] == ["a", "b"]
    assert (found.key, found.count) == ({"who": "w"}, 2)
    assert found.measured["kilometres"] == pytest.approx(878, abs=2)
    assert found.measured["seconds"] == 600


@pytest.mark.parametrize(("seconds", "impossible"), [(0, True), (HOUR * 0.87, True), (HOUR * 0.89, False)])
def test_what_an_aeroplane_flies_is_possible(seconds: float, impossible: bool) -> None:
    assert bool(function().batch(seen("a", 0, BERLIN), seen("b", seconds, PARIS))) is impossible


def test_the_other_side_of_the_earth_and_the_date_line() -> None:
    (found,) = function().batch(seen("a", 0, (0.0, 0.0)), seen("b", 60, (0.0, 180.0)))
    assert found.measured["kilometres"] == pytest.approx(20_015, abs=1)
    assert function(farther_than_km=100).batch(seen("a", 0, (0.0, 179.9)), seen("b", 1, (0.0, -179.9))) == []


def test_a_small_jump_is_none() -> None:
    near = [seen("a", 0, BERLIN), seen("b", 1, NEAR_BERLIN)]
    assert len(function().batch(*near)) == 1
    assert function(farther_than_km=100).batch(*near) == []


def test_who_or_where_or_when_unknown_is_no_travel() -> None:
    home = seen("a", 0, BERLIN)
    for other in (
        seen("b", 1, PARIS, who=None), seen("b", 1, PARIS, who="other"), seen("b", None, PARIS),
        seen("b", 1, (None, 2.0)), seen("b", 1, (2.0, None)),
    ):  # fmt: skip
        assert function().batch(home, other) == []
    assert function().batch() == []


def test_two_payloads_of_one_event_are_no_travel() -> None:
    assert function().batch(seen("a", 0, BERLIN), seen("a", 0, PARIS)) == []
    found = function().batch(seen("a", 0, BERLIN), seen("c", 0, PARIS), seen("a", 0, BERLIN))
    assert len(found) == 1


def test_there_and_back_is_two() -> None:
    found = function().batch(seen("a", 0, BERLIN), seen("b", 60, PARIS), seen("c", 120, BERLIN))
    assert len(set(ids(found))) == 2


def test_a_travel_over_two_batches_is_found_late_ones_too() -> None:
    one, other = seen("a", 0, BERLIN), seen("b", 60, PARIS)
    warm, backwards = function(), function()
    assert warm.batch(one) == backwards.batch(other) == []
    (found,), (late,) = warm.batch(other), backwards.batch(one)
    assert found.event_id == late.event_id == function().batch(one, other)[0].event_id


def test_the_same_batch_again_gives_the_same_event() -> None:
    warm = function()
    warm.batch(seen("z", -60, BERLIN))
    events = [seen("a", 0, PARIS), seen("b", 60, PARIS), seen("c", 120, BERLIN), seen("d", 1e6, BERLIN)]
    first = warm.batch(*events)
    assert len(first) == 2
    assert set(ids(warm.batch(*events, again=True))) <= set(ids(first))


def test_the_last_place_of_each_key_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    warm = function()
    warm.batch(*(seen(str(n), n, BERLIN, who=f"w{n % 3}") for n in range(30)))
    (memory,) = warm.memory.values()
    assert sorted(memory["id"].to_pylist()) == ["27", "28", "29"]
    monkeypatch.setattr(bounds, "MOST_ROWS", 10)
    warm.batch(*(seen(f"x{n}", n, BERLIN, who=f"x{n}") for n in range(30)), arrives=1)
    (memory,) = warm.memory.values()
    assert memory.num_rows == 10


def test_memory_reaches_as_far_as_the_slowest_impossible_travel() -> None:
    warm = function(faster_than_kmh=20_015.0)
    warm.batch(seen("a", 0, BERLIN), arrives=0)
    warm.batch(seen("x", 0, BERLIN, who="x"), arrives=3_700)
    (memory,) = warm.memory.values()
    assert memory["id"].to_pylist() == ["x"]
