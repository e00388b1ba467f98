"""Reads and checks a file; every error that its bytes cause becomes a ``DeliveryError``, at the first try.

Errors of storage are raised unchanged, since a retry may succeed. So are errors that the contract's checks raise on any
record, since mending the contract or the code removes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from sluice.contracts import LandingContract
from sluice.errors import ContractError, DeliveryError, UnreadableFile
from sluice.ingestion.alone import check_records
from sluice.ingestion.check import Checked
from sluice.ingestion.formats import FILE_FORMATS
from sluice.ingestion.readers.text import as_sent
from sluice.ingestion.source import ByteSource

_MOST_WORDS = 500
_In = TypeVar("_In")
_Out = TypeVar("_Out")


def read_checked(source: ByteSource, contract: LandingContract) -> Iterator[Checked]:
    """Yield the file's records in checked blocks; ``DeliveryError`` when the file cannot be read to its end."""
    kind = contract.arrival.format
    read = FILE_FORMATS[kind].read
    try:
        blocks = as_sent(read(source, contract), contract.arrival)
        parts = (part for block in blocks for part in block.parts(contract))
        for checked in ahead(lambda part: check_records(part, contract), parts):
            yield from checked
    except (DeliveryError, ContractError) as error:
        _raise_of_storage(source)
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
        raise UnreadableFile(
            f"{source.uri} cannot be read as {kind}: {type(error).__name__}: {_words(error)}",
            code="corrupt",
            dataset=contract.name,
            file=source.uri,
        ) from error


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
