"""The committer of a stream: commits each staged record that no table holds yet, recognised by the record's identity.

Lambda forms batches anew on each retry, so a batch cannot have a token. A record is identified by its stream, shard,
sequence number and subsequence, which are columns of its row. The committer compares staged records with the rows that
arrived in the same span of time (Iceberg's column bounds exclude other files), and the commit asserts that the snapshot
it compared with is still the current one. The same commit sets a table property with the counts by shard.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from sluice.conflicts import until_committed
from sluice.contracts import LandingContract
from sluice.decoding import json_decoder
from sluice.errors import CommitConflict
from sluice.ingestion.commit import ONLY_CALL, RETRIES, Call, Drained, Lake
from sluice.ingestion.portions import READS_AT_ONCE, Portions, Staged, manifests_of, read_parquet
from sluice.ingestion.stage import StagedUnit
from sluice.ledger import ShardCounts
from sluice.tables.arrow import data_arrow, quarantine_arrow
from sluice.tables.commit import append, discard, write_data_files
from sluice.tables.maintain import expire_snapshots

log = logging.getLogger(__name__)
#: Table property: JSON of ``Held`` by shard.
SHARDS = "sluice.shards"
#: Days that are counted one by one: more than a week of full ones.
_DAYS = 9
_IDENTITY = ("_source", "_sequence", "_position")
#: Kinesis' arrival time is approximate, so it is not part of the identity and only limits the search.
#: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Record.html
_APPROXIMATELY = timedelta(seconds=1)


class Held(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one table took of one shard: the number of ``rows``, in quarantine by reason, and the newest record.

    ``days`` counts the rows of the newest days by when they arrived.
    """

    rows: int = 0
    sequence: str = ""
    arrived: float = 0.0
    reasons: dict[str, int] = {}
    days: dict[str, int] = {}


_decode_held = json_decoder(dict[str, Held])


@dataclass(frozen=True)
class _Staged:
    """All staged records, some perhaps more than once: ``accepted`` for bronze, ``rejected`` for quarantine."""

    accepted: pa.Table
    rejected: pa.Table


def drain_stream(
    contract: LandingContract,
    lake: Lake,
    *,
    record: Callable[[str, Iterable[ShardCounts]], None],
    announce: Callable[[Mapping[str, int]], None],
    call: Call = ONLY_CALL,
) -> Drained:
    """Commit all units staged for ``contract``; ``record`` writes counts by shard, ``announce`` publishes changes."""
    changed: dict[str, int] = {}

    def commit(portion: Sequence[Staged]) -> None:
        units = [each.unit for each in portion]
        staged = _read(lake, units, contract)
        for database, rows in ((contract.database, staged.accepted), ("quarantine", staged.rejected)):
            table = _commit(lake, contract, database, rows)
            if table is not None and (snapshot := table.current_snapshot()):
                changed[f"{database}.{contract.name}"] = snapshot.snapshot_id
        record(contract.name, _counts(lake, contract))
        announce(changed)
        # Manifests first: a manifest whose files are gone could never be committed.
        lake.store.delete(each.manifest for each in portion)
        lake.store.delete(path for unit in units for path in (*unit.rows, *unit.quarantine))

    def aside(one: Staged, error: str) -> None:
        log.error("%s: %d records are set aside: %s", contract.name, one.unit.records, error)

    manifests = manifests_of(lake.store, lake.settings.lake, contract.name)
    portions = Portions(lake.store, lake.settings.lake, contract.name, call.again, call.time_left, aside)
    if manifests:
        portions.commit(manifests, commit)
        for database in (contract.database, "quarantine"):
            expire_snapshots(lake.table(database, contract.name))
    return Drained((), changed, finished=portions.finished)


def _read(lake: Lake, units: list[StagedUnit], contract: LandingContract) -> _Staged:
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        tables = [
            [pa.Table.from_batches(read_parquet(body)) for body in pool.map(lake.store.get_bytes, paths)]
            for paths in ([p for unit in units for p in unit.rows], [p for unit in units for p in unit.quarantine])
        ]
    accepted = pa.concat_tables([data_arrow(contract).empty_table(), *tables[0]], promote_options="default")
    rejected = pa.concat_tables([quarantine_arrow(contract).empty_table(), *tables[1]], promote_options="default")
    return _Staged(_once(accepted), _once(rejected))


def _keys(rows: pa.Table) -> pa.ChunkedArray:
    parts = [rows[name].cast(pa.string()) for name in _IDENTITY]
    return pc.binary_join_element_wise(*parts, "/")


def _once(rows: pa.Table) -> pa.Table:
    """Return each record once, in the order of its shard."""
    keys = pa.table({"key": _keys(rows), "at": pa.array(range(rows.num_rows), pa.int64())})
    first = keys.group_by("key").aggregate([("at", "min")])["at_min"]
    return rows.take(first.sort() if rows.num_rows else first.cast(pa.int64()))


def _commit(lake: Lake, contract: LandingContract, database: str, rows: pa.Table) -> Table | None:
    """Commit the rows whose records neither bronze nor quarantine holds; return the table after that.

    Return None without rows. The table is returned even if it already held all rows, since the call that committed them
    may have died before it announced the change.
    """
    if not rows.num_rows:
        return None
    return until_committed(
        lambda: _commit_once(lake, contract, database, rows), f"{database}.{contract.name}", **RETRIES
    )


def _commit_once(lake: Lake, contract: LandingContract, database: str, rows: pa.Table) -> Table:
    tables = {name: lake.table(name, contract.name) for name in (contract.database, "quarantine")}
    held = pa.chunked_array([chunk for table in tables.values() for chunk in _held(table, rows).chunks], pa.string())
    new = rows.filter(pc.invert(pc.is_in(_keys(rows), held)))
    table = tables[database]
    if not new.num_rows:
        return table
    files = write_data_files(table, new)
    summary = {"sluice.rows": str(new.num_rows), "sluice.shards": str(pc.count_distinct(new["_source"]).as_py())}
    try:
        return append(table, files, summary=summary, properties={SHARDS: _with(held_by(table), new)})
    except CommitConflict:
        discard(table, files)
        raise


def _held(table: Table, rows: pa.Table) -> pa.ChunkedArray:
    """Return the identities of the records in ``table`` that arrived in the span of time of ``rows``."""
    if table.current_snapshot() is None:
        return pa.chunked_array([], pa.string())
    span = pc.min_max(rows["_arrived_at"]).as_py()
    first, last = span["min"] - _APPROXIMATELY, span["max"] + _APPROXIMATELY
    arrived = f"_arrived_at >= '{first.isoformat()}' and _arrived_at <= '{last.isoformat()}'"
    return _keys(table.scan(row_filter=arrived, selected_fields=_IDENTITY).to_arrow()).cast(pa.string())


def held_by(table: Table) -> dict[str, Held]:
    """Return what ``table`` holds by shard (``stream/shard``), read from its property."""
    return _decode_held(table.properties.get(SHARDS, "{}"))


def _with(held: dict[str, Held], rows: pa.Table) -> str:
    """Return the table property after ``rows`` are added to what the table held."""
    for part in rows.group_by("_delivery_id").aggregate([("_arrived_at", "max"), ("_position", "count")]).to_pylist():
        name = part["_delivery_id"]
        before = held.get(name, Held())
        own = rows.filter(pc.equal(rows["_delivery_id"], name))
        reasons = dict(before.reasons)
        if "reason" in own.column_names:
            for found in pc.value_counts(own["reason"]).to_pylist():
                reasons[found["values"]] = reasons.get(found["values"], 0) + found["counts"]
        held[name] = Held(
            rows=before.rows + part["_position_count"],
            sequence=str(max(int(before.sequence or 0), *map(int, pc.unique(own["_sequence"]).to_pylist()))),
            arrived=max(before.arrived, part["_arrived_at_max"].replace(tzinfo=None).timestamp()),
            reasons=reasons,
            days=_newest_days(before.days, own["_arrived_at"]),
        )
    return msgspec.json.encode(held, order="sorted").decode()


def _newest_days(before: Mapping[str, int], arrived: pa.ChunkedArray) -> dict[str, int]:
    """Return the rows by day after those that ``arrived``, of the newest days that have any."""
    found = Counter(before)
    for each in pc.value_counts(arrived.cast(pa.date32(), safe=False)).to_pylist():
        found[each["values"].isoformat()] += each["counts"]
    return dict(sorted(found.items())[-_DAYS:])


def _counts(lake: Lake, contract: LandingContract) -> list[ShardCounts]:
    """Return every shard's counts, from the properties of the bronze and quarantine tables."""
    good = held_by(lake.table(contract.database, contract.name))
    bad = held_by(lake.table("quarantine", contract.name))
    counts = []
    for name in sorted({*good, *bad}):
        accepted, quarantined = good.get(name, Held()), bad.get(name, Held())
        furthest = max(accepted, quarantined, key=lambda held: int(held.sequence or 0))
        counts.append(
            ShardCounts(
                shard=name,
                accepted=accepted.rows,
                quarantined=quarantined.rows,
                reasons=quarantined.reasons,
                sequence=furthest.sequence,
                arrived=furthest.arrived,
                at=time.time(),
                days=dict(Counter(accepted.days) + Counter(quarantined.days)),
            )
        )
    return counts
