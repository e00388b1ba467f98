"""A dataset's maintenance: what is older than its retention leaves bronze, quarantine, ``records/`` and landing.

Each step can be repeated: killed anywhere, the next maintenance goes on from what tables and buckets hold. What is not
in a table yet is never deleted, and the tokens of deliveries stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sluice.contracts import LandingContract
from sluice.ingestion.aside import aside_prefix
from sluice.ingestion.commit import Lake
from sluice.ingestion.landing import Notice
from sluice.ingestion.stage import staging_prefix
from sluice.ledger import FINAL, LANDING, Ledger, Retirement
from sluice.storage import client, split
from sluice.tables.retention import forget, oldest, retire
from sluice.tables.retired import retirements
from sluice.tables.upkeep import RETIRED_BEFORE

#: The most that one call of S3 deletes: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_AT_ONCE = 1000
#: Seconds that one batch of objects may take.
_BATCH_SECONDS = 15.0
#: The least time between a record that is deleted and the oldest row that may point to one.
_MARGIN = timedelta(days=1)
T = TypeVar("T")


@dataclass(frozen=True)
class Retention:
    """The maintenance of one dataset with a retention, at the moment ``now`` (with its zone).

    What ``time_left`` (in seconds) does not suffice for is left for the next maintenance. ``announce`` is called
    with the snapshot of each table of which rows went, so that what is derived of it moves on before older ones expire.
    """

    contract: LandingContract
    lake: Lake
    ledger: Ledger
    now: datetime
    time_left: Callable[[], float] = lambda: 90.0
    announce: Callable[[Mapping[str, int]], None] = lambda _: None
    #: What S3 kept although it was due; told once everything else is done.
    kept: list[str] = field(default_factory=list)

    @property
    def before(self) -> datetime:
        """Return the moment before which everything goes, UTC."""
        assert self.contract.retention_days is not None
        return self.now.astimezone(UTC) - timedelta(days=self.contract.retention_days)

    def keep(self) -> None:
        """Delete what is older than the retention, and write to the ledger how much it was.

        Raise ``OSError`` at the end when S3 kept objects that are due.
        """
        self.kept.clear()
        for database in (self.contract.database, "quarantine"):
            self.retire_rows(database)
        self._delete_records()
        if not self.contract.arrival.stream:
            self._delete_versions()
        if self.kept:
            raise OSError(f"S3 kept {len(self.kept)} objects that are due; the others are gone; first: {self.kept[0]}")

    def retire_rows(self, database: str) -> None:
        """Remove the files of one of the dataset's tables whose rows are all too old."""
        name = self.contract.name
        before = self.before.replace(tzinfo=None)
        table = retire(lambda: self.lake.table(database, name), before, time_left=self.time_left)
        # All that the table tells of, since the call that removed the files may have died before it wrote the ledger.
        found = []
        for snapshot in retirements(table):
            assert snapshot.summary is not None
            told = snapshot.summary.additional_properties
            rows, files = (int(told.get(f"deleted-{what}", "0")) for what in ("records", "data-files"))
            at = snapshot.timestamp_ms / 1000
            found.append(Retirement(f"{database}.{name}", told[RETIRED_BEFORE], rows=rows, files=files, at=at))
        if found:
            self.ledger.record_retirements(name, found)
        # Also what an earlier call removed that died before it could tell: a hint too many costs a look at snapshots.
        if found and (current := table.current_snapshot()):
            self.announce({f"{database}.{name}": current.snapshot_id})
        forget(table, now=self.now.timestamp())

    def _delete_records(self) -> None:
        """Delete the records kept as objects that are older than any row that may point to them, in a table or staged.

        A record is kept just before its row is, and S3 cuts its time to the second; so a day is left in between.
        """
        name, lake = self.contract.name, self.lake.settings.lake
        pointed = [self.before, oldest(self.lake.table("quarantine", name)).replace(tzinfo=UTC)]
        for prefix in (staging_prefix(lake, name), aside_prefix(lake, name)):
            pointed += [each["LastModified"] for each in _objects(*split(prefix))]
        if (first := min(pointed)) == datetime.min.replace(tzinfo=UTC):
            return  # a file does not tell how old its rows are
        bucket, prefix = split(f"{lake}/records/{name}/")
        old = (each["Key"] for each in _objects(bucket, prefix) if each["LastModified"] < first - _MARGIN)
        for keys in _batches(old):
            if self.time_left() < _BATCH_SECONDS:
                return
            self._delete(bucket, [{"Key": key} for key in keys])

    def _delete_versions(self) -> None:
        """Delete the landing object versions that landed and ended before; one without a final state stays."""
        bucket, name = self.lake.settings.landing_bucket, self.contract.name
        for notices in _batches(_landed(bucket, name, self.before)):
            if self.time_left() < _BATCH_SECONDS:
                return
            known = self.ledger.known((name, notice.delivery_id) for notice in notices)
            ended = {i for i, d in known.items() if d.status in FINAL and d.at < self.before.timestamp()}
            gone = [notice for notice in notices if notice.delivery_id in ended]
            stayed = self._delete(bucket, [{"Key": each.key, "VersionId": each.version_id} for each in gone])
            gone = [notice for notice in gone if notice.version_id not in stayed]
            if gone:
                size, at = sum(notice.size for notice in gone), datetime.now(UTC).timestamp()
                told = Retirement(LANDING, self.before.isoformat(), files=len(gone), bytes=size, at=at)
                self.ledger.record_retirements(name, [told])

    def _delete(self, bucket: str, objects: Sequence[Mapping[str, str]]) -> set[str]:
        """Delete objects; return the version of each that S3 kept, which it answers without an error."""
        if not objects:
            return set()
        answer: dict[str, Any] = client("s3").delete_objects(Bucket=bucket, Delete={"Objects": list(objects)})
        errors = answer.get("Errors", [])
        self.kept.extend(f"s3://{bucket}/{error.get('Key')}: {error.get('Code')}" for error in errors)
        return {error.get("VersionId", "") for error in errors}


def _objects(bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    for page in client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", [])


def _landed(bucket: str, dataset: str, before: datetime) -> Iterator[Notice]:
    pages = client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=f"{dataset}/")
    for page in pages:
        for version in page.get("Versions", []):
            if version["LastModified"] < before:
                yield Notice(bucket, version["Key"], version["VersionId"], version["Size"])


def _batches(items: Iterator[T]) -> Iterator[list[T]]:
    while some := list(islice(items, _AT_ONCE)):
        yield some
