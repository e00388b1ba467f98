"""Reads and checks a file; every error that its bytes cause becomes a ``DeliveryError``, at the first try.

Errors of storage are raised unchanged, since a retry may succeed. So are errors that the contract's checks raise on any
record, since mending the contract or the code removes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from sluice.contracts import LandingContract
from sluice.errors import ContractError, DeliveryError, UnreadableFile
from sluice.ingestion.alone import check_records
from sluice.ingestion.check import Checked
from sluice.ingestion.formats import FILE_FORMATS
from sluice.ingestion.kinds import HEAD, Kind, kind_for
from sluice.ingestion.readers.text import as_sent
from sluice.ingestion.source import ByteSource

_MOST_WORDS = 500
_In = TypeVar("_In")
_Out = TypeVar("_Out")


def read_checked(source: ByteSource, contract: LandingContract) -> Iterator[Checked]:
    """Yield the file's records in checked blocks; ``DeliveryError`` when the file cannot be read to its end."""
    kind = contract.arrival.format
    read = FILE_FORMATS[kind].read
    look = _Look(source, contract)
    source = replace(source, begins=look.at)
    try:
        blocks = as_sent(read(source, contract), contract.arrival)
        parts = (part for block in blocks for part in block.parts(contract))
        for checked in ahead(lambda part: check_records(part, contract), parts):
            yield from checked
    except (DeliveryError, ContractError) as error:
        _raise_of_storage(source)
        if isinstance(error, UnreadableFile) and (other := look.refused()):
            raise other from error
        error.within(dataset=contract.name, file=source.uri)
        raise
    except MemoryError as error:
        _raise_of_storage(source)
        raise UnreadableFile(
            f"{source.uri} needs more memory than the function has: {_words(error)}",
            code="too_much_memory",
            dataset=contract.name,
            file=source.uri,
            next_step="split the file, or write it in smaller row groups and pages, and upload it again.",
        ) from error
    except Exception as error:
        _raise_of_storage(source)
        if other := look.refused():
            raise other from error
        raise UnreadableFile(
            f"{source.uri} cannot be read as {kind}: {type(error).__name__}: {_words(error)}",
            code="corrupt",
            dataset=contract.name,
            file=source.uri,
        ) from error


class _Look:
    """Looks at the first bytes of a file for another kind of file than its dataset's: an Excel workbook, a web page.

    One that surely is of another kind is refused before it is read. Of one that may be, records are read; when they
    cannot be, what it seems to be is why.
    """

    def __init__(self, source: ByteSource, contract: LandingContract) -> None:
        self._source, self._dataset, self._format = source, contract.name, contract.arrival.format
        self._head: bytes | None = None

    def at(self, head: bytes) -> None:
        """Remember what the file begins with; ``UnreadableFile`` when that surely is of another kind."""
        self._head = head[:HEAD]
        found = kind_for(self._head, self._format, self._source.seekable)
        if found is not None and found.sure:
            raise self._refusal(found)

    def refused(self) -> UnreadableFile | None:
        """Return why a file that cannot be read cannot be, when it seems to be of another kind."""
        if self._head is None and self._source.size:
            with self._source.seekable(HEAD) as file:
                self._head = file.read(HEAD)
        found = kind_for(self._head or b"", self._format, self._source.seekable)
        return None if found is None else self._refusal(found)

    def _refusal(self, found: Kind) -> UnreadableFile:
        uri = self._source.uri
        return UnreadableFile(
            f"{uri} is {found.what}, and its dataset's files are {self._format}.",
            code="wrong_kind",
            next_step=f"{found.way_out}; upload that.",
            dataset=self._dataset,
            file=uri,
        )


def _raise_of_storage(source: ByteSource) -> None:
    if source.failures:
        raise source.failures[0]


def _words(error: Exception) -> str:
    return str(error)[:_MOST_WORDS]


def ahead(work: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """Yield ``work`` of each item, in order; the next item is made meanwhile, so reading and checking overlap."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[_Out]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
