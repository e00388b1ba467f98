"""Waiting looks at what is open, and at everything before it says that nothing is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from sluice.cli import wait as waiting
from sluice.cli.dead_letters import DeadLetter
from sluice.cli.deployment import Deployment
from sluice.cli.derived import DerivedStatus
from sluice.cli.status import DatasetStatus, Status
from sluice.cli.streams import StreamsStatus
from sluice.ingestion.dead_letters import FileLetter
from sluice.ingestion.landing import Notice


def seen(*open_keys: str, delivered: int = 0, running: int = 0) -> Status:
    """A state with deliveries of these keys open."""
    return Status(
        datasets={"orders": DatasetStatus("orders")},
        contracted=frozenset({"orders"}),
        delivered=delivered or len(open_keys),
        open_notices=tuple(Notice("landing", key, "1", 1) for key in open_keys),
        dead_letters={},
        running=running,
        streams=StreamsStatus(),
    )


Watch = Callable[..., tuple[Status, list[str]]]


@pytest.fixture
def forward() -> list[dict[str, Any]]:
    """What was brought forward."""
    return []


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch, forward: list[dict[str, Any]]) -> Watch:
    """Waits while whole reads and polls find these states, in this order; each is (kind, state)."""

    def run(*states: tuple[str, Status], timeout: float = 60.0) -> tuple[Status, list[str]]:
        left: Iterator[tuple[str, Status]] = iter(states)

        def look(kind: str) -> Callable[..., Status]:
            def found(*_: Any) -> Status:
                expected, state = next(left)
                assert kind == expected
                return state

            return found

        monkeypatch.setattr(waiting, "read_status", look("whole"))
        monkeypatch.setattr(waiting, "poll", look("poll"))
        monkeypatch.setattr(waiting, "_POLL_SECONDS", 0.0)

        def bring(_: Deployment, **what: Any) -> list[str]:
            forward.append(what)
            return list(what.get("datasets", ()))

        monkeypatch.setattr(waiting, "bring_forward", bring)
        answer = waiting.wait(Deployment({}), timeout=timeout)
        assert next(left, None) is None
        return answer

    return run


def test_what_came_during_the_wait_is_waited_for_too(watch: Watch) -> None:
    done = seen(delivered=2)
    states = ("whole", seen("a")), ("poll", seen()), ("whole", seen("b")), ("poll", seen()), ("whole", done)
    assert watch(*states) == (done, [])


def test_a_running_refresh_is_waited_for_with_polls(watch: Watch) -> None:
    running, done = seen(running=1), seen(delivered=1)
    assert watch(("whole", running), ("poll", running), ("poll", done), ("whole", done)) == (done, [])


def test_what_is_staged_and_what_waits_for_its_turn_is_brought_forward_once_for_each_change(
    watch: Watch, forward: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_REFRESH_HURRY_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "_grace", lambda _: 60.0)
    monkeypatch.setattr(waiting, "_HURRY_SECONDS", 0.0)
    done = seen(delivered=1)
    late = replace(done, derived=(replace(behind("behind"), due=9e9),))
    more = replace(late, derived=(replace(behind("behind"), due=9e9, behind_since=3.0),))
    running, failing = replace(late, running=1), replace(late, derived=(behind("failed", "broken"),))
    watch(
        ("whole", seen("orders/a")), ("poll", late), ("whole", late), ("poll", running), ("poll", more),
        ("whole", more),
        ("poll", running), ("poll", failing), ("whole", failing), ("poll", done), ("whole", done),
    )  # fmt: skip
    commits, refresh = {"datasets": ["orders"]}, {"tables": "*", "start": True}
    assert forward == [commits, refresh, refresh]


def test_where_something_arrives_all_the_time_waiting_brings_it_forward_ever_more_seldom(
    watch: Watch, forward: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(waiting.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(waiting.time, "sleep", lambda _: clock.__setitem__(0, clock[0] + 0.5))
    busy, done = seen("orders/a"), seen()
    watch(("whole", busy), *[("poll", busy)] * 1200, ("poll", done), ("whole", done), timeout=3600.0)
    assert len(forward) < 30
    assert all(each == {"datasets": ["orders"]} for each in forward)


def letter(key: str, due: float | None) -> DeadLetter:
    notice = Notice("landing", key, "1", 1)
    return DeadLetter("m", notice.uri, "1", "AccessDenied", due, FileLetter(notice, 1, "", died=False, at=0.0))


def test_a_dead_letter_that_waits_for_people_is_told_at_the_end_and_what_else_is_open_is_waited_for(
    watch: Watch,
) -> None:
    dead = replace(seen("a", "b"), letters=(letter("a", None),))
    done = replace(seen("a"), letters=(letter("a", None),))
    answer = watch(("whole", dead), ("poll", dead), ("poll", done), ("whole", done))
    assert answer == (done, ["s3://landing/a is a dead letter: AccessDenied"])


def test_a_dead_letter_that_is_tried_again_is_waited_for(watch: Watch) -> None:
    dead, done = replace(seen("a"), letters=(letter("a", 1.0),)), seen(delivered=1)
    assert watch(("whole", dead), ("poll", dead), ("poll", done), ("whole", done)) == (done, [])


def test_what_is_still_open_at_the_end_is_named_from_a_fresh_look(watch: Watch) -> None:
    states = ("whole", seen("orders/a.csv", "orders/b.csv")), ("whole", seen("orders/b.csv"))
    assert watch(*states, timeout=0)[1] == ["not done after 0 s: s3://landing/orders/b.csv"]


def behind(state: str, error: str = "") -> DerivedStatus:
    return DerivedStatus("silver.orders", state, 1.0, 2.0, error=error, failures=int(bool(error)))  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["behind", "never made"])
def test_a_table_that_stays_behind_without_a_refresh_is_named(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(waiting, "_grace", lambda _: -1.0)
    stays = replace(seen(delivered=1), derived=(behind(state),))
    assert watch(("whole", stays), ("whole", stays))[1] == ["silver.orders is behind, and no refresh runs"]


def test_a_table_that_fails_is_an_end_with_its_reason(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_grace", lambda _: -1.0)
    fails = replace(seen(delivered=1), derived=(behind("failed", "CheckFailed: why"),))
    assert watch(("whole", fails), ("whole", fails))[1] == ["silver.orders failed 1 time since : CheckFailed: why"]


def test_a_table_that_awaits_its_first_rows_is_not_behind(watch: Watch) -> None:
    waits = replace(seen(delivered=1), derived=(behind("no rows yet"),))
    assert watch(("whole", waits)) == (waits, [])
