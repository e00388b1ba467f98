"""A dataset's maintenance: what is older than its retention leaves bronze, quarantine, ``records/`` and landing.

Each step can be repeated: killed anywhere, the next maintenance goes on from what tables and buckets hold. What is not
in a table yet is never deleted, and the tokens of deliveries stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sluice.contracts import Contract
from sluice.ingestion.commit import Lake
from sluice.ingestion.landing import Notice
from sluice.ledger import FINAL, LANDING, Ledger, Retirement
from sluice.storage import client, split
from sluice.tables.retention import forget, oldest, retire
from sluice.tables.retired import retirements
from sluice.tables.upkeep import RETIRED_BEFORE

#: The most that one call of S3 deletes: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_AT_ONCE = 1000
#: Seconds that one batch of objects may take.
_BATCH_SECONDS = 15.0
T = TypeVar("T")


@dataclass(frozen=True)
class Retention:
    """The maintenance of one dataset with a retention, at the moment ``now`` (with its zone).

    Objects that ``time_left`` (in seconds) does not suffice for are left for the next maintenance.
    """

    contract: Contract
    lake: Lake
    ledger: Ledger
    now: datetime
    time_left: Callable[[], float] = lambda: 900.0

    @property
    def before(self) -> datetime:
        """Return the moment before which everything goes, UTC."""
        assert self.contract.retention_days is not None
        return self.now.astimezone(UTC) - timedelta(days=self.contract.retention_days)

    def keep(self) -> None:
        """Delete what is older than the retention, and write to the ledger how much it was."""
        for database in (self.contract.database, "quarantine"):
            self.retire_rows(database)
        self._delete_records()
        assert self.contract.arrival is not None
        if not self.contract.arrival.stream:
            self._delete_versions()

    def retire_rows(self, database: str) -> None:
        """Remove the files of one of the dataset's tables whose rows are all too old."""
        name = self.contract.name
        table = retire(lambda: self.lake.table(database, name), self.before.replace(tzinfo=None))
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
        forget(table, now=self.now.timestamp())

    def _delete_records(self) -> None:
        """Delete the records kept as objects that are older than any row that may point to them."""
        kept = oldest(self.lake.table("quarantine", self.contract.name))
        before = min(self.before, kept.replace(tzinfo=UTC)) if kept else self.before
        bucket, prefix = split(f"{self.lake.settings.lake}/records/{self.contract.name}/")
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        old = (each["Key"] for page in pages for each in page.get("Contents", []) if each["LastModified"] < before)
        for keys in _batches(old):
            if self.time_left() < _BATCH_SECONDS:
                return
            _delete(bucket, [{"Key": key} for key in keys])

    def _delete_versions(self) -> None:
        """Delete the landing object versions that landed and ended before; one without a final state stays."""
        bucket, name = self.lake.settings.landing_bucket, self.contract.name
        for notices in _batches(_landed(bucket, name, self.before)):
            if self.time_left() < _BATCH_SECONDS:
                return
            known = self.ledger.known((name, notice.delivery_id) for notice in notices)
            ended = {i for i, d in known.items() if d.status in FINAL and d.at < self.before.timestamp()}
            gone = [notice for notice in notices if notice.delivery_id in ended]
            if gone:
                _delete(bucket, [{"Key": notice.key, "VersionId": notice.version_id} for notice in gone])
                size, at = sum(notice.size for notice in gone), datetime.now(UTC).timestamp()
                told = Retirement(LANDING, self.before.isoformat(), files=len(gone), bytes=size, at=at)
                self.ledger.record_retirements(name, [told])


def _landed(bucket: str, dataset: str, before: datetime) -> Iterator[Notice]:
    pages = client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=f"{dataset}/")
    for page in pages:
        for version in page.get("Versions", []):
            if version["LastModified"] < before:
                yield Notice(bucket, version["Key"], version["VersionId"], version["Size"])


def _batches(items: Iterator[T]) -> Iterator[list[T]]:
    while some := list(islice(items, _AT_ONCE)):
        yield some


def _delete(bucket: str, objects: Sequence[Mapping[str, str]]) -> None:
    """Delete objects; raise ``OSError`` when some stay, which S3 answers without an error of the call."""
    answer: dict[str, Any] = client("s3").delete_objects(Bucket=bucket, Delete={"Objects": list(objects)})
    if errors := answer.get("Errors"):
        raise OSError(f"S3 kept {len(errors)} objects of s3://{bucket} that are due; the first: {errors[0]}")
