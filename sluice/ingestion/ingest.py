"""Ingests uploaded files in three steps: looks up what is known of them, stages the new ones, records what came of it.

One call takes many small files. A large file, or one whose earlier call left no result (it may have died), is handed on
to a call of its own, so that a file that ends its reader affects no other file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from sluice.contracts import LandingContract
from sluice.errors import DeliveryError, FileTooLarge
from sluice.ingestion.arrived import ArrivedFile, arrived_files, bytes_of, contract_of, entry_of, seconds_for, unknown
from sluice.ingestion.landing import Notice, landed_source
from sluice.ingestion.read import ahead, read_checked
from sluice.ingestion.records import Reason
from sluice.ingestion.source import ByteSource
from sluice.ingestion.stage import DeliveryWriter, StagedUnit, UnitWriter
from sluice.ingestion.surroundings import Surroundings
from sluice.ingestion.twins import NOT_YET, twin_of
from sluice.ledger import FINAL, Delivery
from sluice.storage import S3Store

log = logging.getLogger(__name__)
#: From so many bytes on, a file's rows are written to the table's data folder directly.
ADOPT_BYTES = 32 << 20
#: Seconds kept for the work after reading: writing the last files, the manifest and the ledger.
_RESERVE_SECONDS = 10.0


@dataclass(frozen=True)
class IngestOutcome:
    """What one call staged, and the references of the notices whose messages must come again."""

    units: tuple[StagedUnit, ...]
    failed: tuple[str, ...]


@dataclass
class _Batch:
    """What one call has staged: the units that are written, those still open by dataset, and the ledger's entries."""

    around: Surroundings
    store: S3Store = field(default_factory=S3Store)
    written: list[StagedUnit] = field(default_factory=list)
    open: dict[str, UnitWriter] = field(default_factory=dict)
    entries: dict[str, Delivery] = field(default_factory=dict)

    def unit(self, contract: LandingContract) -> UnitWriter:
        """Return the unit of the dataset's small files."""
        if contract.name not in self.open:
            lake = self.around.settings.lake
            self.open[contract.name] = UnitWriter(contract, self.store, lake, now=datetime.now(UTC))
        return self.open[contract.name]

    def unit_of_its_own(self, contract: LandingContract) -> UnitWriter:
        """Return a unit for a large file, whose data files the table adopts."""
        folder, schema = self.around.data_folder(contract)
        lake, now = self.around.settings.lake, datetime.now(UTC)
        return UnitWriter(contract, self.store, lake, now=now, data_folder=folder, data_schema=schema)


def ingest_files(notices: Iterable[Notice], around: Surroundings) -> IngestOutcome:
    """Stage every new file; record those that are repeats, duplicates of their predecessor, or of no dataset.

    A file that fails for a reason outside itself is returned as failed; the others go on.
    """
    files, batch = arrived_files(notices, around), _Batch(around)
    again = [file for file in files if not _is_settled(file, batch)]
    return IngestOutcome(_record(batch), tuple(notice.reference for file in again for notice in file.same))


def _is_settled(file: ArrivedFile, batch: _Batch) -> bool:
    """Settle a file; return False when its messages must come again, as they must after an error outside of it."""
    try:
        return _settle(file, batch)
    except Exception as error:
        log.exception("%s could not be staged; it will come again", file.notice.uri)
        _note_failure(file, error, batch.around)
        return False


def _settle(file: ArrivedFile, batch: _Batch) -> bool:
    """Stage a file in this call or hand it on to another; return False when its messages must come again."""
    around, notice = batch.around, file.notice
    if file.earlier is not None and file.earlier.status in FINAL:
        for _ in file.same:
            around.ledger.redelivered(file.earlier.dataset, notice.delivery_id)
        return True
    if file.contract is None or notice.marker:
        ignored = entry_of(notice, status="ignored", dataset=file.kept_under)
        around.ledger.record([ignored if notice.marker else unknown(notice, around.project)])
        return True
    # Before the comparison with the previous version, which takes as long as reading a large file.
    if around.hand_on is not None and file.is_for_itself(file.contract):
        around.hand_on(notice)
        return True
    if twin := twin_of(notice, around, batch.entries):
        if twin != NOT_YET:
            around.ledger.record([entry_of(notice, status="duplicate", duplicate_of=twin)])
        return twin != NOT_YET
    if around.hand_on is not None and around.time_left() < seconds_for(notice, file.contract) + _RESERVE_SECONDS:
        log.warning("%s is left for another call: %.0f s are too few", notice.uri, around.time_left())
        return False
    try:
        _stage(notice, file.contract, batch)
    except _TakesLonger as longer:
        longer.hand_on(notice)
    return True


def _stage(notice: Notice, contract: LandingContract, batch: _Batch) -> None:
    """Read a file into a unit, and note its entry."""
    if bytes_of(notice, contract) >= ADOPT_BYTES and not contract.partitioning:
        writer = batch.unit_of_its_own(contract)
        error = _read(notice, contract, writer, batch.around)
        batch.written.append(writer.finish())
    else:
        error = _read(notice, contract, batch.unit(contract), batch.around)
    batch.entries[notice.delivery_id] = entry_of(notice, status="staged", error=error)


def _record(batch: _Batch) -> tuple[StagedUnit, ...]:
    """Write the manifests, and only then the ledger; return the units."""
    units = [*batch.written, *(writer.finish() for writer in batch.open.values() if writer.has_deliveries)]
    for entry in batch.entries.values():
        batch.around.ledger.record_staged(entry)
    return tuple(units)


def _note_failure(file: ArrivedFile, failure: Exception, around: Surroundings) -> None:
    """Write to the ledger why a file has to be tried again; log it when the ledger cannot be written."""
    problem = f"{type(failure).__name__}: {failure}"
    try:
        around.ledger.record_failing(entry_of(file.notice, status="failing", error=problem, dataset=file.kept_under))
    except (ClientError, BotoCoreError):
        log.exception("the ledger does not know why %s failed", file.notice.uri)


def reject_unread(notice: Notice, reason: str, around: Surroundings) -> IngestOutcome:
    """Quarantine, without reading it, a file that ends every function that reads it."""
    contract = contract_of(notice, around.project)
    if contract is None:
        around.ledger.record([unknown(notice, around.project)])
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
    around.ledger.record_staged(entry_of(notice, status="staged", error=str(error)))
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
    """A file takes longer than a call with other files can spend on it; ``hand_on`` gives it a call of its own."""

    def __init__(self, hand_on: Callable[[Notice], None]) -> None:
        super().__init__()
        self.hand_on = hand_on


def _watch(notice: Notice, around: Surroundings) -> Callable[[], None]:
    """Return a function that raises when a file is still being read shortly before the Lambda call's time is over."""

    def look() -> None:
        if around.time_left() >= _RESERVE_SECONDS:
            return
        if around.hand_on is not None:
            raise _TakesLonger(around.hand_on)
        raise FileTooLarge(  # no other call would have more time
            f"{notice.uri} takes longer to read than a function has.", dataset=notice.dataset, file=notice.uri
        )

    return look


def _read(notice: Notice, contract: LandingContract, writer: UnitWriter, around: Surroundings) -> str:
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
