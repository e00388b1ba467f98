"""The tables that a small generated history comes to: bronze as ingested, the derived ones as DuckDB makes them."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pyarrow as pa

from shopsphere.generate import Dirt, generate
from shopsphere.generate.stream_files import write_streams
from sluice.contracts import LandingContract
from sluice.ingestion.changes.read import check_changes
from sluice.ingestion.check import check_block
from sluice.ingestion.readers.json_records import parse_records
from sluice.project import Project
from sluice.tables.arrow import data_arrow
from tests.glue_jobs.transforming import TRANSFORMS, on_duckdb
from tests.sluice.ingestion.reading import read

_STREAMS = ("clickstream", "stock_sensors")
#: Much dirt, so that little data has some of each kind.
DIRT = Dirt(**dict.fromkeys(Dirt.__dataclass_fields__, 0.025))


def generated_tables(project: Project, out: Path) -> dict[str, pa.Table]:
    """Return every table by name. A month ends within the history, so that features of its end are there."""
    generate(days=12, seed=11, out=out / "files", rows_per_day=60, dirt=DIRT, start=date(2025, 1, 25))
    write_streams(events=1_500, seed=11, out=out / "streams")
    tables = {contract.table: bronze(contract, out) for contract in project.arriving}
    waiting = {item.table: item for item in TRANSFORMS}
    while waiting:
        for item in [each for each in waiting.values() if not waiting.keys() & set(each.inputs.values())]:
            inputs = {name: tables[table] for name, table in item.inputs.items()}
            tables[item.table] = on_duckdb(project, item, inputs)
            del waiting[item.table]
    return tables


def bronze(contract: LandingContract, out: Path) -> pa.Table:
    """Return what the ingestor accepts of the dataset, of what was generated below ``out``."""
    found = []
    if contract.arrival.changes:
        # A test of the weekly exports alone writes no streams.
        if (out / "streams").exists():
            records = (out / "streams" / f"{contract.name}.ndjson").read_bytes().splitlines()
            found = _changes(contract, records)
    elif contract.name in _STREAMS:
        records = (out / "streams" / f"{contract.name}.ndjson").read_bytes().splitlines()
        found = [check_block(block, contract).accepted for block in parse_records(records, contract, 0)]
    elif not contract.arrival.stream:
        for path in sorted((out / "files" / contract.name).iterdir()):
            data = path.read_bytes()
            found.append(read(gzip.decompress(data) if path.suffix == ".gz" else data, contract)[0])
    whole = data_arrow(contract)
    if not found:
        return whole.empty_table()
    rows = pa.concat_tables(found)
    for field in whole:
        if field.name not in rows.column_names:
            rows = rows.append_column(field, pa.nulls(len(rows), field.type))
    return rows.select(whole.names).cast(whole)


def _changes(contract: LandingContract, records: list[bytes]) -> list[pa.Table]:
    """Return what the ingestor makes of captured changes, each with its place in a stream of one shard."""
    checked, facts = check_changes(records, contract)
    found = []
    for part in checked:
        rows = part.accepted
        for name in facts.column_names:
            rows = rows.append_column(name, facts[name].take(part.positions))
        places = part.positions.to_pylist()
        rows = rows.append_column("_sequence", pa.array([f"{place:056d}" for place in places], pa.string()))
        found.append(rows.append_column("_position", pa.array([0] * len(places), pa.int64())))
    return found
