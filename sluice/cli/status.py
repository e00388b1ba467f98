"""Where every delivery is, from the AWS APIs: landing's versions, streams, the ledger, the queues, the workflow."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sluice.cli.deployment import client, deployed_settings
from sluice.cli.lanes import LaneCheck
from sluice.cli.streams import StreamsStatus, read_streams
from sluice.ingestion.landing import Notice
from sluice.ledger import FINAL, UNKNOWN, Delivery, Ledger

if TYPE_CHECKING:
    from pyiceberg.table import Table

_POLL_SECONDS = 0.5
#: Without a running execution for so long, with tables still behind, the refresh did not start or gave up.
_REFRESH_GRACE_SECONDS = 20.0


@dataclass
class DatasetStatus:
    """One dataset's numbers: deliveries by state, records accepted and quarantined by reason."""

    name: str
    deliveries: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    quarantined: int = 0
    unknown_counts: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    last: float = 0.0
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Status:
    """The whole deployment's state. ``open_deliveries`` are object versions the ledger has no end for."""

    datasets: dict[str, DatasetStatus]
    delivered: int
    open_deliveries: tuple[str, ...]
    dead_letters: dict[str, int]
    running: int
    streams: StreamsStatus = field(default_factory=StreamsStatus)

    @property
    def arrived(self) -> bool:
        """Tell whether anything came for any dataset: before that no refresh is due."""
        files = any(numbers.deliveries for name, numbers in self.datasets.items() if name != UNKNOWN)
        return files or bool(self.streams.records)

    @property
    def accounted(self) -> bool:
        """Tell whether every object version in landing and every record of a stream has an end in the ledger."""
        return not self.open_deliveries and self.streams.accounted


def read_status(outputs: dict[str, str], lanes: LaneCheck | None = None) -> Status:
    """Return the state at this moment; with ``lanes`` of a stream's lanes as well, as who waits must know it."""
    settings = deployed_settings(outputs)
    versions = list(_landed(settings.landing_bucket))
    names = sorted({notice.dataset for notice in versions} | set(_datasets(settings.database("bronze"))) | {UNKNOWN})
    ledger = Ledger(settings.ledger_table)
    with ThreadPoolExecutor(8) as pool:
        recorded = dict(zip(names, pool.map(lambda name: list(ledger.deliveries(name)), names), strict=True))
    ended = {d.delivery_id for entries in recorded.values() for d in entries if d.status in FINAL}
    return Status(
        datasets={name: _summarize(name, entries) for name, entries in recorded.items() if name != UNKNOWN or entries},
        delivered=len(versions),
        open_deliveries=tuple(notice.uri for notice in versions if notice.delivery_id not in ended),
        dead_letters={name: _depth(outputs[name]) for name in outputs if name.endswith("DeadLetterQueueUrl")},
        running=_running(outputs),
        streams=read_streams(outputs, lanes),
    )


def wait(
    outputs: dict[str, str], *, timeout: float, progress: Callable[[Status], None] = lambda _: None
) -> tuple[Status, list[str]]:
    """Wait until all is accounted for and no refresh is due; return the state and what failed (empty: nothing)."""
    deadline = time.monotonic() + timeout
    idle_since: float | None = None
    lanes = LaneCheck(lambda dataset: _tables(outputs, dataset))
    while True:
        status = read_status(outputs, lanes)
        progress(status)
        dead = [f"{count} dead letters in {name}" for name, count in status.dead_letters.items() if count]
        if status.streams.failed_batches:
            dead.append(f"{len(status.streams.failed_batches)} failed batches of streams")
        if dead:
            return status, dead
        behind: list[str] = []
        if status.accounted and not status.running:
            behind = _behind(outputs) if status.arrived else []
            if not behind:
                return status, []
            idle_since = idle_since or time.monotonic()
            if time.monotonic() - idle_since > _REFRESH_GRACE_SECONDS or _last_execution(outputs) == "FAILED":
                errors = _last_errors(outputs)
                return status, [
                    f"{table} is behind, and no refresh is running{errors.get(table, '')}" for table in behind
                ]
        else:
            idle_since = None
        if time.monotonic() > deadline:
            what = [*status.open_deliveries[:5], *status.streams.on_their_way[:5], *behind] or [
                "a refresh is still running"
            ]
            return status, [f"not done after {timeout:.0f} s: {', '.join(what)}"]
        time.sleep(_POLL_SECONDS)


def freshness(last: float) -> str:
    """Return how long ago something happened, for people."""
    if not last:
        return "never"
    seconds = datetime.now(UTC).timestamp() - last
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _landed(bucket: str) -> Iterable[Notice]:
    pages = client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket)
    for page in pages:
        for version in page.get("Versions", []):
            yield Notice(bucket, version["Key"], version["VersionId"], version["Size"])


def _tables(outputs: dict[str, str], dataset: str) -> tuple[Table, ...]:
    """Return the two tables that hold a landing dataset's records."""
    from sluice.tables.catalog import glue_catalog

    settings = deployed_settings(outputs)
    return tuple(glue_catalog().load_table((settings.database(name), dataset)) for name in ("bronze", "quarantine"))


def _last_errors(outputs: dict[str, str]) -> dict[str, str]:
    """Return why each table's last run failed, of those whose last run did."""
    last = {run["table"]: run for run in Ledger(deployed_settings(outputs).ledger_table).runs()}
    return {table: f"; its last run failed: {run['error']}" for table, run in last.items() if run["status"] == "failed"}


def _datasets(database: str) -> list[str]:
    pages = client("glue").get_paginator("get_tables").paginate(DatabaseName=database)
    return [table["Name"] for page in pages for table in page["TableList"]]


def _summarize(name: str, entries: list[Delivery]) -> DatasetStatus:
    found = DatasetStatus(name)
    for entry in entries:
        found.deliveries[entry.status] += 1
        found.accepted += entry.accepted
        if entry.quarantined is None:
            found.unknown_counts += 1
        else:
            found.quarantined += entry.quarantined
        found.reasons.update(entry.reasons)
        found.last = max(found.last, entry.at)
        if entry.error:
            found.errors.append(entry.error)
    return found


def _depth(queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def _running(outputs: dict[str, str]) -> int:
    machine = outputs["RefreshStateMachineArn"]
    answer = client("stepfunctions").list_executions(stateMachineArn=machine, statusFilter="RUNNING")
    return len(answer["executions"])


def _last_execution(outputs: dict[str, str]) -> str:
    answer = client("stepfunctions").list_executions(stateMachineArn=outputs["RefreshStateMachineArn"], maxResults=100)
    newest = max(answer["executions"], key=lambda e: e["startDate"], default=None)
    return newest["status"] if newest else ""


def _behind(outputs: dict[str, str]) -> list[str]:
    """Ask the planner which tables a refresh would rebuild."""
    answer = client("lambda").invoke(FunctionName=outputs["PlanFunctionName"], Payload=b"{}")
    plan: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        return [f"(the planner failed: {plan.get('errorMessage', plan)})"]
    return [*(choice["table"] for choice in plan["ready"]), *plan["waiting"]]
