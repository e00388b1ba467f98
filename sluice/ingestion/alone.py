"""Checks records together; when a check raises, finds the record to blame so that the others are still accepted."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pyarrow as pa

from sluice.contracts import Contract
from sluice.contracts.values.convert import arrow_type
from sluice.errors import ContractError, DeliveryError
from sluice.ingestion.check import Checked, check_block
from sluice.ingestion.records import Block, Reason, Rejected, rejected_table
from sluice.ingestion.trial import cannot_run

log = logging.getLogger(__name__)
_MOST_WORDS = 500
#: Finding one such record takes milliseconds. After so many in a block, parts are no longer halved but rejected whole.
_MOST_ALONE = 256


def check_records(block: Block, contract: Contract) -> list[Checked]:
    """Return the block's records, checked; a record whose values make the checks raise is rejected as ``uncheckable``.

    Raise ``ContractError`` when the checks also raise on sample records: then the contract or the code is at fault.
    """
    try:
        return [check_block(block, contract)]
    except (DeliveryError, MemoryError):
        raise  # of the delivered bytes, which the checks ask for again
    except Exception as error:
        if (failing := cannot_run(contract)) is not None:
            column, rule, _ = failing
            raise ContractError(
                f"{contract.file}: the checks of {contract.table} cannot run, for {column.name} ({rule or 'its type'}):"
                f" {_words(error)}",
                safe="the records stay where they are and are tried again; none of them was committed.",
                next_step="mend the contract (`sluice check` names the line), or the code, and deploy.",
                dataset=contract.name,
                column=column.name,
                file=contract.file,
            ) from error
        log.exception("records of %s cannot be checked together", contract.table)
    return list(_apart(block, contract))


def _apart(block: Block, contract: Contract) -> Iterator[Checked]:
    """Yield the block's parts after their checks; a part whose checks raise is halved down to the record to blame.

    That record is rejected. After ``_MOST_ALONE`` of them, parts are no longer halved but rejected whole.
    """
    waiting, refused = [block], 0
    while waiting:
        some = waiting.pop()
        try:
            yield check_block(some, contract)
        except (DeliveryError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - the record says what it was
            if some.rows > 1 and refused < _MOST_ALONE:
                half = some.rows // 2
                waiting += [some.slice(half, some.rows - half), some.slice(0, half)]
            else:
                refused += 1
                yield _refused(some, contract, error)


def _refused(block: Block, contract: Contract, error: Exception) -> Checked:
    """Return all records of a block as rejected because their checks raise ``error``."""
    reason = Reason("uncheckable", f"its values cannot be checked: {_words(error)}")
    raws, positions = block.raw(range(block.rows)), block.position_array().to_pylist()
    rejected = [*block.rejected, *(Rejected(at, (reason,), raw) for at, raw in zip(positions, raws, strict=True))]
    empty = pa.table({column.name: pa.array([], arrow_type(column.type)) for column in contract.columns})
    rejected.sort(key=lambda record: record.position or 0)
    return Checked(empty, pa.array([], pa.int64()), rejected_table(rejected))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_MOST_WORDS]
