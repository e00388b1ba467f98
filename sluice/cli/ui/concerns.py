"""What runs, what waits and what failed in a deployment: each with the reason, and with the next command."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sluice.cli.dead_letters import DeadLetter
from sluice.cli.derived import DerivedStatus
from sluice.cli.status import DatasetStatus, Status, lasting, next_try
from sluice.compiled import PAUSED
from sluice.counted import counted
from sluice.ledger import UNKNOWN


@dataclass(frozen=True)
class Concern:
    """One thing that runs, waits or failed.

    ``of`` is the dataset or derived table that it is about, empty for the whole deployment; ``next`` are commands, one
    of which is the next thing to do; it is empty where all goes on by itself.
    """

    of: str
    what: str
    why: str = ""
    next: tuple[str, ...] = ()


_WAIT = ("sluice status --wait",)


def running(status: Status) -> Iterator[Concern]:
    """Yield what goes on by itself now."""
    if status.running:
        yield Concern("", counted(status.running, "refresh runs", "refreshes run"), "", _WAIT)
    # Those of dead letters failed, tried again or not.
    dead = {each.letter.notice.delivery_id for each in status.letters if each.letter}
    pending = [notice for notice in status.pending if notice.delivery_id not in dead]
    coming = Counter(notice.dataset for notice in pending)
    for name, files in sorted(coming.items()):
        first = next(notice.uri for notice in pending if notice.dataset == name)
        more = f" and {files - 1:,} more" if files > 1 else ""
        yield Concern(name, counted(files, "file is on its way", "files are on their way"), f"{first}{more}", _WAIT)
    for shard in status.streams.shards:
        if shard.behind:
            why = f"the oldest has waited for {lasting(shard.lag)}"
            yield Concern(shard.dataset, f"records of {shard.counts.shard} are on their way", why, _WAIT)
        if shard.in_flight:
            what = counted(shard.in_flight, "earlier record", "earlier records")
            why = "a batch that runs beside others of its shard is still at work on them"
            yield Concern(shard.dataset, f"{what} of {shard.counts.shard} in no table yet", why, _WAIT)
    if status.streams.staged:
        yield Concern("", counted(status.streams.staged, "unit of streams is staged", "units of streams are staged"))


def waiting(status: Status, *, now: float, landing: str) -> Iterator[Concern]:
    """Yield what waits: for a refresh, for somebody, for data; ``now`` is in seconds since the epoch."""
    empty = []
    for table in status.derived:
        if table.state == "held":
            yield Concern(table.table, "is held as it is", table.held, _ends_hold(table))
        elif table.state in ("behind", "never made"):
            yield _behind(table, status, now)
        elif table.state == "no rows yet":
            empty.append(table.table)
    yield from _late(status, now)
    yield from _nothing_yet(status, landing)
    if empty:
        what = counted(len(empty), "derived table waits for its first rows", "derived tables wait for their first rows")
        yield Concern("", what, "no table that they are made from ever held a row")


def failed(status: Status, *, now: float) -> Iterator[Concern]:
    """Yield what failed: all that `sluice status` calls a problem, and newest files that brought nothing."""
    for each in status.letters:
        yield _dead(each, now)
    for unit in status.aside:
        files = ", ".join(unit.files[:3]) or counted(unit.records, "record")
        commands = ("sluice redrive", f"sluice discard {shlex.quote(unit.attempt)}")
        yield Concern(unit.dataset, f"{files} cannot be committed", unit.error, commands)
    for problem in status.problems_of_queues:
        yield Concern("", problem)
    if batches := len(status.streams.failed_batches):
        what = counted(batches, "batch of streams failed", "batches of streams failed")
        yield Concern("", what, "the sweep tries them again", ("sluice redrive",))
    for name, numbers in status.datasets.items():
        for finding in numbers.findings:
            yield Concern(name, finding, "", (f"sluice status {shlex.quote(name)}",))
        if numbers.refusal:
            yield _refusal(numbers)
    for table in status.derived:
        if table.failure:
            what = (
                f"failed {counted(table.failures, 'time', 'times')} since {table.failing_since[:19].replace('T', ' ')}"
            )
            yield Concern(table.table, what, table.error, (f"sluice runs {table.table} --failed", "sluice deploy"))


def noted(status: Status) -> Iterator[Concern]:
    """Yield what went wrong within the hour and may be over: calls of functions that failed or died."""
    for name, count in sorted(status.function_errors.items()):
        what = f"{name} failed or died {counted(count, 'time', 'times')} within the hour"
        yield Concern("", what, "its log says why; what it worked on is tried again by itself")


def _dead(letter: DeadLetter, now: float) -> Concern:
    of = letter.letter.notice.dataset if letter.letter else ""
    what = f"{letter.name} is a dead letter"
    if again := next_try(letter, now):
        return Concern(of, f"{what}, {again}", letter.reason)
    given_up = f"sluice discard {shlex.quote(letter.name)}"
    return Concern(of, what, letter.reason, ("sluice redrive", given_up) if letter.file else (given_up,))


def _behind(table: DerivedStatus, status: Status, now: float) -> Concern:
    what = "is behind" if table.state == "behind" else "was never made"
    since = "" if table.behind_since is None else f" for {lasting(max(0.0, now - table.behind_since))}"
    promised = status.freshness_seconds.get(table.table)
    late = promised is not None and table.behind_since is not None and now - table.behind_since > promised
    why = f"later than promised: it is to be at most {lasting(promised or 0)} old" if late else "a refresh is due"
    return Concern(table.table, f"{what}{since}", why, _WAIT if status.running else ("sluice refresh", "sluice plan"))


def _late(status: Status, now: float) -> Iterator[Concern]:
    """Yield each dataset whose newest data is older than its contract promises."""
    for name, numbers in status.datasets.items():
        promised = status.freshness_seconds.get(f"bronze.{name}")
        if promised is not None and numbers.last and now - numbers.last > promised:
            what = f"nothing has arrived for {lasting(now - numbers.last)}"
            why = f"its contract promises data that is at most {lasting(promised)} old"
            yield Concern(name, what, why, (f"sluice status {shlex.quote(name)}",))


def _refusal(numbers: DatasetStatus) -> Concern:
    """Return why the newest file of a dataset brought nothing into its table, or is in no dataset's folder."""
    status = f"sluice status {shlex.quote(numbers.name)}"
    file, error = next(((file, error) for file, error in numbers.refused if error in numbers.refusal), ("", ""))
    if not file:  # each of its records is in quarantine
        return Concern(numbers.name, numbers.refusal, "", (status,))
    why = error.removeprefix(f"{file}: ")
    if numbers.name == UNKNOWN:
        return Concern("", f"{file} is in no dataset's folder", why, (f"sluice discard {shlex.quote(file)}",))
    return Concern(numbers.name, f"no row of its newest file, {file}, is in its table", why, (status,))


def _nothing_yet(status: Status, landing: str) -> Iterator[Concern]:
    streamed = {shard.dataset for shard in status.streams.shards}
    empty = [name for name, numbers in status.datasets.items() if name != UNKNOWN and not numbers.last]
    for names, how in (
        ([name for name in empty if name not in streamed], "aws s3 cp FILE s3://{landing}/{name}/"),
        ([name for name in empty if name in streamed], "sluice send {name} FILE"),
    ):
        if names:
            example = how.format(landing=landing, name=names[0])
            what = counted(len(names), "dataset has no data yet", "datasets have no data yet")
            yield Concern("", what, _named(names), (example,))


def _named(names: list[str], most: int = 8) -> str:
    """Return names as a list for people, the first ones of many."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _ends_hold(table: DerivedStatus) -> tuple[str, ...]:
    return (f"sluice {'resume' if table.held.startswith(PAUSED) else 'backfill'} {table.table}",)
