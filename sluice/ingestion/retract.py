"""Retracts deliveries: takes their rows out of bronze and quarantine, and counts them in the ledger as retracted.

Somebody's request is an object in a folder that no ingestor may write to; the sweep wakes the committer for it. The
committer rewrites the data files that hold such rows, in one commit per table that also marks the delivery's token as
retracted. The token stays: the same delivery does not come back. Tables made of bronze follow by their next refresh, as
after every change. The request is deleted last; a committer that is killed before goes on from what the tables hold.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec
import pyarrow.compute as pc
from pyiceberg.expressions import AlwaysTrue, BooleanExpression, EqualTo
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from sluice.conflicts import until_committed
from sluice.contracts import LandingContract
from sluice.decoding import json_decoder
from sluice.errors import CommitConflict
from sluice.ingestion.commit import RETRIES, SEGMENT, Lake, retracted_by_now
from sluice.ledger import Delivery
from sluice.storage import Store
from sluice.tables.commit import discard, replace, write_data_files
from sluice.tables.tokens import KEEP, Token, read_tokens, with_tokens

log = logging.getLogger(__name__)
#: Where requests wait, by dataset: who may write there may retract, and no ingestor may.
RETRACTIONS = "retractions/"
_COLUMN = "_delivery_id"
#: Seconds of a call that are kept for the last request's commits, the ledger and the answer.
_RESERVE_SECONDS = 30.0


class Retraction(msgspec.Struct, frozen=True):
    """A request to retract ``delivery``, which is as the ledger had it; ``by`` says who asked."""

    delivery: Delivery
    by: str


_decode = json_decoder(Retraction)


def request(store: Store, lake: str, retraction: Retraction) -> None:
    """Write a request; the caller wakes the dataset's committer, or the sweep does."""
    delivery = retraction.delivery
    store.put(f"{_folder(lake, delivery.dataset)}{delivery.delivery_id}.json", msgspec.json.encode(retraction))


def retract_requested(
    contract: LandingContract,
    lake: Lake,
    *,
    record: Callable[[Iterable[Delivery]], None],
    announce: Callable[[Mapping[str, int]], None],
    time_left: Callable[[], float] = lambda: 900.0,
) -> tuple[Delivery, ...]:
    """Retract what was asked for of ``contract``, one delivery after another; return the deliveries as they are then.

    ``record`` writes the ledger, ``announce`` publishes the changes of tables.
    """
    done = []
    for address in lake.store.list(_folder(lake.settings.lake, contract.name)):
        if not address.endswith(".json"):
            continue  # one that was refused
        if time_left() < _RESERVE_SECONDS:
            break  # the sweep wakes the committer again
        content = lake.store.get_bytes(address)
        try:
            delivery = _requested(content, address, contract, lake)
        except (msgspec.DecodeError, _Refused) as why:
            log.error("%s is no retraction and was put beside: %s", address, why)
            lake.store.put(f"{address}.refused", content)
            lake.store.delete([address])
            continue
        tables = {name: _remove(lake, contract, name, delivery) for name in (contract.database, "quarantine")}
        retracted = retracted_by_now(delivery, *(read_tokens(table) for table in tables.values()))
        record([retracted])
        # Even when this call removed nothing: the call that did may have died before it announced the change.
        announce({f"{name}.{contract.name}": _snapshot(table) for name, table in tables.items()})
        lake.store.delete([address])
        done.append(retracted)
    return tuple(done)


class _Refused(Exception):
    """A request that is not one of the command line's; the message says why."""


def _requested(content: bytes, address: str, contract: LandingContract, lake: Lake) -> Delivery:
    """Return the delivery to retract; raise ``_Refused`` for one that is not in this dataset's tables."""
    delivery = _decode(content).delivery
    if delivery.dataset != contract.name or not address.endswith(f"/{delivery.delivery_id}.json"):
        raise _Refused(f"it names {delivery.dataset}, {delivery.delivery_id}")
    young = time.time() - delivery.at < KEEP.total_seconds()
    if young and delivery.delivery_id not in read_tokens(lake.table(contract.database, contract.name)):
        raise _Refused(f"{delivery.delivery_id} is not committed")
    return delivery


def _snapshot(table: Table) -> int:
    snapshot = table.current_snapshot()
    assert snapshot is not None, "each retraction commits a snapshot"
    return snapshot.snapshot_id


def _remove(lake: Lake, contract: LandingContract, database: str, delivery: Delivery) -> Table:
    """Remove the rows of a delivery that is not retracted yet from one table; return the table after that."""
    return until_committed(
        lambda: _remove_once(lake, contract, database, delivery),
        f"{database}.{contract.name}",
        attempts=RETRIES["attempts"],
        safe="the request stays; a table holds all rows of the deliveries or none of them.",
        next_step=RETRIES["next_step"],
    )


def _remove_once(lake: Lake, contract: LandingContract, database: str, delivery: Delivery) -> Table:
    table, name = lake.table(database, contract.name), delivery.delivery_id
    held = read_tokens(table)
    if name in held and held.tokens[name].retracted:
        return table
    removed, written, count = _without(table, name)
    now = time.time()
    # A token that was dropped long ago counts what was delivered: rows may have been erased since, conflicts added.
    rows = held.tokens[name].rows if name in held else _delivered(delivery, database)
    properties, segment = with_tokens(table, held, [Token(name, rows, now, retracted=now)])
    summary = {"sluice.retracted": "1", "sluice.rows": str(count), SEGMENT: segment}
    try:
        return replace(table, written, removed=removed, summary=summary, properties=properties)
    except CommitConflict:
        discard(table, [*written, segment])
        raise


def _delivered(delivery: Delivery, database: str) -> int:
    return (delivery.quarantined or 0) if database == "quarantine" else delivery.accepted


def _rows_of(delivery: str) -> BooleanExpression:
    # PyIceberg's constructor takes them by place; what mypy reads of it are the fields that pydantic sees.
    return EqualTo(_COLUMN, delivery)  # type: ignore[call-arg, arg-type]


def _without(table: Table, delivery: str) -> tuple[list[DataFile], list[DataFile], int]:
    """Write the data files that hold rows of ``delivery`` anew without these rows; nothing is committed.

    Return the files to remove, the files to add, and the number of rows removed. One file at a time is held in memory;
    a large delivery has files of its own, of which only the column of ids is read.
    """
    removed: list[DataFile] = []
    written: list[DataFile] = []
    count = 0
    ids = table.schema().select(_COLUMN)
    try:
        for task in table.scan(row_filter=_rows_of(delivery)).plan_files():
            held = ArrowScan(table.metadata, table.io, ids, AlwaysTrue()).to_table([task])[_COLUMN]
            found = pc.sum(pc.equal(held, delivery)).as_py() or 0
            if not found:
                continue
            count += found
            removed.append(task.file)
            if found < len(held):
                rows = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue()).to_table([task])
                others = pc.fill_null(pc.not_equal(rows[_COLUMN], delivery), fill_value=True)
                written += write_data_files(table, rows.filter(others))
    except BaseException:
        discard(table, written)
        raise
    return removed, written, count


def _folder(lake: str, dataset: str) -> str:
    return f"{lake}/{RETRACTIONS}{dataset}/"
