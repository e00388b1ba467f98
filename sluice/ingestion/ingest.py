"""Ingests uploaded files: skips those that the ledger knows, reads and checks the others, and stages their records.

One call takes many small files. A large file, or one whose earlier call left no result (it may have died), is handed on
to a call of its own, so that a file that ends its reader affects no other file.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from sluice.contracts import LandingContract
from sluice.errors import DeliveryError, FileTooLarge, UnknownDataset, UnreadableFile
from sluice.ingestion.formats import FILE_FORMATS
from sluice.ingestion.landing import Notice, landed_source, same_bytes
from sluice.ingestion.read import ahead, read_checked
from sluice.ingestion.records import Reason
from sluice.ingestion.source import ByteSource
from sluice.ingestion.stage import DeliveryWriter, StagedUnit, UnitWriter
from sluice.ingestion.surroundings import Surroundings
from sluice.ledger import FINAL, UNKNOWN, Delivery
from sluice.project import Project
from sluice.storage import S3Store, client

log = logging.getLogger(__name__)
#: From so many bytes on, a file's rows are written to the table's data folder directly.
ADOPT_BYTES = 32 << 20
#: A file that may take longer has a call of its own.
_SHORT_SECONDS = 15.0
#: Bytes a second that the smallest function reads and checks, and how many bytes a compressed one may stand for.
_READ_BYTES, _COMPRESSED = 10e6, 10
#: Seconds kept for the work after reading: writing the last files, the manifest and the ledger.
_RESERVE_SECONDS = 10.0
#: How often a failing file is tried in a call with others.
_TRIES_TOGETHER = 3
#: Seconds between two reads of the ledger while waiting for the result of the object's previous version.
_LOOK_SECONDS = 2.0
#: The states of a version that is in its table, or will be.
_INGESTED = ("staged", "committed", "duplicate")


@dataclass(frozen=True)
class IngestOutcome:
    """What one call staged, and the references of the notices whose messages must come again."""

    units: tuple[StagedUnit, ...]
    failed: tuple[str, ...]


def ingest_files(notices: Iterable[Notice], around: Surroundings) -> IngestOutcome:
    """Stage every new file; record those that are repeats, duplicates of their predecessor, or of no dataset.

    A file that fails for a reason outside itself is returned as failed; the others go on.
    """
    # Two messages of a batch may be about the same object version: it is staged once, and both succeed or fail with it.
    by_delivery: dict[str, list[Notice]] = {}
    for notice in notices:
        by_delivery.setdefault(notice.delivery_id, []).append(notice)
    firsts = [same[0] for same in by_delivery.values()]
    known = around.ledger.known((_kept_under(notice, around.project), notice.delivery_id) for notice in firsts)
    work = _Work(around)
    failed: list[str] = []
    for notice in firsts:
        try:
            done = work.take(notice, known.get(notice.delivery_id), times=len(by_delivery[notice.delivery_id]))
        except Exception as error:
            log.exception("%s could not be staged; it will come again", notice.uri)
            _note_failure(notice, error, around)
            done = False
        if not done:
            failed += [same.reference for same in by_delivery[notice.delivery_id]]
    return IngestOutcome(work.finish(), tuple(failed))


def _note_failure(notice: Notice, failure: Exception, around: Surroundings) -> None:
    """Write to the ledger why a file has to be tried again; log it when the ledger cannot be written."""
    problem, kept_under = f"{type(failure).__name__}: {failure}", _kept_under(notice, around.project)
    try:
        around.ledger.record_failing(_entry(notice, status="failing", error=problem, dataset=kept_under))
    except (ClientError, BotoCoreError):
        log.exception("the ledger does not know why %s failed", notice.uri)


@dataclass
class _Work:
    """One call's units, and the ledger entries of their deliveries."""

    around: Surroundings
    store: S3Store = field(default_factory=S3Store)
    writers: dict[str, UnitWriter] = field(default_factory=dict)
    units: list[StagedUnit] = field(default_factory=list)
    staged: dict[str, Delivery] = field(default_factory=dict)

    def take(self, notice: Notice, earlier: Delivery | None, *, times: int) -> bool:
        """Process a notice in this call or hand it on to another; return False when its message must come again."""
        if earlier is not None and earlier.status in FINAL:
            for _ in range(times):
                self.around.ledger.redelivered(earlier.dataset, notice.delivery_id)
            return True
        project = self.around.project
        contract = _contract(notice, project)
        if contract is None or notice.marker:
            ignored = _entry(notice, status="ignored", dataset=_kept_under(notice, project))
            self.around.ledger.record([ignored if notice.marker else _unknown(notice, project)])
            return True
        # Before the comparison with the previous version, which takes as long as reading a large file.
        if self.around.hand_on is not None and _is_for_itself(notice, contract, earlier):
            self.around.hand_on(notice)
            return True
        if twin := self._twin(notice):
            if twin != _NOT_YET:
                self.around.ledger.record([_entry(notice, status="duplicate", duplicate_of=twin)])
            return twin != _NOT_YET
        return self._read(notice, contract)

    def _read(self, notice: Notice, contract: LandingContract) -> bool:
        around, seconds = self.around, _seconds_for(notice, contract)
        if around.hand_on is not None and around.time_left() < seconds + _RESERVE_SECONDS:
            log.warning("%s is left for another call: %.0f s are too few", notice.uri, around.time_left())
            return False
        try:
            self._stage(notice, contract)
        except _TakesLonger:
            assert around.hand_on is not None
            around.hand_on(notice)
        return True

    def _twin(self, notice: Notice) -> str:
        """Return the object's previous version if this one has the same bytes and that one was ingested, else None.

        Only the version just before counts. Return ``_NOT_YET`` while its result is not known.
        """
        before = _predecessor(notice)
        if before is None:
            return ""
        entry = self._first_of(before)
        if entry is None or entry.status == "failing":
            return _NOT_YET if self.around.hand_on is not None and same_bytes(before, notice) else ""
        nothing_of_it = entry.error or (entry.quarantined and not entry.accepted)
        if entry.status not in _INGESTED or nothing_of_it:
            return ""
        try:
            return before.version_id if same_bytes(before, notice) else ""
        except UnreadableFile:  # one of the two was deleted; if it is this one, reading it says so
            return ""

    def _first_of(self, before: Notice) -> Delivery | None:
        """Return the ledger's entry of a version; of a duplicate that of the version whose rows are in the table."""
        entry = self._state_of(before)
        while entry is not None and entry.status == "duplicate" and entry.duplicate_of:
            before = msgspec.structs.replace(before, version_id=entry.duplicate_of)
            entry = self._state_of(before)
        return entry

    def _state_of(self, before: Notice) -> Delivery | None:
        """Return the ledger's entry of a version; a call with a single file waits some time for a final state."""
        until = time.monotonic() + (0.0 if self.around.hand_on is not None else self.around.patience)
        while True:
            found = self.around.ledger.known([(before.dataset, before.delivery_id)])
            entry = self.staged.get(before.delivery_id) or found.get(before.delivery_id)
            if (entry is not None and entry.status != "failing") or time.monotonic() >= until:
                return entry
            time.sleep(_LOOK_SECONDS)

    def _stage(self, notice: Notice, contract: LandingContract) -> None:
        adopt = _bytes_of(notice, contract) >= ADOPT_BYTES and not contract.partitioning
        writer = self._writer(contract, adopt=adopt)
        error = _stage(notice, contract, writer, self.around)
        if adopt:
            self.units.append(writer.finish())
        self.staged[notice.delivery_id] = _entry(notice, status="staged", error=error)

    def _writer(self, contract: LandingContract, *, adopt: bool) -> UnitWriter:
        lake, now = self.around.settings.lake, datetime.now(UTC)
        if adopt:
            folder, schema = self.around.data_folder(contract)
            return UnitWriter(contract, self.store, lake, now=now, data_folder=folder, data_schema=schema)
        if contract.name not in self.writers:
            self.writers[contract.name] = UnitWriter(contract, self.store, lake, now=now)
        return self.writers[contract.name]

    def finish(self) -> tuple[StagedUnit, ...]:
        """Write the manifests, and only then the ledger."""
        self.units += [writer.finish() for writer in self.writers.values() if writer.has_deliveries]
        for delivery in self.staged.values():
            self.around.ledger.record_staged(delivery)
        return tuple(self.units)


#: Differs from every version id.
_NOT_YET = "(not yet)"


def reject_unread(notice: Notice, reason: str, around: Surroundings) -> IngestOutcome:
    """Quarantine, without reading it, a file that ends every function that reads it."""
    contract = _contract(notice, around.project)
    if contract is None:
        around.ledger.record([_unknown(notice, around.project)])
        return IngestOutcome((), ())
    known = around.ledger.known([(notice.dataset, notice.delivery_id)]).get(notice.delivery_id)
    if known is not None and known.status in (*FINAL, "staged", "set_aside"):
        return IngestOutcome((), ())  # another call has read it
    error = DeliveryError(
        f"{notice.uri} cannot be read: {reason}",
        code="reader_died",
        safe="none of its records was committed; the file stays in the landing bucket.",
        next_step="split or mend the file and upload it again; the log of the function ingest_file_alone has more.",
        dataset=contract.name,
        file=notice.uri,
    )
    writer = UnitWriter(contract, S3Store(), around.settings.lake, now=datetime.now(UTC))
    delivery = writer.delivery(notice.delivery_id, notice.uri, version_id=notice.version_id, size=notice.size)
    delivery.unreadable(Reason(error.code, str(error)))
    unit = writer.finish()
    around.ledger.record_staged(_entry(notice, status="staged", error=str(error)))
    return IngestOutcome((unit,), ())


def stage_source(
    source: ByteSource, contract: LandingContract, delivery: DeliveryWriter, *, look: Callable[[], None] = lambda: None
) -> str:
    """Read and check a whole file into ``delivery``; return the error of a file that cannot be read, else None.

    ``look`` is called after each block; an error that it raises ends the reading.
    """
    try:
        for _ in ahead(delivery.add, read_checked(source, contract)):
            look()
    except DeliveryError as error:
        log.warning("%s", error, exc_info=error.__cause__)
        delivery.unreadable(Reason(error.code, str(error)))
        return str(error)
    delivery.done()
    return ""


class _TakesLonger(Exception):
    """A file takes longer than a call with other files can spend on it."""


def _watch(notice: Notice, around: Surroundings) -> Callable[[], None]:
    """Return a function that raises when a file is still being read shortly before the Lambda call's time is over."""

    def look() -> None:
        if around.time_left() >= _RESERVE_SECONDS:
            return
        if around.hand_on is not None:
            raise _TakesLonger
        raise FileTooLarge(  # no other call would have more time
            f"{notice.uri} takes longer to read than a function has.", dataset=notice.dataset, file=notice.uri
        )

    return look


def _is_for_itself(notice: Notice, contract: LandingContract, earlier: Delivery | None) -> bool:
    """Return whether a file gets a call of its own: a large one, or one whose reader may have died.

    A file whose last failure is in the ledger stays with others at first, since its reader has not died.
    """
    failed = earlier is not None and earlier.status == "failing"
    doubtful = notice.received > (_TRIES_TOGETHER if failed else 1)
    return doubtful or _seconds_for(notice, contract) > _SHORT_SECONDS


def _bytes_of(notice: Notice, contract: LandingContract) -> int:
    """Return how many bytes a file may have once it is decompressed."""
    packed = FILE_FORMATS[contract.arrival.format].packed or notice.key.endswith((".gz", ".zst", ".zstd"))
    packed = packed or contract.arrival.compression in ("gzip", "zstd")
    return notice.size * (_COMPRESSED if packed else 1)


def _seconds_for(notice: Notice, contract: LandingContract) -> float:
    """Return the seconds that reading a file may take, generously estimated."""
    return _bytes_of(notice, contract) / _READ_BYTES


def _stage(notice: Notice, contract: LandingContract, writer: UnitWriter, around: Surroundings) -> str:
    """Stage one file; return the error of a file that cannot be read, else None."""
    settings = around.settings
    delivery = writer.delivery(notice.delivery_id, notice.uri, version_id=notice.version_id, size=notice.size)
    if notice.size > settings.max_file_bytes:
        error = FileTooLarge(
            f"{notice.uri} has {notice.size:,} bytes; one function call reads {settings.max_file_bytes:,} at most.",
            next_step="split the file, or compress it, and upload the parts.",
            dataset=contract.name,
            file=notice.uri,
        )
        delivery.unreadable(Reason(error.code, str(error)))
        return str(error)
    return stage_source(landed_source(notice, contract, settings.lake), contract, delivery, look=_watch(notice, around))


def _contract(notice: Notice, project: Project) -> LandingContract | None:
    """Return the contract of the dataset in the key's first part; None without a contract, or when it is a stream."""
    contract = project.landing(notice.dataset)
    return contract if contract and not contract.arrival.stream else None


def _kept_under(notice: Notice, project: Project) -> str:
    """Return the dataset under which the ledger keeps a notice: never empty, though a key's first part may be."""
    return notice.dataset if _contract(notice, project) else UNKNOWN


def _unknown(notice: Notice, project: Project) -> Delivery:
    files = [contract.name for contract in project.arriving if not contract.arrival.stream]
    contract = project.landing(notice.dataset)
    what = f"{notice.uri}: {notice.dataset!r} is not the name of a dataset."
    next_step = (
        f"upload it under one of: {', '.join(sorted(files))}; or add contracts/{notice.dataset}.yaml and deploy, then "
        "upload it again."
    )
    if contract is not None:
        what = f"{notice.uri}: {notice.dataset!r} arrives by stream, not as files."
        next_step = f"send its records with `sluice send {notice.dataset} FILE`."
    error = UnknownDataset(
        what, safe="the file stays in the landing bucket.", next_step=next_step, value=notice.dataset, file=notice.uri
    )
    log.warning("%s", error)
    entry = _entry(notice, status="rejected", error=str(error), dataset=UNKNOWN)
    return msgspec.structs.replace(entry, quarantined=None, reasons={error.code: 1})


def _entry(
    notice: Notice, *, status: Any, duplicate_of: str = "", error: str = "", dataset: str | None = None
) -> Delivery:
    return Delivery(
        dataset=notice.dataset if dataset is None else dataset,
        delivery_id=notice.delivery_id,
        status=status,
        uri=notice.uri,
        version_id=notice.version_id,
        size=notice.size,
        duplicate_of=duplicate_of,
        error=error,
        at=datetime.now(UTC).timestamp(),
    )


def _predecessor(notice: Notice) -> Notice | None:
    """Return the object's previous version if it has the same size, else None."""
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
    return Notice(notice.bucket, notice.key, older[0]["VersionId"], notice.size)
