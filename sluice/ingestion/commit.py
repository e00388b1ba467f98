"""The committer: commits everything staged for one dataset to bronze and quarantine, exactly once.

It reads the manifests, skips deliveries whose token the table already holds, commits the others with their tokens,
writes the ledger, and deletes the staged files last. If it is killed at any point, the next call goes on from what the
tables hold.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from sluice.conflicts import Retries, until_committed
from sluice.contracts import LandingContract
from sluice.errors import CommitConflict
from sluice.ingestion.portions import Portions, Staged, manifests_of, read_parquet
from sluice.ingestion.stage import StagedDelivery, StagedUnit, staging_prefix
from sluice.ledger import Delivery
from sluice.settings import Settings
from sluice.storage import Store
from sluice.tables.commit import adopt_data_files, append, discard, write_data_files
from sluice.tables.maintain import expire_snapshots
from sluice.tables.tokens import Token, TokenLog, read_tokens, with_tokens

log = logging.getLogger(__name__)
#: How a committer tries again, and what it says when other writers were faster each time.
RETRIES: Final[Retries] = {
    "attempts": 20,
    "safe": "the staged files are kept.",
    "next_step": "the committer tries again by itself; look for a second writer on this table.",
}
#: Key in a commit summary: the segment with its tokens, by which it is found again.
SEGMENT = "sluice.token-segment"
#: Staged files held in memory at once; each has at most ``STAGED_FILE_BYTES``.
_FILES_AT_ONCE = 8
#: Rows held in memory for one data file.
_CHUNK_BYTES = 192 << 20


@dataclass(frozen=True)
class Lake:
    """Access to the tables and the staged objects of a deployment."""

    catalog: Catalog
    store: Store
    settings: Settings

    def table(self, database: str, name: str) -> Table:
        """Load the table in its present state."""
        return self.catalog.load_table((self.settings.database(database), name))


@dataclass(frozen=True)
class Drained:
    """What one drain did: the deliveries whose final state is now known, and the new snapshot of each changed table."""

    deliveries: tuple[Delivery, ...]
    changed: Mapping[str, int]
    #: False when the time did not suffice for all units, so that the committer must be woken again.
    finished: bool = True


@dataclass(frozen=True)
class Call:
    """One call of the committer: the seconds left, and whether one before it may have died."""

    time_left: Callable[[], float] = lambda: 900.0
    again: bool = False


ONLY_CALL = Call()


def drain(
    contract: LandingContract,
    lake: Lake,
    *,
    record: Callable[[Iterable[Delivery]], None],
    announce: Callable[[Mapping[str, int]], None],
    call: Call = ONLY_CALL,
) -> Drained:
    """Commit all units staged for ``contract``; ``record`` writes the ledger, ``announce`` publishes table changes."""
    manifests = manifests_of(lake.store, lake.settings.lake, contract.name)
    if not manifests:
        return Drained((), {})
    ended: list[Delivery] = []
    changed: dict[str, int] = {}

    def commit(portion: Sequence[Staged]) -> None:
        deliveries = _commit_portion(contract, lake, portion, changed)
        record(deliveries)
        # Even when this call committed nothing: the call that did may have died before it announced the change.
        announce(changed)
        _clear(contract, lake, portion)
        ended.extend(deliveries)

    def aside(one: Staged, error: str) -> None:
        record(
            msgspec.structs.replace(_ended(contract, d), status="set_aside", error=error, accepted=0, quarantined=None)
            for d in one.unit.deliveries
        )

    portions = Portions(lake.store, lake.settings.lake, contract.name, call.again, call.time_left, aside)
    portions.commit(manifests, commit)
    for database in (contract.database, "quarantine"):
        expire_snapshots(lake.table(database, contract.name))
    return Drained(tuple(ended), changed, finished=portions.finished)


def _commit_portion(
    contract: LandingContract, lake: Lake, portion: Sequence[Staged], changed: dict[str, int]
) -> tuple[Delivery, ...]:
    """Commit the units to both tables, add their snapshots to ``changed``, and return the deliveries that ended."""
    chosen = _first_of_each([each.unit for each in portion])
    held = []
    for database, part in ((contract.database, _bronze_part), ("quarantine", _quarantine_part)):
        table = _commit(lake, contract, database, chosen, part)
        held.append(read_tokens(table))
        if snapshot := table.current_snapshot():
            changed[f"{database}.{contract.name}"] = snapshot.snapshot_id
    ended = (_ended(contract, delivery) for delivery, _ in chosen.values())
    return tuple(retracted_by_now(delivery, *held) for delivery in ended)


def retracted_by_now(delivery: Delivery, bronze: TokenLog, quarantine: TokenLog) -> Delivery:
    """Return the delivery, as retracted where both tables' tokens say that it was."""
    good, bad = bronze.tokens.get(delivery.delivery_id), quarantine.tokens.get(delivery.delivery_id)
    if good is None or bad is None or not (good.retracted and bad.retracted):
        return delivery
    return delivery.taken_back(accepted=good.rows, quarantined=bad.rows, at=bad.retracted)


def _clear(contract: LandingContract, lake: Lake, portion: Sequence[Staged]) -> None:
    """Delete the staged objects of committed units, manifests first.

    So another committer never finds a manifest whose files are gone. Files left by a killed call expire by the bucket's
    lifecycle rule.
    """
    units = [each.unit for each in portion]
    bronze = lake.table(contract.database, contract.name) if any(unit.adopted for unit in units) else None
    leftovers = _leftovers(units, bronze, staging_prefix(lake.settings.lake, contract.name))
    lake.store.delete(each.manifest for each in portion)
    lake.store.delete(leftovers)


#: A delivery, and the unit from which it is committed.
Chosen = dict[str, tuple[StagedDelivery, StagedUnit]]
#: A function that returns, for some deliveries, the rows for one table in pieces, and the files for it to adopt.
Part = Callable[[Store, list[tuple[StagedDelivery, StagedUnit]]], tuple[Iterator[pa.Table], list[str]]]


def _first_of_each(units: list[StagedUnit]) -> Chosen:
    """Return each delivery once, with the unit of the smallest attempt, so that every committer chooses the same.

    A unit in which the delivery was read is preferred to one in which it was given up unread.
    """
    chosen: Chosen = {}
    for unit in sorted(units, key=lambda unit: unit.attempt):
        for delivery in unit.deliveries:
            other = chosen.get(delivery.delivery_id)
            if other is None or (delivery.readable and not other[0].readable):
                chosen[delivery.delivery_id] = (delivery, unit)
    return chosen


def _commit(lake: Lake, contract: LandingContract, database: str, chosen: Chosen, part: Part) -> Table:
    """Commit the deliveries that the table does not hold yet; return the table after that."""
    return until_committed(
        lambda: _commit_once(lake, contract, database, chosen, part), f"{database}.{contract.name}", **RETRIES
    )


def _commit_once(lake: Lake, contract: LandingContract, database: str, chosen: Chosen, part: Part) -> Table:
    table = lake.table(database, contract.name)
    held = read_tokens(table)
    todo = [pair for delivery_id, pair in chosen.items() if delivery_id not in held]
    if not todo:
        return table
    pieces, adopted = part(lake.store, todo)
    written = _write(table, pieces)
    now = time.time()
    tokens = [Token(delivery.delivery_id, _rows(delivery, database), now) for delivery, _ in todo]
    properties, segment = with_tokens(table, held, tokens)
    summary = {
        "sluice.deliveries": str(len(todo)),
        "sluice.rows": str(sum(token.rows for token in tokens)),
        SEGMENT: segment,
    }
    files = [*written, *adopt_data_files(table, adopted)]
    try:
        return append(table, files, summary=summary, properties=properties)
    except CommitConflict:
        discard(table, [*written, segment])
        raise


def _write(table: Table, pieces: Iterable[pa.Table]) -> list[DataFile]:
    """Write the rows as data files; on an error, delete those already written."""
    written: list[DataFile] = []
    try:
        for piece in pieces:
            written += write_data_files(table, piece)
    except BaseException:
        discard(table, written)
        raise
    return written


def _rows(delivery: StagedDelivery, database: str) -> int:
    return delivery.quarantined if database == "quarantine" else delivery.accepted


def _bronze_part(store: Store, todo: list[tuple[StagedDelivery, StagedUnit]]) -> tuple[Iterator[pa.Table], list[str]]:
    readable = [(delivery, unit) for delivery, unit in todo if delivery.readable and delivery.accepted]
    adopted = [path for _, unit in readable if unit.adopted for path in unit.rows]
    staged = [(delivery, unit) for delivery, unit in readable if not unit.adopted]
    files = [(path, ids) for unit, ids in _by_unit(staged) for path in unit.rows]
    return _pieces(store, files, _only), adopted


def _quarantine_part(
    store: Store, todo: list[tuple[StagedDelivery, StagedUnit]]
) -> tuple[Iterator[pa.Table], list[str]]:
    broken = [(delivery, unit) for delivery, unit in todo if delivery.quarantined]
    whole = pa.array([delivery.delivery_id for delivery, _ in broken if not delivery.readable], pa.string())

    def keep(rows: pa.Table, delivery_ids: frozenset[str]) -> pa.Table:
        """Return the wanted rows: of a file quarantined whole only the row for the file itself, without a position."""
        rows = _only(rows, delivery_ids)
        of_whole_file = pc.is_in(rows["_delivery_id"], whole)
        return rows.filter(pc.or_(pc.invert(of_whole_file), pc.is_null(rows["_position"])))

    files = [(path, ids) for unit, ids in _by_unit(broken) for path in unit.quarantine]
    return _pieces(store, files, keep), []


def _by_unit(todo: list[tuple[StagedDelivery, StagedUnit]]) -> list[tuple[StagedUnit, frozenset[str]]]:
    """Return each unit with the ids of the deliveries that are committed from it and not from another unit."""
    units = {unit.attempt: unit for _, unit in todo}
    return [
        (unit, frozenset(delivery.delivery_id for delivery, chosen in todo if chosen.attempt == attempt))
        for attempt, unit in units.items()
    ]


def _only(rows: pa.Table, delivery_ids: frozenset[str]) -> pa.Table:
    return rows.filter(pc.is_in(rows["_delivery_id"], pa.array(sorted(delivery_ids), pa.string())))


def _pieces(
    store: Store, files: list[tuple[str, frozenset[str]]], keep: Callable[[pa.Table, frozenset[str]], pa.Table]
) -> Iterator[pa.Table]:
    """Yield the wanted rows of all files, in pieces that fit in memory."""
    gathered: list[pa.Table] = []
    size = 0
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        for start in range(0, len(files), _FILES_AT_ONCE):
            some = files[start : start + _FILES_AT_ONCE]
            for (_, ids), body in zip(some, pool.map(lambda file: store.get_bytes(file[0]), some), strict=True):
                for batch in read_parquet(body):
                    rows = keep(pa.Table.from_batches([batch]), ids)
                    gathered.append(rows)
                    size += rows.nbytes
                    if size >= _CHUNK_BYTES:
                        yield pa.concat_tables(gathered)
                        gathered, size = [], 0
    if gathered:
        yield pa.concat_tables(gathered)


def _ended(contract: LandingContract, delivery: StagedDelivery) -> Delivery:
    return Delivery(
        dataset=contract.name,
        delivery_id=delivery.delivery_id,
        status="committed" if delivery.readable else "rejected",
        uri=delivery.uri,
        version_id=delivery.version_id,
        size=delivery.size,
        accepted=delivery.accepted,
        quarantined=delivery.quarantined if delivery.readable else None,
        reasons=delivery.reasons,
        error=delivery.error,
        at=datetime.now(UTC).timestamp(),
    )


def _leftovers(units: list[StagedUnit], bronze: Table | None, prefix: str) -> list[str]:
    """Return the staged files that can be deleted: all but those that the table has adopted."""
    paths = [path for unit in units for path in (*unit.rows, *unit.quarantine)]
    if bronze is None:
        return paths
    held = {task.file.file_path for task in bronze.scan().plan_files()}
    # Of a delivery that was retracted since, older snapshots have the files: they go when these expire.
    tokens = read_tokens(bronze).tokens
    for unit in units:
        if any((token := tokens.get(each.delivery_id)) and token.retracted for each in unit.deliveries):
            held.update(unit.rows)
    return [path for path in paths if path.startswith(prefix) or path not in held]
