"""Retracts deliveries: takes their rows out of bronze and quarantine, and counts them in the ledger as retracted.

Somebody's request is an object beside the staged units, so that the sweep wakes the committer for it, too. The
committer rewrites the data files that hold such rows, in one commit per table that also marks the delivery's token as
retracted. The token stays: the same delivery does not come back. Tables made of bronze follow by their next refresh, as
after every change. The request is deleted last; a committer that is killed before goes on from what the tables hold.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import AlwaysTrue, BooleanExpression, In
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from sluice.conflicts import until_committed
from sluice.contracts import Contract
from sluice.decoding import json_decoder
from sluice.errors import CommitConflict
from sluice.ingestion.commit import RETRIES, SEGMENT, Lake, landed, retracted_by_now
from sluice.ingestion.stage import staging_prefix
from sluice.ledger import Delivery
from sluice.storage import Store
from sluice.tables.commit import discard, replace, write_data_files
from sluice.tables.tokens import Token, TokenLog, read_tokens, with_tokens

log = logging.getLogger(__name__)
_COLUMN = "_delivery_id"


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
    contract: Contract,
    lake: Lake,
    *,
    record: Callable[[Iterable[Delivery]], None],
    announce: Callable[[Mapping[str, int]], None],
) -> tuple[Delivery, ...]:
    """Retract what was asked for of ``contract``; return the deliveries as they are then.

    ``record`` writes the ledger, ``announce`` publishes the changes of tables.
    """
    addresses = lake.store.list(_folder(lake.settings.lake, contract.name))
    if not addresses:
        return ()
    requests = [_decode(lake.store.get_bytes(address)) for address in addresses]
    asked = {each.delivery.delivery_id: each.delivery for each in requests}
    tables = {name: _remove(lake, contract, name, sorted(asked)) for name in (contract.database, "quarantine")}
    bronze, quarantine = (read_tokens(table) for table in tables.values())
    done = tuple(retracted_by_now(delivery, bronze, quarantine) for delivery in asked.values())
    record(done)
    # Even when this call removed nothing: the call that did may have died before it announced the change.
    announce({f"{name}.{contract.name}": _snapshot(table) for name, table in tables.items()})
    lake.store.delete(addresses)
    return done


def _snapshot(table: Table) -> int:
    snapshot = table.current_snapshot()
    assert snapshot is not None, "each retraction commits a snapshot"
    return snapshot.snapshot_id


def _remove(lake: Lake, contract: Contract, database: str, deliveries: Sequence[str]) -> Table:
    """Remove the rows of deliveries that are not retracted yet from one table; return the table after that."""
    return until_committed(
        lambda: _remove_once(lake, contract, database, deliveries),
        f"{database}.{contract.name}",
        attempts=RETRIES["attempts"],
        safe="the request stays; a table holds all rows of the deliveries or none of them.",
        next_step=RETRIES["next_step"],
    )


def _remove_once(lake: Lake, contract: Contract, database: str, deliveries: Sequence[str]) -> Table:
    table = lake.table(database, contract.name)
    held = read_tokens(table)
    todo = [each for each in deliveries if each not in held or not held.tokens[each].retracted]
    if not todo:
        return table
    removed, written, counts = _without(table, todo)
    properties, segment = with_tokens(table, held, _tokens(held, todo, counts))
    summary = {"sluice.retracted": str(len(todo)), "sluice.rows": str(counts.total()), SEGMENT: segment}
    try:
        return replace(table, written, removed=removed, summary=summary, properties=properties)
    except CommitConflict:
        now_there = lake.table(database, contract.name)
        if landed(now_there, segment):
            return now_there
        discard(table, [*written, segment])
        raise


def _tokens(held: TokenLog, deliveries: Iterable[str], counts: Mapping[str, int]) -> list[Token]:
    """Return the token of each delivery, as retracted; one whose token was dropped long ago gets a new one."""
    now = time.time()
    known = (held.tokens.get(each) or Token(each, counts.get(each, 0), now) for each in deliveries)
    return [msgspec.structs.replace(token, retracted=now) for token in known]


def _without(table: Table, deliveries: Sequence[str]) -> tuple[list[DataFile], list[DataFile], Counter[str]]:
    """Write the data files that hold rows of ``deliveries`` anew without these rows; nothing is committed.

    Return the files to remove, the files to add, and the number of rows removed by delivery. One file at a time is held
    in memory; a large delivery has files of its own, of which only the column of ids is read.
    """
    removed: list[DataFile] = []
    written: list[DataFile] = []
    counts: Counter[str] = Counter()
    ids = table.schema().select(_COLUMN)
    try:
        for task in table.scan(row_filter=_of(deliveries)).plan_files():
            held = ArrowScan(table.metadata, table.io, ids, AlwaysTrue()).to_table([task])[_COLUMN]
            found = Counter(held.filter(_among(held, deliveries)).to_pylist())
            if not found:
                continue
            counts += found
            removed.append(task.file)
            if found.total() < len(held):
                rows = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue()).to_table([task])
                written += write_data_files(table, rows.filter(pc.invert(_among(rows[_COLUMN], deliveries))))
    except BaseException:
        discard(table, written)
        raise
    return removed, written, counts


def _of(deliveries: Sequence[str]) -> BooleanExpression:
    # PyIceberg's constructor takes them by place; what mypy reads of it are the fields that pydantic sees.
    return In(_COLUMN, set(deliveries))  # type: ignore[call-arg, arg-type]


def _among(ids: pa.ChunkedArray, deliveries: Sequence[str]) -> pa.ChunkedArray:
    return pc.is_in(ids, pa.array(deliveries, ids.type))


def _folder(lake: str, dataset: str) -> str:
    return f"{staging_prefix(lake, dataset)}retractions/"
