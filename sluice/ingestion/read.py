"""A file through its reader and its checks: whatever its bytes bring about is a ``DeliveryError``, at the first try.

What storage raised is raised as it was: it may be gone at the next try, the bytes stay as they are. So is what the
contract's checks raise whatever they are given: it is gone once the contract, or the code, is mended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from sluice.contracts import Contract
from sluice.errors import ContractError, DeliveryError, SluiceError, UnreadableFile
from sluice.ingestion.check import Checked, check_block
from sluice.ingestion.readers import reader_for
from sluice.ingestion.readers.text import as_sent
from sluice.ingestion.records import Block
from sluice.ingestion.source import Source
from sluice.ingestion.trial import cannot_run

_SAFE = "nothing of the file was committed."
_MOST_WORDS = 500
_In = TypeVar("_In")
_Out = TypeVar("_Out")


def read_checked(source: Source, contract: Contract) -> Iterator[Checked]:
    """Yield the file's records, checked; ``DeliveryError`` when its bytes cannot be read to their end."""
    assert contract.arrival is not None
    kind = contract.arrival.format
    try:
        blocks = as_sent(reader_for(kind)(source, contract), contract.arrival)
        parts = (part for block in blocks for part in block.parts(contract))
        yield from ahead(lambda part: _check(part, contract), parts)
    except _Unchecked as error:
        _raise_of_storage(source)
        raise _of_checks(source, contract, error.cause) from error.cause
    except DeliveryError:
        _raise_of_storage(source)
        raise
    except MemoryError as error:
        _raise_of_storage(source)
        raise UnreadableFile(
            f"{source.uri} needs more memory than the function has: {_words(error)}",
            code="too_much_memory",
            safe=_SAFE,
            next_step="split the file, or write it in smaller row groups and pages, and upload it again.",
        ) from error
    except Exception as error:
        _raise_of_storage(source)
        raise UnreadableFile(
            f"{source.uri} cannot be read as {kind}: {type(error).__name__}: {_words(error)}",
            code="corrupt",
            safe=_SAFE,
            next_step="mend the file and upload it again.",
        ) from error


class _Unchecked(Exception):
    """The checks of some records raised ``cause``."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause
        super().__init__(str(cause))


def _check(part: Block, contract: Contract) -> Checked:
    try:
        return check_block(part, contract)
    except (DeliveryError, MemoryError):
        raise  # of the file's bytes, which the checks ask for again
    except Exception as error:
        raise _Unchecked(error) from error


def _of_checks(source: Source, contract: Contract, error: Exception) -> SluiceError:
    """Return what to raise for checks that failed: a fault of ours when they fail on records of our own, too.

    If they do not, it takes this file's values to make them fail, and it would at every try.
    """
    words = f"{type(error).__name__}: {_words(error)}"
    if (failing := cannot_run(contract)) is not None:
        column, rule, _ = failing
        return ContractError(
            f"{contract.file}: the checks of {contract.table} cannot run, for {column.name} ({rule or 'its type'}): "
            f"{words}",
            safe=f"{source.uri} stays in the landing bucket and is tried again; nothing of it was committed.",
            next_step="mend the contract (`sluice check` names the line), or the code, and deploy.",
        )
    return UnreadableFile(
        f"{source.uri} holds values that cannot be checked: {words}",
        code="uncheckable",
        safe=_SAFE,
        next_step="the function's log says where; mend the file, or the code, and upload the file again.",
    )


def _raise_of_storage(source: Source) -> None:
    if source.failures:
        raise source.failures[0]


def _words(error: Exception) -> str:
    return str(error)[:_MOST_WORDS]


def ahead(work: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """Apply ``work`` in order, while the next item is made: reading, checking and writing run side by side."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[_Out]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
