"""Reads the state of a deployment from AWS APIs: deliveries, streams, the ledger, queues and the workflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType

from sluice.cli.dead_letters import DeadLetter, read_dead_letters
from sluice.cli.deployment import Deployment, client
from sluice.cli.derived import DerivedStatus, read_derived
from sluice.cli.functions import read_function_errors
from sluice.cli.shard_batches import ShardBatches
from sluice.cli.streams import StreamsStatus, read_streams
from sluice.cli.volumes import Arrived, Volume, read_arrived, read_volumes
from sluice.counted import counted
from sluice.ingestion.aside import SetAside, units_aside
from sluice.ingestion.landing import Notice
from sluice.ledger import FINAL, LANDING, UNKNOWN, Delivery, Ledger, Retirement
from sluice.settings import Settings
from sluice.storage import S3Store


@dataclass
class DatasetStatus:
    """One dataset's numbers: deliveries by state, records accepted and quarantined by reason."""

    name: str
    deliveries: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    quarantined: int = 0
    retracted: int = 0
    unknown_counts: int = 0
    #: Events that came again for deliveries that had ended; they are no deliveries, and changed nothing.
    redeliveries: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    last: float = 0.0
    #: Address and reason of each file that could not be read, or still fails; newest first.
    refused: list[tuple[str, str]] = field(default_factory=list)
    #: Why no row of the newest file that was read is in its table; empty when there is one.
    refusal: str = ""
    #: What came per day beside what its contract expects.
    volumes: tuple[Volume, ...] = ()
    #: What arrived by day.
    arrived: Arrived = field(default_factory=Arrived)
    #: What retention deleted: rows by table, object versions of landing.
    retired: Counter[str] = field(default_factory=Counter)

    @property
    def findings(self) -> list[str]:
        """Return a sentence for each volume that is outside of what the contract expects."""
        return [volume.finding(self.name) for volume in self.volumes if volume.outside]


@dataclass(frozen=True)
class Status:
    """The state of a whole deployment.

    ``open_notices`` are the object versions in landing without a final state in the ledger, ``contracted`` the names of
    the landing datasets, ``running`` the number of refreshes that run, ``letters`` the dead letters of file ingestion,
    ``aside`` the units that could not be committed, ``function_errors`` how often each function failed or died in the
    last hour, ``gone`` how many versions have a final state and are no longer in landing. ``freshness_seconds`` is, by
    table, how old its newest data may be; it is empty where functions of an earlier Sluice are deployed.
    """

    datasets: dict[str, DatasetStatus]
    contracted: frozenset[str]
    delivered: int
    open_notices: tuple[Notice, ...]
    dead_letters: dict[str, int]
    running: int
    streams: StreamsStatus
    derived: tuple[DerivedStatus, ...] = ()
    letters: tuple[DeadLetter, ...] = ()
    aside: tuple[SetAside, ...] = ()
    function_errors: dict[str, int] = field(default_factory=dict)
    gone: int = 0
    freshness_seconds: Mapping[str, int] = field(default_factory=dict)

    @property
    def given_up(self) -> frozenset[str]:
        """Return the ids of the deliveries that wait for people: dead letters not tried any more, units set aside."""
        letters = {each.letter.notice.delivery_id for each in self.letters if each.letter and each.due is None}
        return frozenset(letters.union(*(unit.deliveries for unit in self.aside)))

    @property
    def pending(self) -> tuple[Notice, ...]:
        """Return the object versions without a final state that do not wait for people."""
        given_up = self.given_up
        return tuple(notice for notice in self.open_notices if notice.delivery_id not in given_up)

    def problems_of(self, name: str) -> list[str]:
        """Return the problems of one dataset or derived table, a sentence each."""
        letters = [each for each in self.letters if each.letter and each.letter.notice.dataset == name]
        found = [f"{each.file} is a dead letter: {each.reason}" for each in letters]
        found += [f"a unit of {unit.dataset} is set aside: {unit.error}" for unit in self.aside if unit.dataset == name]
        found += self.datasets[name].findings if name in self.datasets else []
        return found + [table.failure for table in self.derived if table.table == name and table.failure]

    @property
    def refusals(self) -> list[str]:
        """Return a sentence for each dataset of whose newest file no row is in its table, with the reason.

        Files in no dataset's folder count as of one, until they are discarded.
        """
        return [numbers.refusal for numbers in self.datasets.values() if numbers.refusal]

    @property
    def problems(self) -> list[str]:
        """Return the deployment's problems, a sentence each; empty when there are none."""
        found = [f"{each.name} is a dead letter: {each.reason}" for each in self.letters]
        found += [f"a unit of {unit.dataset} is set aside: {unit.error}" for unit in self.aside]
        found += self.problems_of_queues
        if failed := self.streams.failed_batches:
            found.append(f"{counted(len(failed), 'failed batch', 'failed batches')} of streams; the sweep tries again")
        found += [finding for numbers in self.datasets.values() for finding in numbers.findings]
        return found + [table.failure for table in self.derived if table.failure]

    @property
    def problems_of_queues(self) -> list[str]:
        """Return a sentence for each queue that holds dead letters of which nothing else is known."""
        found = []
        if (unseen := self.dead_letters.get("LandingDeadLetterQueueUrl", 0) - len(self.letters)) > 0:
            found.append(f"{counted(unseen, 'more dead letter')}, being looked at")
        if commits := self.dead_letters.get("CommitDeadLetterQueueUrl"):
            found.append(
                f"{counted(commits, 'wake-up')} of committers among the dead letters; the sweep handles "
                "them within five minutes"
            )
        return found

    @property
    def open_deliveries(self) -> tuple[str, ...]:
        """Return the addresses of the object versions without a final state."""
        return tuple(notice.uri for notice in self.open_notices)

    @property
    def arrived(self) -> bool:
        """Return whether any delivery or stream record has arrived; before that no refresh is due."""
        files = any(numbers.deliveries for name, numbers in self.datasets.items() if name != UNKNOWN)
        return files or bool(self.streams.records)

    @property
    def accounted(self) -> bool:
        """Return whether every object version in landing has a final state, and every stream record is in a table."""
        return not self.open_notices and self.streams.accounted


def read_status(deployment: Deployment, batches: ShardBatches | None = None) -> Status:
    """Return the present state.

    With ``batches`` the records in concurrent batches per shard are counted, too, for commands that wait for all of
    them or say that none is on its way.
    """
    settings = deployment.settings
    versions = list(_landed(settings.landing_bucket))
    tables = contracted_datasets(settings)
    contracted = frozenset(tables)
    names = sorted(contracted | {UNKNOWN})
    ledger = Ledger(settings.ledger_table)
    with ThreadPoolExecutor(8) as pool:
        recorded = dict(zip(names, pool.map(ledger.recorded, names), strict=True))
    ended = {d.delivery_id for each in recorded.values() for d in each.deliveries if d.status in FINAL}
    streams = read_streams(deployment, batches)
    derived = read_derived(deployment)
    return Status(
        datasets={
            name: replace(
                _summarize(name, each.deliveries, streams, retired=each.retirements, properties=tables.get(name, {})),
                redeliveries=each.redeliveries.total(),
            )
            for name, each in recorded.items()
            if name != UNKNOWN or each.deliveries
        },
        contracted=contracted,
        delivered=len(versions),
        open_notices=tuple(notice for notice in versions if notice.delivery_id not in ended),
        dead_letters=_dead_letters(deployment),
        running=_running(deployment),
        streams=streams,
        derived=derived.tables,
        freshness_seconds=derived.freshness_seconds,
        letters=tuple(read_dead_letters(deployment)),
        aside=tuple(units_aside(S3Store(), settings.lake)),
        function_errors=read_function_errors(deployment),
        gone=len(ended - {notice.delivery_id for notice in versions}),
    )


def poll(before: Status, deployment: Deployment, batches: ShardBatches | None = None) -> Status:
    """Poll: return ``before`` updated for the deliveries that were open in it, the queues and the workflow.

    The cost depends only on how many deliveries are open. Deliveries that arrived since are not included.
    """
    ledger = Ledger(deployment.settings.ledger_table)
    keys = [
        (dataset, notice.delivery_id)
        for notice in before.open_notices
        for dataset in {UNKNOWN, *before.contracted & {notice.dataset}}
    ]
    ended = {known.delivery_id for known in ledger.known(keys).values() if known.status in FINAL}
    return replace(
        before,
        open_notices=tuple(notice for notice in before.open_notices if notice.delivery_id not in ended),
        dead_letters=(dead := _dead_letters(deployment)),
        letters=tuple(read_dead_letters(deployment)) if any(dead.values()) else (),
        aside=tuple(units_aside(S3Store(), deployment.settings.lake)),
        running=_running(deployment),
        streams=before.streams if before.streams.accounted else read_streams(deployment, batches),
    )


def freshness(last: float) -> str:
    """Return how long ago ``last`` (epoch seconds) was, as a text for people."""
    if not last:
        return "never"
    return lasting(datetime.now(UTC).timestamp() - last)


def lasting(seconds: float) -> str:
    """Return a duration as a text for people."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s"


def next_try(letter: DeadLetter, now: float) -> str:
    """Return when a dead letter is tried again by itself, from ``now`` (epoch seconds); empty when people must act."""
    return "" if letter.due is None else f"tried again by itself in {lasting(max(0.0, letter.due - now))}"


def _landed(bucket: str) -> Iterable[Notice]:
    pages = client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket)
    for page in pages:
        for version in page.get("Versions", []):
            yield Notice(bucket, version["Key"], version["VersionId"], version["Size"])


def contracted_datasets(settings: Settings) -> dict[str, dict[str, str]]:
    """Return the landing datasets, those that have a bronze table, with the properties of that table."""
    pages = client("glue").get_paginator("get_tables").paginate(DatabaseName=settings.database("bronze"))
    return {table["Name"]: table.get("Parameters", {}) for page in pages for table in page["TableList"]}


def _summarize(
    name: str,
    entries: list[Delivery],
    streams: StreamsStatus,
    *,
    retired: Iterable[Retirement] = (),
    properties: Mapping[str, str] = MappingProxyType({}),
) -> DatasetStatus:
    found = DatasetStatus(name)
    shards = [shard for shard in streams.shards if shard.dataset == name]
    found.arrived = read_arrived(entries, [shard.counts for shard in shards])
    found.volumes = read_volumes(properties, found.arrived, datetime.now(UTC).date())
    for each in retired:
        found.retired[each.place] += each.files if each.place == LANDING else each.rows
    for shard in shards:
        found.accepted += shard.counts.accepted
        found.quarantined += shard.counts.quarantined
        found.reasons.update(shard.counts.reasons)
        found.last = max(found.last, shard.counts.arrived)
    for entry in sorted(entries, key=lambda entry: -entry.at):
        found.deliveries[entry.status] += 1
        found.retracted += entry.retracted
        found.last = max(found.last, entry.at)
        if entry.status == "retracted":  # nothing of it is in a table, and nobody need mend it
            continue
        found.accepted += entry.accepted
        if entry.quarantined is None:
            found.unknown_counts += 1
        else:
            found.quarantined += entry.quarantined
        found.reasons.update(entry.reasons)
        if entry.error:
            found.refused.append((entry.uri, entry.error))
    read = [entry for entry in entries if entry.status in ("committed", "rejected")]
    newest = max(read, key=lambda entry: entry.at, default=None)
    if newest is not None and not newest.accepted and (newest.error or newest.quarantined):
        why = newest.error or ", ".join(f"{count:,} {reason}" for reason, count in newest.reasons.items())
        found.refusal = (
            f"{newest.uri} is in no dataset's folder: {why} `sluice discard {newest.uri}` ends this notice."
            if name == UNKNOWN
            else f"no row of {newest.uri}, the newest file of {name}, is in its table: {why}"
        )
    return found


def _dead_letters(deployment: Deployment) -> dict[str, int]:
    return {name: _depth(url) for name, url in deployment.dead_letter_queues.items()}


def _depth(queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def _running(deployment: Deployment) -> int:
    machine = deployment.settings.refresh_machine
    answer = client("stepfunctions").list_executions(stateMachineArn=machine, statusFilter="RUNNING")
    return len(answer["executions"])
