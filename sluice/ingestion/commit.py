"""The committer: brings everything staged for one dataset into bronze and quarantine, exactly once.

It reads the manifests, leaves out deliveries whose token the table already holds, commits the rest with their tokens,
writes the ledger and only then deletes what was staged. Killed at any point, the next call goes on from the tables.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from sluice.contracts import Contract
from sluice.errors import CommitConflict
from sluice.ingestion.portions import Portions, Staged, manifests_of, read_parquet
from sluice.ingestion.stage import StagedDelivery, StagedUnit, staging_prefix
from sluice.ledger import Delivery
from sluice.settings import Settings
from sluice.storage import Store
from sluice.tables.commit import adopt_data_files, append, discard, write_data_files
from sluice.tables.maintain import expire_snapshots
from sluice.tables.tokens import Token, read_tokens, with_tokens

log = logging.getLogger(__name__)
_ATTEMPTS = 20
_SEGMENT = "sluice.token-segment"
#: Staged files held in memory at once; each has at most ``STAGED_FILE_BYTES``.
_FILES_AT_ONCE = 8
#: Rows held in memory for one data file.
_CHUNK_BYTES = 192 << 20


class TooEarly(Exception):
    """The table was committed to a moment ago; ``seconds`` say when its turn is."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"its turn comes in {seconds:.1f} s")
        self.seconds = seconds


@dataclass(frozen=True)
class Lake:
    """Where tables and staged objects are."""

    catalog: Catalog
    store: Store
    settings: Settings

    def table(self, database: str, name: str) -> Table:
        """Return the table as it is now."""
        return self.catalog.load_table((self.settings.database(database), name))


@dataclass(frozen=True)
class Drained:
    """What one drain brought in: deliveries whose end is now known, and the tables that changed with their snapshot."""

    deliveries: tuple[Delivery, ...]
    changed: Mapping[str, int]
    #: False when there was no time for all: the committer must be woken again.
    finished: bool = True


@dataclass(frozen=True)
class Call:
    """One call of the committer: the seconds that are left, and whether its message came before (a call may have died).

    ``pace`` is the least time in seconds between two commits of a table.
    """

    time_left: Callable[[], float] = lambda: 900.0
    again: bool = False
    pace: float = 0.0


ONLY_CALL = Call()


def drain(
    contract: Contract,
    lake: Lake,
    *,
    record: Callable[[Iterable[Delivery]], None],
    announce: Callable[[Mapping[str, int]], None],
    call: Call = ONLY_CALL,
) -> Drained:
    """Commit all that is staged for ``contract``; ``record`` writes the ledger, ``announce`` says what changed.

    Before the pace has passed ``TooEarly`` is raised, so that what is staged meanwhile comes along and tables get few
    snapshots.
    """
    manifests = manifests_of(lake.store, lake.settings.lake, contract.name)
    if not manifests:
        return Drained((), {})
    await_turn(lake.table(contract.database, contract.name), call.pace)
    ended: list[Delivery] = []
    changed: dict[str, int] = {}

    def commit(portion: Sequence[Staged]) -> None:
        deliveries = _commit_portion(contract, lake, portion, changed)
        record(deliveries)
        # Also when this call committed nothing: the one that did may have died before it said so.
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
    contract: Contract, lake: Lake, portion: Sequence[Staged], changed: dict[str, int]
) -> tuple[Delivery, ...]:
    """Commit the units to both tables; note their snapshots in ``changed`` and return the deliveries that ended."""
    chosen = _first_of_each([each.unit for each in portion])
    for database, part in ((contract.database, _bronze_part), ("quarantine", _quarantine_part)):
        table = _commit(lake, contract, database, chosen, part)
        if snapshot := table.current_snapshot():
            changed[f"{database}.{contract.name}"] = snapshot.snapshot_id
    return tuple(_ended(contract, delivery) for delivery, _ in chosen.values())


def _clear(contract: Contract, lake: Lake, portion: Sequence[Staged]) -> None:
    """Delete what was staged for committed units.

    Manifests first: a committer that overlaps must not find one whose files are gone. Files that a death leaves expire.
    """
    units = [each.unit for each in portion]
    bronze = lake.table(contract.database, contract.name) if any(unit.adopted for unit in units) else None
    leftovers = _leftovers(units, bronze, staging_prefix(lake.settings.lake, contract.name))
    lake.store.delete(each.manifest for each in portion)
    lake.store.delete(leftovers)


#: A delivery and the unit it was first staged in.
Chosen = dict[str, tuple[StagedDelivery, StagedUnit]]
#: Returns the rows of some deliveries that belong into one table, in pieces, and the files to adopt.
Part = Callable[[Store, list[tuple[StagedDelivery, StagedUnit]]], tuple[Iterator[pa.Table], list[str]]]


def await_turn(table: Table, pace: float) -> None:
    """Raise ``TooEarly`` until ``pace`` seconds have passed since the table's last commit."""
    snapshot = table.current_snapshot()
    if snapshot is not None and (left := pace - (time.time() - snapshot.timestamp_ms / 1000)) > 0:
        raise TooEarly(min(pace, left))


def _first_of_each(units: list[StagedUnit]) -> Chosen:
    """Return each delivery once, in the unit with the smallest attempt: the same choice whoever makes it.

    One that was read comes before one that was given up unread.
    """
    chosen: Chosen = {}
    for unit in sorted(units, key=lambda unit: unit.attempt):
        for delivery in unit.deliveries:
            other = chosen.get(delivery.delivery_id)
            if other is None or (delivery.readable and not other[0].readable):
                chosen[delivery.delivery_id] = (delivery, unit)
    return chosen


def _commit(lake: Lake, contract: Contract, database: str, chosen: Chosen, part: Part) -> Table:
    """Commit the deliveries that the table does not hold yet; return the table as it is then."""
    for _ in range(_ATTEMPTS):
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
            _SEGMENT: segment,
        }
        files = [*written, *adopt_data_files(table, adopted)]
        try:
            return append(table, files, summary=summary, properties=properties)
        except CommitConflict as conflict:
            log.info("%s", conflict)
            now_there = lake.table(database, contract.name)
            if _landed(now_there, segment):
                return now_there
            discard(table, [*written, segment])
    raise CommitConflict(
        f"{database}.{contract.name}: {_ATTEMPTS} commits in a row met another writer.",
        safe="what was staged stays.",
        next_step="the wake-up comes again by itself; look for a second writer on this table.",
    )


def _write(table: Table, pieces: Iterable[pa.Table]) -> list[DataFile]:
    """Write the rows as data files; when that fails none of them stays."""
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


def _landed(table: Table, segment: str) -> bool:
    """Tell whether a commit reported as failed is there: its answer may be lost and the call repeated."""
    return any(s.summary is not None and s.summary.get(_SEGMENT) == segment for s in table.snapshots())


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
        """Of a file quarantined whole only the row for the file counts; it has no position."""
        rows = _only(rows, delivery_ids)
        of_whole_file = pc.is_in(rows["_delivery_id"], whole)
        return rows.filter(pc.or_(pc.invert(of_whole_file), pc.is_null(rows["_position"])))

    files = [(path, ids) for unit, ids in _by_unit(broken) for path in unit.quarantine]
    return _pieces(store, files, keep), []


def _by_unit(todo: list[tuple[StagedDelivery, StagedUnit]]) -> list[tuple[StagedUnit, frozenset[str]]]:
    """Return each unit with the deliveries chosen from it: another unit may hold the same delivery's rows too."""
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
    """Yield the kept rows of all files, gathered to pieces that fit in memory."""
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


def _ended(contract: Contract, delivery: StagedDelivery) -> Delivery:
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
    """Return staged files that are no table's: all but the adopted ones that the table now holds."""
    paths = [path for unit in units for path in (*unit.rows, *unit.quarantine)]
    if bronze is None:
        return paths
    held = {task.file.file_path for task in bronze.scan().plan_files()}
    return [path for path in paths if path.startswith(prefix) or path not in held]
