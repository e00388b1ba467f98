"""A deployment whose clock is simulated: the functions themselves, on a small ledger, queue, bus and workflow.

What is staged, committed and made are numbers; when each of them came about is what tests look at. Commits and waves
take time, in which everything else goes on. Whatever works may die: before and after each call of the ledger and each
message, in a commit, in a plan, in a run, and a whole execution of the workflow.
"""

from __future__ import annotations

import heapq
import itertools
import json
import math
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.commit_table import handler as committer
from lambdas.plan_refresh import handler as planner
from sluice import pace, pace_items
from sluice.compiled import CompiledTransform, Pause
from sluice.contracts import Arrival, Column, DerivedContract, LandingContract, parse_type
from sluice.ingestion import retry, sweep, wake
from sluice.ingestion.commit import Call, Drained
from sluice.ingestion.stage import StagedUnit
from sluice.project import Project
from sluice.refresh import plan, starting
from sluice.refresh.engine import Choice
from sluice.refresh.plan import State
from sluice.refresh.record import Rollback
from sluice.settings import Settings
from tests.sluice.small_dynamodb import SmallDynamoDb

NOON = 1_800_000_000.0
SETTINGS = Settings(
    ledger_table="ledger", commit_queue_url="commits", landing_dead_letters_url="a", commit_dead_letters_url="b",
    refresh_dead_letters_url="c", refresh_machine="machine", lake_bucket="lake",
)  # fmt: skip
#: Seconds that a message or event is on its way; that a received message is hidden; that SQS hides one at most.
_WAY, _HIDDEN, _LONGEST_HIDDEN = 0.2, 100.0, 43_200
#: Seconds that a committer may run.
_TIME_OUT = 90.0
#: How often a message is received at most, and how many a call is given.
_MOST_RECEIVED, _BATCH = 5, 10
_COLUMNS = (Column("id", parse_type("string")),)


class Killed(BaseException):
    """The end of a function that nothing catches."""


class Broken(BaseException):
    """A law that is broken, which no function may catch."""


class Skewed:
    """A clock that goes before or after that of a shop."""

    def __init__(self, shop: Shop, seconds: float) -> None:
        self._shop, self._seconds = shop, seconds

    def time(self) -> float:
        return self._shop.now + self._seconds


def project(latencies: dict[str, int], made_of: dict[str, tuple[str, ...]]) -> Project:
    """Return a project with these tables, the derived ones by what they are made of."""
    contracts: list[Any] = []
    for table, seconds in latencies.items():
        database, _, name = table.partition(".")
        if table in made_of:
            contracts.append(DerivedContract(name, database, _COLUMNS, latency_seconds=seconds))
        else:
            arrival = Arrival("json", stream=True)
            contracts.append(LandingContract(name, database, _COLUMNS, latency_seconds=seconds, arrival=arrival))
    transforms = [
        CompiledTransform(table, {f"t{n}": name for n, name in enumerate(inputs)}, "", "f")
        for table, inputs in made_of.items()
    ]
    return Project(tuple(contracts), tuple(transforms))


@dataclass
class Commit:
    """One commit of a dataset: its units, by when they were staged."""

    at: float
    units: list[float]


@dataclass
class Shop:
    """The deployment; ``chance`` decides what dies where ``deaths`` is above 0.

    A commit takes ``commit_seconds`` and a wave of a refresh ``wave_seconds``; runs of ``failing`` tables fail, and
    those of tables in ``killed`` are killed so often. Tables that are ``paused`` are held as they are.
    """

    project: Project
    deaths: float = 0.0
    commit_seconds: float = 0.0
    wave_seconds: float = 2.0
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    now: float = NOON
    staged: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    commits: dict[str, list[Commit]] = field(default_factory=lambda: defaultdict(list))
    runs: dict[str, list[tuple[float, dict[str, int]]]] = field(default_factory=lambda: defaultdict(list))
    calls: Counter[str] = field(default_factory=Counter)
    executions: list[float] = field(default_factory=list)
    most_pending: Counter[str] = field(default_factory=Counter)
    known: dict[str, float] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    killed: Counter[str] = field(default_factory=Counter)
    #: Datasets with a request to retract something, and when each was done.
    retractions: set[str] = field(default_factory=set)
    retracted: dict[str, float] = field(default_factory=dict)
    hidden_for: list[int] = field(default_factory=list)
    tried: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._groups: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        self._sent: dict[str, float] = {}
        self._contents: dict[str, dict[str, int]] = {t.table: {} for t in self.project.transforms}
        self._made_from: dict[str, dict[str, str]] = {}
        self._running = self._asked_again = False
        self._history: list[dict[str, Any]] = []
        self._draining: dict[str, float] = {}
        self._number = 0
        self._dynamodb = SmallDynamoDb()

    # ---- what tests do

    def at(self, moment: float, do: Callable[[], None]) -> None:
        """Do something at a moment."""
        heapq.heappush(self._agenda, (moment, next(self._numbers), do))

    def run(self, until: float, *, sweeps: bool = True) -> None:
        """Let time pass until that moment."""
        if sweeps:
            minute = self.now // 60 * 60 + 60
            while minute < until:
                self.at(minute, self._sweep)
                minute += 60
        while self._agenda and self._agenda[0][0] <= until:
            self.now, _, do = heapq.heappop(self._agenda)
            do()
        self.now = until

    def arrive(self, dataset: str) -> None:
        """Stage something of a dataset, and have it committed."""
        self.staged[dataset].append(self.now)
        if self._dies():
            return
        try:
            wake.wake_committers(SETTINGS, self.project, [StagedUnit(dataset, f"{self.now}")], self.known)
        except Killed:
            self.known.clear()

    def plan(self, event: dict[str, Any]) -> dict[str, Any]:
        """Ask the planner."""
        answer: dict[str, Any] = planner.handler(event, None)
        return answer

    def version(self, table: str) -> int:
        """Return how often something was committed to a bronze table."""
        return len(self.commits[table.partition(".")[2]])

    @staticmethod
    def read(message: dict[str, Any]) -> dict[str, Any]:
        """Return what a sent message says."""
        said: dict[str, Any] = json.loads(message["MessageBody"])
        return said

    def lose(self, group: str) -> None:
        """Lose the message that is being handled."""
        self._groups[group][0]["received"] = 5

    def abort(self) -> None:
        """Abort the execution that works, as people can."""
        self._end("ABORTED")

    def abort_as(self, status: str) -> None:
        """End the execution that works, with that status."""
        self._end(status)

    def forget_executions(self) -> None:
        """Make the workflow anew, without its past."""
        self._history.clear()

    # ---- what the functions call

    def time(self) -> float:
        """Be the clock of modules."""
        return self.now

    def client(self, service: str, *, patient: bool = False) -> Any:
        """Be every service; what DynamoDB is asked is counted."""
        return _Counting(self, self._dynamodb) if service == "dynamodb" else self

    def send_message(self, **message: Any) -> None:
        """Take a message, unless the queue has had it within five minutes."""
        group, once, body = (message[each] for each in ("MessageGroupId", "MessageDeduplicationId", "MessageBody"))
        if self._dies():
            raise Killed
        self.calls["sqs.send_message"] += 1
        if self.now - self._sent.get(once, -1e9) < 300:
            return
        self._sent[once] = self.now
        if self._dies():
            return  # it goes lost, as one that ended among the dead letters
        self._groups[group].append({"id": once, "body": body, "received": 0, "visible": self.now, "in hand": False})
        pending = sum(not each["in hand"] for each in self._groups[group])
        self.most_pending[group] = max(self.most_pending[group], pending)
        self.at(self.now + _WAY, lambda: self._deliver(group))

    def change_message_visibility(self, *, ReceiptHandle: str, VisibilityTimeout: int, **_: Any) -> None:  # noqa: N803
        """Hide a message for so long."""
        self.calls["sqs.change_message_visibility"] += 1
        if not 0 <= VisibilityTimeout <= _LONGEST_HIDDEN:
            raise Broken("SQS refuses that")
        self.hidden_for.append(VisibilityTimeout)
        for group, messages in self._groups.items():
            for message in messages:
                if message["id"] == ReceiptHandle:
                    message["visible"] = self.now + VisibilityTimeout
                    self.at(message["visible"], lambda group=group: self._deliver(group))  # type: ignore[misc]

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """Start the workflow where the rule says so."""
        self.calls["events.put_events"] += 1
        for entry in Entries:
            if entry["DetailType"] == "RefreshDue" and not self._dies():
                self.at(self.now + _WAY, self._execute)
        return {"FailedEntryCount": 0}

    def list_executions(self, **_: Any) -> dict[str, Any]:
        """Return the executions, newest first."""
        self.calls["states.list_executions"] += 1
        return {"executions": [{"status": "RUNNING"}] * self._running + self._history[-20:][::-1]}

    def describe_execution(self, *, executionArn: int) -> dict[str, Any]:  # noqa: N803
        """Return an execution."""
        self.calls["states.describe_execution"] += 1
        return self._history[executionArn]

    def start_execution(self, **_: Any) -> None:
        """Start the workflow."""
        self.calls["states.start_execution"] += 1
        self.at(self.now + _WAY, self._execute)

    def receive_message(self, **_: Any) -> dict[str, Any]:
        """Return no dead letter."""
        self.calls["sqs.receive_message"] += 1
        return {}

    def get_paginator(self, _: str) -> Shop:
        """Be a paginator of S3."""
        return self

    def paginate(self, *, Prefix: str, **_: Any) -> Iterable[dict[str, Any]]:  # noqa: N803
        """List what is staged."""
        self.calls["s3.list_objects_v2"] += 1
        staged = [name for name, units in self.staged.items() if units]
        found = staged if Prefix.startswith("staging") else sorted(self.retractions) if "retract" in Prefix else []
        return [{"Contents": [{"Key": f"{Prefix}{name}/one.json"} for name in found]}]

    # ---- what the functions do

    def drain(self, settings: Settings, dataset: str, call: Call) -> Drained:
        """Commit what is staged."""
        self.calls["s3.list_objects_v2"] += 1
        began = self.now
        if began - self._draining.get(dataset, -math.inf) < _TIME_OUT:
            raise Broken("two committers at once")
        self._draining[dataset] = began
        try:
            return self._drain(settings, dataset, began)
        finally:
            if self._draining.get(dataset) == began:
                del self._draining[dataset]

    def _work(self, began: float) -> None:
        """Let half of a commit's time pass, in which other calls may begin and end; a call that takes too long dies."""
        self._pass(self.commit_seconds / 2)
        if self.now - began >= _TIME_OUT:
            raise Killed

    def _drain(self, settings: Settings, dataset: str, began: float) -> Drained:
        if self._dies():
            raise Killed
        units = list(self.staged[dataset])
        if dataset in self.retractions:
            self.retractions.discard(dataset)
            self.retracted[dataset] = self.now
        if not units:
            return Drained((), {})
        self._work(began)
        before = {unit for commit in self.commits[dataset][-5:] for unit in commit.units}
        if new := [unit for unit in units if unit not in before]:
            self.commits[dataset].append(Commit(self.now, new))
        if self._dies():
            raise Killed
        changed = {f"bronze.{dataset}": len(self.commits[dataset])}
        starting.publish([("TableChanged", {"table": table}) for table in changed], settings)
        starting.refresh_changed(settings, self.project, changed)
        if self._dies():
            raise Killed
        self._work(began)
        self.staged[dataset] = self.staged[dataset][len(units) :]  # last, so that one that died says it again
        return Drained((), changed)

    def state(self, _: Project, __: Any, pinned: dict[str, str], *___: Any) -> State:
        """Return what is behind, as ``read_state`` finds it in tables."""
        transforms = {each.table: each for each in self.project.transforms}
        inputs = {table for each in transforms.values() for table in each.inputs.values()}
        sources = {name: str(self.version(name)) for name in inputs - transforms.keys()}
        sources |= {name: pinned[name] for name in sources.keys() & pinned.keys()}
        current = sources | {name: str(len(self.runs[name])) for name in transforms}
        behind = {
            name
            for name, each in transforms.items()
            if self._made_from.get(name) != {table: current[table] for table in each.inputs.values()}
        } - self.paused
        while more := {n for n, each in transforms.items() if each.needs & behind} - behind - self.paused:
            behind |= more
        held: dict[str, Rollback | Pause] = {name: Pause(name, "somebody", "once") for name in self.paused}
        return State(transforms, {}, sources, current, behind, {}, held)

    def _sweep(self) -> None:
        self.calls["sweeps"] += 1
        before = self.calls.total()
        one = sweep.Sweep(SETTINGS, f"sweep {self.now}", {c.name: c for c in self.project.arriving}, now=self.time)
        try:
            one.run_minute(datetime.fromtimestamp(self.now, UTC).minute)
        except Killed:
            return
        self.calls[f"calls of a sweep: {self.calls.total() - before}"] += 1

    def _ready(self, group: str) -> bool:
        """Return whether the queue gives messages of the group: none of them is in flight or hidden."""
        queue = self._groups[group]
        while queue and queue[0]["received"] >= _MOST_RECEIVED and queue[0]["visible"] <= self.now:
            queue.popleft()  # it ends among the dead letters
        return bool(queue) and all(each["visible"] <= self.now for each in queue)

    def _deliver(self, group: str) -> None:
        """Have the messages of the group handled, and of all others that have some, ten at most."""
        if not self._ready(group):
            return
        groups = [group, *sorted(each for each in self._groups if each != group and self._ready(each))]
        batch = [(each, message) for each in groups for message in self._groups[each]][:_BATCH]
        for each, message in batch:
            message |= {"received": message["received"] + 1, "visible": self.now + _HIDDEN, "in hand": True}
            self.at(message["visible"], lambda each=each: self._deliver(each))  # type: ignore[misc]
        records = [
            {
                "messageId": message["id"], "receiptHandle": message["id"], "body": message["body"],
                "attributes": {"ApproximateReceiveCount": str(message["received"])},
            }
            for _, message in batch
        ]  # fmt: skip
        self.calls["committer"] += 1
        kept = {message["id"] for _, message in batch}
        try:
            answer = committer.handler({"Records": records}, _Context(f"r{self.calls['committer']}"))
            kept = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        except Killed:
            self.calls["committers killed"] += 1
        for each, message in batch:
            message["in hand"] = False
            if message["id"] not in kept and message in self._groups[each]:
                self._groups[each].remove(message)
        for each in dict.fromkeys(each for each, _ in batch):
            self._deliver(each)

    def _pass(self, seconds: float) -> None:
        """Let time pass within a call, in which everything else goes on."""
        until = self.now + seconds
        while seconds and self._agenda and self._agenda[0][0] <= until:
            self.now, _, do = heapq.heappop(self._agenda)
            do()
        self.now = max(self.now, until)

    def _execute(self) -> None:
        self.executions.append(self.now)
        if self._running:
            self._asked_again = True
            self.note("SUCCEEDED")
            return
        self._running, self._number = True, self._number + 1
        self._go_on(self._workflow(), self._number)

    def note(self, status: str, error: str = "") -> None:
        """Write down that an execution has ended."""
        stopped = datetime.fromtimestamp(self.now, UTC)
        execution = {"status": status, "error": error, "stopDate": stopped, "executionArn": len(self._history)}
        self._history.append(execution)

    def _end(self, status: str, error: str = "") -> None:
        """End the execution that works; that it was asked for another round is forgotten with it."""
        self._running = self._asked_again = False
        self._number += 1
        self.note(status, error)

    def _go_on(self, steps: Generator[float, None, str], number: int) -> None:
        if number != self._number:
            return  # that one has ended
        if self._dies():
            return self._end("TIMED_OUT")
        try:
            seconds = next(steps)
        except StopIteration as ended:
            self._end("FAILED" if ended.value else "SUCCEEDED", ended.value)
        else:
            self.at(self.now + seconds, lambda: self._go_on(steps, number))
        return None

    def _workflow(self) -> Generator[float, None, str]:
        """Go through the workflow, for so many seconds at each step; return the error in which it ends."""
        errors: list[str] = []
        while True:
            event: dict[str, Any] = {"failed": [], "pinned": {}, "results": [], "began": 0}
            while True:
                planned = None
                for _ in range(3):
                    try:
                        planned = self.plan(event)
                        break
                    except Killed:
                        yield 1.0
                if planned is None:
                    return "RefreshDied"
                event |= {name: planned[name] for name in ("failed", "pinned", "began")}
                if not planned["ready"]:
                    break
                yield self.wave_seconds
                event["results"] = [self._make(each["table"], planned["pinned"]) for each in planned["ready"]]
                errors += [result["error"] for result in event["results"] if "error" in result]
            if not self._asked_again:
                return "" if not errors else "RefreshDied" if planner.DIED.intersection(errors) else "RefreshFailed"
            self._asked_again = False

    def _make(self, table: str, pinned: dict[str, str]) -> dict[str, Any]:
        self.tried[table].append(self.now)
        if self.killed[table] or self._dies():
            self.killed[table] -= bool(self.killed[table])
            return {"table": table, "error": "Lambda.Unknown"}
        if table in self.failing:
            return {"table": table, "error": "broken"}
        inputs = self.project.transform(table).inputs.values()
        content: dict[str, int] = {}
        for name in inputs:
            found = self._contents.get(name, {name: int(pinned.get(name, 0))})
            for source, version in found.items():
                content[source] = min(version, content.get(source, version))
        self._contents[table] = content
        self._made_from[table] = {name: pinned.get(name, str(len(self.runs[name]))) for name in inputs}
        self.runs[table].append((self.now, content))
        return {"table": table}

    def survive(self, call: Callable[[], Any]) -> Any:
        """Make a call, unless its caller dies before or after it."""
        if self._dies():
            raise Killed
        answer = call()
        if self._dies():
            raise Killed
        return answer

    def _dies(self) -> bool:
        return bool(self.deaths) and self.chance.random() < self.deaths


class _Counting:
    """DynamoDB, whose calls are counted."""

    def __init__(self, shop: Shop, dynamodb: SmallDynamoDb) -> None:
        self._shop, self._dynamodb = shop, dynamodb

    def __getattr__(self, name: str) -> Any:
        if name not in ("exceptions", "get_paginator"):
            self._shop.calls[f"dynamodb.{name}"] += 1
            return lambda **given: self._shop.survive(lambda: getattr(self._dynamodb, name)(**given))
        elif name == "get_paginator":
            self._shop.calls["dynamodb.query"] += 1
        return getattr(self._dynamodb, name)


@dataclass
class _Context:
    """A call with time enough."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        return 90_000


def install(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the functions run in ``shop``."""
    for module in (wake, pace, pace_items, starting, retry, sweep):
        monkeypatch.setattr(module, "client", shop.client)
    for module in (wake, starting, committer, planner):
        monkeypatch.setattr(module, "time", shop)
    for function in (committer, planner):
        monkeypatch.setattr(function, "deployed_project", lambda: shop.project)
        monkeypatch.setattr(function, "settings_from_environment", lambda: SETTINGS)
    monkeypatch.setattr(committer, "_drain", shop.drain)
    monkeypatch.setattr(planner, "Ledger", _NoLedger)
    monkeypatch.setattr(plan, "read_state", shop.state)
    monkeypatch.setattr(plan, "choose", lambda _, table, __: Choice(table, "duckdb", 0, "", 0, 0.0, 0.0))


class _NoLedger:
    """A ledger without backfills and pauses."""

    def __init__(self, table: str, _: Any = None) -> None:
        self.table = table

    def backfills(self) -> list[Any]:
        return []

    def pauses(self) -> list[Any]:
        return []
