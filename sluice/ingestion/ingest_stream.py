"""Ingests a batch of stream records: checks them by column and stages each with its identity.

A record that breaks the contract is quarantined by itself and does not hold up its batch. Only S3 or the queue can make
a batch fail, and Lambda then retries the whole batch.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sluice.contracts import LandingContract
from sluice.errors import UnknownDataset
from sluice.ingestion.alone import check_records
from sluice.ingestion.changes.read import check_changes
from sluice.ingestion.check import Checked
from sluice.ingestion.kinesis import ShardRecords, by_shard
from sluice.ingestion.readers.json_records import parse_records
from sluice.ingestion.records import Reason, Rejected, rejected_table
from sluice.ingestion.stage import StagedUnit, staging_prefix, without_large
from sluice.project import Project
from sluice.settings import Settings
from sluice.storage import Store
from sluice.tables.arrow import data_arrow, quarantine_arrow


def ingest_records(
    records: Sequence[dict[str, Any]],
    project: Project,
    settings: Settings,
    store: Store,
    watch: Callable[[LandingContract, pa.Table], None] = lambda contract, accepted: None,
    *,
    unread: str = "",
) -> list[StagedUnit]:
    """Stage the records of a Lambda event of a Kinesis source; return the units, one per shard.

    ``watch`` is called with the accepted rows as bronze will have them. With ``unread`` all records are quarantined
    unread for that reason, because reading them ended the function.
    """
    units = []
    for shard in by_shard(records, unopened=bool(unread)):
        contract = _contract(shard, project, settings)
        read = (lambda data: [_unread(data, contract, unread)]) if unread else None  # noqa: B023 - called at once
        units.append(stage_shard(shard, contract, settings.lake, store, watch, read=read))
    return units


def _unread(data: Sequence[bytes], contract: LandingContract, why: str) -> Checked:
    """Return all records as rejected with the reason ``why``, without reading them."""
    reason = Reason("reader_died", why)
    rejected = [Rejected(place, (reason,), raw) for place, raw in enumerate(data)]
    names = [column.name for column in contract.columns]
    empty = data_arrow(contract).empty_table().select(names)
    return Checked(empty, pa.array([], pa.int64()), rejected_table(rejected))


def _contract(shard: ShardRecords, project: Project, settings: Settings) -> LandingContract:
    name = shard.stream.removeprefix(settings.database_prefix)
    contract = project.landing(name)
    if contract is None or not contract.arrival.stream:
        raise UnknownDataset(
            f"{shard.stream_arn} is not the stream of a dataset.",
            safe="its records stay in the stream.",
            next_step=f"declare contracts/{name}.yaml with a kinesis server and deploy, or remove the event source.",
            value=name,
        )
    return contract


def stage_shard(
    shard: ShardRecords,
    contract: LandingContract,
    lake: str,
    store: Store,
    watch: Callable[[LandingContract, pa.Table], None],
    *,
    read: Callable[[Sequence[bytes]], list[Checked]] | None = None,
) -> StagedUnit:
    """Check one shard's records, write the accepted and the rejected ones to S3, then the manifest; return the unit.

    ``read`` replaces the contract's own way to read records.
    """
    attempt = uuid.uuid4().hex
    folder = f"{staging_prefix(lake, contract.name)}{attempt}"
    origin = facts = _origin(shard, datetime.now(UTC))
    if read is not None:
        blocks, facts = read(shard.data), _with_nulls(facts, contract)
    elif contract.arrival.changes:
        blocks, of_changes = check_changes(shard.data, contract)
        for name, column in zip(of_changes.column_names, of_changes.columns, strict=True):
            facts = facts.append_column(name, column)
    else:
        parsed = parse_records(shard.data, contract, 0)
        blocks = [checked for block in parsed for checked in check_records(block, contract)]
    accepted = pa.concat_tables([_accepted(checked, facts, contract) for checked in blocks])
    rejected = without_large(
        pa.concat_tables([checked.rejected for checked in blocks]), lambda raw: _keep(store, lake, contract, raw)
    )
    unit = StagedUnit(
        dataset=contract.name,
        attempt=attempt,
        rows=tuple(_put(store, f"{folder}-0.parquet", accepted)),
        quarantine=tuple(_put(store, f"{folder}-quarantine-0.parquet", _rejected(rejected, origin, contract))),
        records=len(shard.data),
    )
    store.put(f"{folder}.json", msgspec.json.encode(unit))
    watch(contract, accepted)
    return unit


def _origin(shard: ShardRecords, now: datetime) -> pa.Table:
    """Return the origin columns of all records, in their order."""
    count = len(shard.data)
    arrived = pc.round(pc.multiply(pa.array(shard.arrived, pa.float64()), 1e6)).cast(pa.int64())
    return pa.table(
        {
            "_delivery_id": pa.repeat(shard.source, count),
            "_source": pa.repeat(f"{shard.stream_arn}/{shard.shard}", count),
            "_position": pa.array(shard.subsequence, pa.int64()),
            "_ingested_at": pa.repeat(pa.scalar(now.replace(tzinfo=None), pa.timestamp("us")), count),
            "_sequence": pa.array(shard.sequence, pa.string()),
            "_arrived_at": arrived.cast(pa.timestamp("us")),
        }
    )


def _with_nulls(facts: pa.Table, contract: LandingContract) -> pa.Table:
    """Add the columns of captured changes as null, for records that were not read."""
    own = {column.name for column in contract.columns} | {"_late", *facts.column_names}
    for field in data_arrow(contract):
        if field.name not in own:
            facts = facts.append_column(field, pa.nulls(facts.num_rows, field.type))
    return facts


def _accepted(checked: Checked, facts: pa.Table, contract: LandingContract) -> pa.Table:
    rows = checked.accepted
    for name, column in zip(facts.column_names, facts.take(checked.positions).columns, strict=True):
        rows = rows.append_column(name, column)
    rows = rows.append_column("_late", _late(rows, contract))
    return rows.select(data_arrow(contract).names)


def _late(rows: pa.Table, contract: LandingContract) -> pa.Array | pa.ChunkedArray:
    """Return for each row whether its event arrived later than the contract's lateness allows."""
    column, seconds = contract.arrival.event_time, contract.arrival.lateness_seconds
    if column is None or seconds is None:
        return pa.nulls(rows.num_rows, pa.bool_())
    allowed = pa.scalar(seconds * 1_000_000, pa.duration("us"))
    return pc.greater(pc.subtract(rows["_arrived_at"], rows[column].cast(pa.timestamp("us"))), allowed)


def _rejected(rejected: pa.Table, origin: pa.Table, contract: LandingContract) -> pa.Table:
    rows = rejected.drop_columns(["_position"])
    for name, column in zip(origin.column_names, origin.take(rejected["_position"]).columns, strict=True):
        rows = rows.append_column(name, column)
    return rows.select(quarantine_arrow(contract).names)


def _keep(store: Store, lake: str, contract: LandingContract, raw: bytes) -> str:
    """Write a long record to S3 and return its address, a hash of its bytes, so that retries write the same object."""
    address = f"{lake}/records/{contract.name}/{hashlib.sha256(raw).hexdigest()}"
    store.put(address, raw)
    return address


def _put(store: Store, address: str, rows: pa.Table) -> Iterator[str]:
    """Write ``rows`` to S3 as Parquet and yield the address; without rows nothing is written."""
    if rows.num_rows:
        body = io.BytesIO()
        # The committer reads the whole file once, so column statistics and dictionaries would not be used.
        repeated = ["_delivery_id", "_source"]
        pq.write_table(
            rows, body, compression="zstd", store_schema=False, use_dictionary=repeated, write_statistics=False
        )
        store.put(address, body.getvalue())
        yield address
