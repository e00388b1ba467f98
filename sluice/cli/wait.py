"""Waiting until every delivery is accounted for and the derived tables are up to date."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sluice.cli.deployment import Deployment, client
from sluice.cli.planning import bring_forward
from sluice.cli.shard_batches import batches_of
from sluice.cli.status import Status, poll, read_status
from sluice.counted import counted

if TYPE_CHECKING:
    from rich.console import Console

_POLL_SECONDS = 0.5
#: Polling takes at most this share of the time, since it may slow the work that is waited for.
_SHARE = 0.2
#: Seconds without a running execution, with tables still behind, after which the refresh counts as not started.
_REFRESH_GRACE_SECONDS = 20.0
#: Most seconds from a commit to the start of the refresh that it causes.
_START_SECONDS = 3.0
#: Most seconds until the sweep starts a refresh again that died.
_SWEEP_SECONDS = 90.0
_SAY_SECONDS = 30.0
#: Seconds after which what waits of a dataset is brought forward again, a quarter longer each time and a minute at
#: most: where something arrives all the time, waiting for it makes few commits.
_HURRY_SECONDS, _HURRY_GROWTH, _LONGEST_HURRY_SECONDS = 1.0, 1.25, 60.0
#: Seconds between two times that a refresh is asked for; it takes a moment to start.
_REFRESH_HURRY_SECONDS = 5.0
#: How often a refresh is asked for because of the same change of a table.
_MOST_TRIES = 2
#: Most things of a kind that are named.
_NAMED = 5


def wait(
    deployment: Deployment, *, timeout: float, progress: Callable[[Status], None] = lambda _: None
) -> tuple[Status, list[str]]:
    """Wait until every delivery has a final state and no refresh is due; return the state and its problems.

    What is waited for comes now, whatever its latency. What only people can resolve is not waited for and is among the
    problems: a dead letter not tried any more, a unit set aside, a table that fails.
    """
    deadline = time.monotonic() + timeout
    idle_since: float | None = None
    batches, hurry = batches_of(deployment), _Hurry(deployment)
    status, whole, pause = read_status(deployment, batches), True, _POLL_SECONDS
    while True:
        progress(status)
        behind: list[str] = []
        if working(status):
            idle_since = None
            hurry.commits(status)
        elif not whole:  # read everything once more, for deliveries that arrived meanwhile
            status, whole = read_status(deployment, batches), True
            continue
        else:
            behind = _behind(status)
            if not behind:
                return status, status.problems
            hurry.refresh(status)
            idle_since = idle_since or time.monotonic()
            if time.monotonic() - idle_since > _grace(deployment):
                return read_status(deployment, batches), status.problems or [
                    f"{t} is behind, and no refresh runs" for t in behind
                ]
        if time.monotonic() > deadline:
            status = read_status(deployment, batches)
            return status, [
                f"not done after {timeout:.0f} s: {', '.join(waited_for(status, behind))}",
                *status.problems,
            ]
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        began = time.monotonic()
        status, whole = poll(status, deployment, batches), False
        pause = max(_POLL_SECONDS, (time.monotonic() - began) * (1 / _SHARE - 1))


class _Hurry:
    """Brings forward what a latency lets wait, not too often."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._next = 0.0
        self._pauses: dict[str, float] = {}
        self._next_of: dict[str, float] = {}
        self._asked = 0.0
        self._tried: Counter[tuple[str, float | None]] = Counter()

    def commits(self, status: Status) -> None:
        """Have committed what is waited for."""
        now = time.monotonic()
        wanted = [name for name in _datasets(status) if self._next_of.get(name, 0.0) <= now]
        if not wanted or now < self._asked:
            return
        self._asked = now + _HURRY_SECONDS
        for name in bring_forward(self._deployment, datasets=wanted):
            pause = self._pauses.get(name, _HURRY_SECONDS)
            self._next_of[name] = now + pause
            self._pauses[name] = min(pause * _HURRY_GROWTH, _LONGEST_HURRY_SECONDS)

    def refresh(self, status: Status) -> None:
        """Have the tables refreshed that changed since their last turn; each again only when a refresh was lost."""
        waiting = {(table.table, table.behind_since) for table in status.derived if table.due is not None}
        wanted = {each for each in waiting if self._tried[each] < _MOST_TRIES}
        if wanted and time.monotonic() >= self._next:
            bring_forward(self._deployment, tables="*", start=True)
            self._tried.update(wanted)
            self._next = time.monotonic() + _REFRESH_HURRY_SECONDS


class Progress:
    """Prints the progress of waiting: on a terminal in one changing line, elsewhere a line every half minute."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner = console.status("waiting", spinner="dots")
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._spinner.stop()

    def show(self, status: Status) -> None:
        """Print the progress after one poll."""
        now = time.monotonic()
        ended = status.delivered - len(status.open_notices)
        text = (
            f"{now - self._began:.0f} s: {ended:,} of {status.delivered:,} deliveries accounted for; "
            f"waiting for {', '.join(waited_for(status))}"
        )
        if self._console.is_terminal:
            self._spinner.update(text[: self._console.width - 4])
        elif now - self._said >= _SAY_SECONDS:
            self._said = now
            self._console.print(text, highlight=False, soft_wrap=True)


def working(status: Status) -> bool:
    """Return whether any work goes on that needs no help from people."""
    return bool(status.pending or status.running or not status.streams.accounted or status.streams.failed_batches)


def waited_for(status: Status, behind: Sequence[str] = ()) -> list[str]:
    """Return phrases for people about what is waited for, the first of each kind by name."""
    what = [notice.uri for notice in status.pending[:_NAMED]]
    what += [f"{counted(len(status.pending) - _NAMED, 'more file')}"] if len(status.pending) > _NAMED else []
    what += status.streams.on_their_way[:_NAMED]
    what += (
        [f"{counted(len(status.streams.failed_batches), 'failed batch', 'failed batches')}"]
        if status.streams.failed_batches
        else []
    )
    what += [f"{counted(status.running, 'refresh', 'refreshes')} under way"] if status.running else []
    return what + list(behind[:_NAMED]) or ["nothing"]


def _datasets(status: Status) -> list[str]:
    """Return the datasets of which something is on its way to its table."""
    streams = () if status.streams.accounted else status.streams.shards
    return sorted({notice.dataset for notice in status.pending} | {shard.dataset for shard in streams})


def _behind(status: Status) -> list[str]:
    """Return the derived tables that are behind, without those that wait for their first rows."""
    return [table.table for table in status.derived if table.state in ("behind", "never made", "failed")]


def _grace(deployment: Deployment) -> float:
    """Return the seconds without a running refresh, with tables behind, after which waiting ends."""
    workflow = client("stepfunctions")
    answer = workflow.list_executions(stateMachineArn=deployment.settings.refresh_machine, maxResults=20)
    ended = [execution for execution in answer["executions"] if "stopDate" in execution]
    newest = max(ended, key=lambda execution: execution["stopDate"], default=None)
    if newest is None or newest["status"] != "FAILED":
        return _REFRESH_GRACE_SECONDS
    last = workflow.describe_execution(executionArn=newest["executionArn"])
    # The sweep starts an execution again that died, but not one in which a table's run failed.
    return _START_SECONDS if last.get("error") == "RefreshFailed" else _SWEEP_SECONDS
