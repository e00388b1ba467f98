"""The files of one call: the messages about each, whose it is, what the ledger knows of it, and what it may take."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from sluice.contracts import LandingContract
from sluice.errors import UnknownDataset
from sluice.ingestion.formats import FILE_FORMATS
from sluice.ingestion.landing import Notice
from sluice.ingestion.surroundings import Surroundings
from sluice.ledger import UNKNOWN, Delivery
from sluice.nearest import did_you_mean
from sluice.project import Project

log = logging.getLogger(__name__)
#: A file that may take longer has a call of its own.
_SHORT_SECONDS = 15.0
#: Bytes a second that the smallest function reads and checks, and how many bytes a compressed one may stand for.
_READ_BYTES, _COMPRESSED = 10e6, 10
#: How often a failing file is tried in a call with others.
_TRIES_TOGETHER = 3


@dataclass(frozen=True)
class ArrivedFile:
    """One object version of a batch: all messages about it, the ``same``, with the first one as its ``notice``.

    ``contract`` is None when no dataset takes it, ``earlier`` is what the ledger knows of it.
    """

    same: tuple[Notice, ...]
    contract: LandingContract | None
    earlier: Delivery | None

    @property
    def notice(self) -> Notice:
        """Return the first message."""
        return self.same[0]

    @property
    def kept_under(self) -> str:
        """Return the dataset under which the ledger keeps it: never empty, though a key's first part may be."""
        return UNKNOWN if self.contract is None else self.contract.name

    def is_for_itself(self, contract: LandingContract) -> bool:
        """Return whether it gets a call of its own: a large file, or one whose reader may have died.

        A file whose last failure is in the ledger stays with others at first, since its reader has not died.
        """
        failed = self.earlier is not None and self.earlier.status == "failing"
        doubtful = self.notice.received > (_TRIES_TOGETHER if failed else 1)
        return doubtful or seconds_for(self.notice, contract) > _SHORT_SECONDS


def arrived_files(notices: Iterable[Notice], around: Surroundings) -> list[ArrivedFile]:
    """Return the files that the notices are about, each once, with what the ledger knows of them."""
    # Two messages of a batch may be about the same object version: it is staged once, and both succeed or fail with it.
    same: dict[str, list[Notice]] = {}
    for notice in notices:
        same.setdefault(notice.delivery_id, []).append(notice)
    files = [ArrivedFile(tuple(each), contract_of(each[0], around.project), None) for each in same.values()]
    known = around.ledger.known((file.kept_under, file.notice.delivery_id) for file in files)
    return [replace(file, earlier=known.get(file.notice.delivery_id)) for file in files]


def contract_of(notice: Notice, project: Project) -> LandingContract | None:
    """Return the contract of the dataset in the key's first part; None without a contract, or when it is a stream."""
    contract = project.landing(notice.dataset)
    return contract if contract and not contract.arrival.stream else None


def bytes_of(notice: Notice, contract: LandingContract) -> int:
    """Return how many bytes a file may have once it is decompressed."""
    packed = FILE_FORMATS[contract.arrival.format].packed or notice.key.endswith((".gz", ".zst", ".zstd"))
    packed = packed or contract.arrival.compression in ("gzip", "zstd")
    return notice.size * (_COMPRESSED if packed else 1)


def seconds_for(notice: Notice, contract: LandingContract) -> float:
    """Return the seconds that reading a file may take, generously estimated."""
    return bytes_of(notice, contract) / _READ_BYTES


def unknown(notice: Notice, project: Project) -> Delivery:
    """Return the entry of a file that no dataset takes, with what would make one take it."""
    files = [contract.name for contract in project.arriving if not contract.arrival.stream]
    contract = project.landing(notice.dataset)
    what = f"{notice.uri}: {notice.dataset!r} is not the name of a dataset.{did_you_mean(notice.dataset, files)}"
    next_step = f"upload it under one of: {', '.join(sorted(files))}"
    if "/" in notice.key:
        next_step += f"; or add contracts/{notice.dataset}.yaml and deploy, then upload it again."
    else:
        what = f"{notice.uri}: {notice.key!r} is not the name of a dataset: the file is in no folder."
        next_step += f", as s3://{notice.bucket}/{sorted(files)[0]}/{notice.key}." if files else "."
    if contract is not None:
        what = f"{notice.uri}: {notice.dataset!r} arrives by stream, not as files."
        next_step = f"send its records with `sluice send {notice.dataset} FILE`."
    error = UnknownDataset(
        what, safe="the file stays in the landing bucket.", next_step=next_step, value=notice.dataset, file=notice.uri
    )
    log.warning("%s", error)
    entry = entry_of(notice, status="rejected", error=str(error), dataset=UNKNOWN)
    return msgspec.structs.replace(entry, quarantined=None, reasons={error.code: 1})


def entry_of(
    notice: Notice, *, status: Any, duplicate_of: str = "", error: str = "", dataset: str | None = None
) -> Delivery:
    """Return the ledger's entry of a file, as of now."""
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
