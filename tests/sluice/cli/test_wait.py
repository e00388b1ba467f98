"""Waiting looks at what is open, and at everything before it says that nothing is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sluice.cli import wait as waiting
from sluice.cli.status import DatasetStatus, Status
from sluice.cli.streams import StreamsStatus
from sluice.ingestion.landing import Notice


def seen(*open_keys: str, delivered: int = 0, running: int = 0, dead: int = 0) -> Status:
    """A state with deliveries of these keys open."""
    return Status(
        datasets={"orders": DatasetStatus("orders")},
        contracted=frozenset({"orders"}),
        delivered=delivered or len(open_keys),
        open_notices=tuple(Notice("landing", key, "1", 1) for key in open_keys),
        dead_letters={"CommitDeadLetterQueueUrl": dead},
        running=running,
        streams=StreamsStatus(),
    )


Watch = Callable[..., tuple[Status, list[str]]]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Waits while whole looks and glances find these states, in this order; each is (kind, state)."""

    def run(*states: tuple[str, Status], timeout: float = 60.0) -> tuple[Status, list[str]]:
        left: Iterator[tuple[str, Status]] = iter(states)

        def look(kind: str) -> Callable[..., Status]:
            def found(*_: Any) -> Status:
                expected, state = next(left)
                assert kind == expected
                return state

            return found

        monkeypatch.setattr(waiting, "read_status", look("whole"))
        monkeypatch.setattr(waiting, "glance", look("glance"))
        monkeypatch.setattr(waiting, "_POLL_SECONDS", 0.0)
        answer = waiting.wait({}, timeout=timeout)
        assert next(left, None) is None
        return answer

    return run


def test_what_came_during_the_wait_is_waited_for_too(watch: Watch) -> None:
    done = seen(delivered=2)
    states = ("whole", seen("a")), ("glance", seen()), ("whole", seen("b")), ("glance", seen()), ("whole", done)
    assert watch(*states) == (done, [])


def test_a_running_refresh_is_waited_for_with_glances(watch: Watch) -> None:
    running, done = seen(running=1), seen(delivered=1)
    assert watch(("whole", running), ("glance", running), ("glance", done), ("whole", done)) == (done, [])


def test_a_dead_letter_ends_the_wait(watch: Watch) -> None:
    dead = seen("a", dead=2)
    assert watch(("whole", seen("a")), ("glance", dead)) == (dead, ["2 dead letters in CommitDeadLetterQueueUrl"])


def test_what_is_still_open_at_the_end_is_named(watch: Watch) -> None:
    assert watch(("whole", seen("orders/a.csv")), timeout=0)[1] == ["not done after 0 s: s3://landing/orders/a.csv"]


def test_a_table_that_stays_behind_without_a_refresh_is_named(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    state = seen(delivered=1)
    state.datasets["orders"].deliveries["committed"] = 1
    monkeypatch.setattr(waiting, "_behind", lambda _: ["silver.orders"])
    monkeypatch.setattr(waiting, "_last_execution", lambda _: "FAILED")
    monkeypatch.setattr(waiting, "_last_errors", lambda _: {"silver.orders": "; its last run failed: why"})
    assert watch(("whole", state))[1] == [
        "silver.orders is behind, and no refresh is running; its last run failed: why"
    ]
