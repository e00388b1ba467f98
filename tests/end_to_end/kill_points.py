"""Where functions can be killed: at each AWS call that they make in an undisturbed run, before it or after."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

from tests.end_to_end.running import Deployment
from tests.laws import fresh_seed

Result = TypeVar("Result")
#: Without these calls a recording is not of a delivery from its arrival to its end.
_EXPECTED = {"glue:UpdateTable", "s3:PutObject", "dynamodb:BatchWriteItem", "sqs:SendMessage", "events:PutEvents"}


@dataclass(frozen=True)
class Point:
    """The ``n``-th call of this action by this function: where it is killed, before or after the call."""

    caller: str
    service: str
    action: str
    n: int
    when: str

    def __str__(self) -> str:
        return f"{self.when} {self.service}:{self.action} #{self.n} of {self.caller.split('-')[3]}"


def recorded(
    deployed: Deployment, functions: set[str], run: Callable[[], Result], *, without: tuple[str, ...] = ()
) -> tuple[list[Point], Result]:
    """Return the points of ``functions`` in one run, and what it returned; actions that begin ``without`` are none."""
    deployed.localaws("POST", "faults/record")
    result = run()
    calls = deployed.localaws("GET", "faults/calls")
    counted: Counter[tuple[str, str, str]] = Counter(
        (call["caller"], call["service"], call["action"])
        for call in calls
        if call["caller"] in functions and not call["action"].startswith(without)
    )
    found = [
        Point(*who, n, when)
        for who, count in counted.items()
        for n in range(1, count + 1)
        for when in ("before", "after")
    ]
    callers = Counter(call["caller"] for call in calls)
    assert {point.caller for point in found} == functions, f"only these called: {callers}"
    assert {f"{point.service}:{point.action}" for point in found} >= _EXPECTED
    return found, result


def share_of(points: Sequence[Point], share: int) -> Sequence[Point]:
    """Return every ``share``-th point, from one by chance, which is printed."""
    first = fresh_seed() % min(share, len(points))
    sys.stdout.write(f"every {share}th of {len(points)} points, from the {first}th\n")
    return points[first::share]


def killed_at(
    deployed: Deployment, points: Sequence[Point], run: Callable[[int], Result]
) -> tuple[dict[Point, Result], list[str]]:
    """Run once for each point with the kill armed there; return what each run returned, and points not reached."""
    missed, results = [], {}
    for number, point in enumerate(points):
        deployed.localaws("POST", "faults/arm", asdict(point))
        results[point] = run(number)
        if deployed.localaws("POST", "faults/disarm") is None:
            missed.append(str(point))
    return results, missed


def most_were_reached(points: Sequence[Point], missed: list[str]) -> None:
    """Assert that the faults struck: a run may make fewer calls of a kind than the recorded one, but not many."""
    if missed:
        sys.stdout.write(f"never reached: {', '.join(missed)}\n")
    assert len(missed) <= max(1, len(points) / 5), missed
    assert len(missed) < len(points), "nothing was killed"
