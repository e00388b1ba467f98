"""From notices of uploaded files to staged units: what is known is left alone, what is new is read and checked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from sluice.contracts import Contract
from sluice.errors import DeliveryError, FileTooLarge, UnknownDataset
from sluice.ingestion.landing import Notice, landed_source, same_bytes
from sluice.ingestion.read import ahead, read_checked
from sluice.ingestion.records import Reason
from sluice.ingestion.source import Source
from sluice.ingestion.stage import DeliveryWriter, StagedUnit, UnitWriter
from sluice.ledger import FINAL, UNKNOWN, Delivery, Ledger
from sluice.project import Project
from sluice.settings import Settings
from sluice.storage import S3Store, Store, client

log = logging.getLogger(__name__)
#: From this size on a file's rows are written straight to the table's data folder.
ADOPT_BYTES = 32 << 20


@dataclass(frozen=True)
class Outcome:
    """What one call staged, and the references of notices that must come again."""

    units: tuple[StagedUnit, ...]
    failed: tuple[str, ...]


def ingest_files(
    notices: Iterable[Notice],
    project: Project,
    settings: Settings,
    *,
    data_folder: Callable[[Contract], tuple[str, Any]],
    time_left: Callable[[], float] = lambda: 900.0,
) -> Outcome:
    """Stage every notice that is new; record those that are known, equal to their predecessor or of no dataset.

    ``data_folder`` returns a dataset's data folder and Arrow schema with field ids, for files whose rows are adopted.
    A notice that fails for a reason outside the file is returned as failed; the others go on.
    """
    ledger = Ledger(settings.ledger_table)
    store = S3Store()
    # One batch may tell of the same object version twice: it is staged once, and its messages share its fate.
    references: dict[str, list[str]] = {}
    todo: dict[str, Notice] = {}
    for notice in notices:
        references.setdefault(notice.delivery_id, []).append(notice.reference)
        todo[notice.delivery_id] = notice
    known = ledger.known((notice.dataset, notice.delivery_id) for notice in todo.values())
    failed: list[str] = []
    writers: dict[str, UnitWriter] = {}
    units: list[StagedUnit] = []
    staged: list[Delivery] = []
    for notice in todo.values():
        if time_left() < _seconds_for(notice.size):
            log.warning("%s is left for another call: %.0f s are too few", notice.uri, time_left())
            failed += references[notice.delivery_id]
            continue
        try:
            if (earlier := known.get(notice.delivery_id)) and earlier.status in FINAL:
                for _ in references[notice.delivery_id]:
                    ledger.redelivered(notice.dataset, notice.delivery_id)
                continue
            contract = project.landing(notice.dataset)
            if contract is None:
                ledger.record([_unknown(notice, project)])
                continue
            if twin := _equal_predecessor(notice, ledger):
                ledger.record([_entry(notice, status="duplicate", duplicate_of=twin)])
                continue
            if notice.size >= ADOPT_BYTES and not contract.partitioning:
                folder, schema = data_folder(contract)
                writer = UnitWriter(
                    contract, store, settings.lake, now=datetime.now(UTC), data_folder=folder, data_schema=schema
                )
                _stage(notice, contract, writer, store, settings)
                units.append(writer.finish())
                staged.append(_entry(notice, status="staged"))
                continue
            if contract.name not in writers:
                writers[contract.name] = UnitWriter(contract, store, settings.lake, now=datetime.now(UTC))
            _stage(notice, contract, writers[contract.name], store, settings)
            staged.append(_entry(notice, status="staged"))
        except Exception:
            log.exception("%s could not be staged; it will come again", notice.uri)
            failed += references[notice.delivery_id]
    units += [writer.finish() for writer in writers.values() if writer.has_deliveries]
    for delivery in staged:
        ledger.record_staged(delivery)
    return Outcome(tuple(units), tuple(failed))


def stage_source(source: Source, contract: Contract, delivery: DeliveryWriter) -> None:
    """Read and check a whole file into ``delivery``; a file that cannot be read ends as unreadable."""
    try:
        for _ in ahead(delivery.add, read_checked(source, contract)):
            pass
    except DeliveryError as error:
        log.warning("%s", error, exc_info=error.__cause__)
        delivery.unreadable(Reason(error.code, str(error)))
    else:
        delivery.done()


def _seconds_for(size: int) -> float:
    """Return how long a file may take to read, with room to spare; the smallest functions read 10 MB/s."""
    return 10.0 + size / 10e6


def _stage(notice: Notice, contract: Contract, writer: UnitWriter, store: Store, settings: Settings) -> None:
    delivery = writer.delivery(notice.delivery_id, notice.uri, version_id=notice.version_id, size=notice.size)
    if notice.size > settings.max_file_bytes:
        error = FileTooLarge(
            f"{notice.uri} has {notice.size:,} bytes; one function call reads {settings.max_file_bytes:,} at most.",
            safe="nothing of it was committed.",
            next_step="split the file, or compress it, and upload the parts.",
        )
        delivery.unreadable(Reason(error.code, str(error)))
        return
    stage_source(landed_source(notice, contract, settings.lake), contract, delivery)


def _unknown(notice: Notice, project: Project) -> Delivery:
    names = ", ".join(sorted(c.name for c in project.contracts if not c.derived))
    error = UnknownDataset(
        f"{notice.uri}: {notice.dataset!r} names no dataset.",
        safe="the file stays in the landing bucket.",
        next_step=f"upload it under one of: {names}; or add contracts/{notice.dataset}.yaml and deploy.",
    )
    log.warning("%s", error)
    return msgspec.structs.replace(
        _entry(notice, status="rejected"), dataset=UNKNOWN, quarantined=None, error=str(error), reasons={error.code: 1}
    )


def _entry(notice: Notice, *, status: Any, duplicate_of: str = "") -> Delivery:
    return Delivery(
        dataset=notice.dataset,
        delivery_id=notice.delivery_id,
        status=status,
        uri=notice.uri,
        version_id=notice.version_id,
        size=notice.size,
        duplicate_of=duplicate_of,
        at=datetime.now(UTC).timestamp(),
    )


def _equal_predecessor(notice: Notice, ledger: Ledger) -> str | None:
    """Return the version just before this one when its bytes are equal and it was not refused; A, B, A is no repeat."""
    if not notice.version_id or notice.version_id == "null":
        return None
    answer = client("s3").list_object_versions(
        Bucket=notice.bucket,
        Prefix=notice.key,
        KeyMarker=notice.key,
        VersionIdMarker=notice.version_id,
        MaxKeys=1,
    )
    older = [version for version in answer.get("Versions", []) if version["Key"] == notice.key]
    if not older or older[0]["Size"] != notice.size:
        return None
    before = Notice(notice.bucket, notice.key, older[0]["VersionId"], notice.size)
    entry = ledger.known([(before.dataset, before.delivery_id)]).get(before.delivery_id)
    if entry is not None and entry.status == "rejected":
        return None
    return before.version_id if same_bytes(before, notice) else None
