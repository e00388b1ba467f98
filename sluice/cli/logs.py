"""Reads the lines of a function, or of the functions and Spark jobs of a refresh, from CloudWatch Logs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from sluice.cli.deployment import Deployment, client
from sluice.cli.derived import MOST_RUNS, started
from sluice.cli.functions import function_names
from sluice.errors import WrongArgument
from sluice.ledger import Ledger
from sluice.nearest import nearest

#: A function's name ends with the hash that CDK gives it, and CloudFormation's.
_CONSTRUCT = re.compile(r"-([A-Za-z]+?)[0-9A-F]{8}-?\w*$")
#: Where Glue writes what a job says. https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html
_GLUE_GROUPS = ("/aws-glue/jobs/output", "/aws-glue/jobs/error")
#: A run's lines come some seconds before its own start is noted, and after its end.
_AROUND = timedelta(seconds=60)
_POLL_SECONDS = 1.0
#: Lines that arrive out of order are as late as this, in milliseconds.
_LATE = 60_000
_SINCE = re.compile(r"([1-9][0-9]{0,5}) ?([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Line(NamedTuple):
    """One line: when it was written (UTC), by what, and its text."""

    time: str
    source: str
    message: str


@dataclass(frozen=True)
class _Place:
    """Where lines are: a log group, the stream in it or all, and from when until when, in milliseconds."""

    source: str
    group: str
    first: int
    last: int | None = None
    stream: str = ""


def seconds_of(text: str) -> int:
    """Return the seconds of a time such as 30m; ``ValueError`` for what is none."""
    match = _SINCE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:80]!r} is no time; write one such as 90s, 30m, 2h or 1d")
    return int(match[1]) * _SECONDS[match[2]]


def places(deployment: Deployment, name: str, since: int) -> list[_Place]:
    """Return where the lines of a function, a derived table's last run, or a refresh are.

    ``name`` is a function's own name or its folder in ``lambdas/``, a derived table, or the ``run_id`` of a run. A
    function's lines are those of the last ``since`` seconds. ``WrongArgument`` for what is none of these.
    """
    functions = {_folder_of(each): each for each in function_names(deployment)}
    first = max(0, int((time.time() - since) * 1000))
    for folder, function in functions.items():
        if name in (folder, function):
            return [_Place(folder, _group_of(function), first)]
    if runs := _runs(deployment, name):
        return [place for run in runs for place in _of_run(deployment, run, functions)]
    known = list(functions)
    meant = f" did you mean {near}?" if (near := nearest(name, known)) else ""
    raise WrongArgument(
        f"{name} is no function, and no run or table that has one;{meant} functions: {', '.join(known)}.",
        next_step="`sluice runs --json` has each run's run_id; `sluice logs FUNCTION` shows what a function said.",
        value=name,
    )


def lines(found: list[_Place]) -> list[Line]:
    """Return the lines at these places, in order."""
    return [line for _, line in sorted(_events(found).values())]


def follow(found: list[_Place], show: Callable[[Line], object], ends: Callable[[], bool] = lambda: False) -> None:
    """Show the lines at these places, and each that comes, until ``ends`` or an interrupt.

    What is over by then gets no lines any more: ``WrongArgument``.
    """
    if found and all(each.last is not None for each in found):
        raise WrongArgument(
            "The run is over: no line follows.",
            next_step="leave --follow away, or follow a function by its name.",
            value=found[0].source,
        )
    seen: set[str] = set()
    while True:
        events = _events(found)
        for name, (_, line) in sorted(events.items(), key=lambda each: each[1]):
            if name not in seen:
                seen.add(name)
                show(line)
        if ends():
            return
        newest = max((at for (at, _), _ in events.values()), default=0)
        found = [replace(each, first=max(each.first, newest - _LATE)) for each in found]
        time.sleep(_POLL_SECONDS)


def _folder_of(function: str) -> str:
    """Return the folder in ``lambdas/`` of the function that is deployed under that name."""
    match = _CONSTRUCT.search(function)
    return re.sub(r"(?<!^)(?=[A-Z])", "_", match[1]).lower() if match else function


def _group_of(function: str) -> str:
    answer = client("lambda").get_function_configuration(FunctionName=function)
    return str(answer.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}")


def _runs(deployment: Deployment, name: str) -> list[dict[str, Any]]:
    """Return the runs of the refresh ``name``, or the last one of the table of that name."""
    newest = islice(Ledger(deployment.settings.ledger_table).newest_runs(), MOST_RUNS)
    if "." in name and ":" not in name:
        return next(([run] for run in newest if run["table"] == name), [])
    own = name.rpartition(":")[2]
    return [run for run in newest if str(run.get("run_id", "")).rpartition(":")[2] == own]


def _of_run(deployment: Deployment, run: dict[str, Any], functions: dict[str, str]) -> Iterator[_Place]:
    """Yield where the lines of a table's run are: its function's while it ran, or those of its Spark job."""
    began = datetime.fromisoformat(started(run)).replace(tzinfo=UTC)
    ended = began + timedelta(seconds=sum(run.get("seconds", {}).values()))
    first, last = (int(each.timestamp() * 1000) for each in (began - _AROUND, ended + _AROUND))
    if run.get("engine") != "spark":
        for folder, function in functions.items():
            if folder.startswith("run_transform"):
                yield _Place(folder, _group_of(function), first, last)
        return
    job = deployment.outputs["SparkJobName"]
    for page in client("glue").get_paginator("get_job_runs").paginate(JobName=job):
        for each in page["JobRuns"]:
            given = each.get("Arguments", {})
            if given.get("--run") == run["run_id"] and given.get("--table") == run["table"]:
                yield from (_Place(f"spark {run['table']}", group, 0, stream=each["Id"]) for group in _GLUE_GROUPS)


def _events(found: list[_Place]) -> dict[str, tuple[tuple[int, int], Line]]:
    """Return the lines by their events' ids, each with what they are ordered by."""
    events: dict[str, tuple[tuple[int, int], Line]] = {}
    for place in found:
        asked: dict[str, Any] = {"logGroupName": place.group, "startTime": place.first}
        if place.last is not None:
            asked["endTime"] = place.last
        if place.stream:
            asked["logStreamNames"] = [place.stream]
        try:
            pages = list(client("logs").get_paginator("filter_log_events").paginate(**asked))
        except ClientError as error:
            # Glue makes a group or a stream with its first line.
            if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                raise
            continue
        for page in pages:
            for event in page["events"]:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
                line = Line(at.removesuffix("+00:00"), place.source, event["message"].rstrip("\n"))
                events[event["eventId"]] = ((event["timestamp"], len(events)), line)
    return events
