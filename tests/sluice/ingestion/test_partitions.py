"""Every partition transform of every type that may have it: rows are committed, and lie where they belong."""

from __future__ import annotations

from datetime import date, datetime

import msgspec
import pytest
from pyiceberg.utils.datetime import date_to_days, datetime_to_micros

from sluice.contracts import LandingContract, PartitionField
from sluice.contracts.partitions import TRANSFORMS, partition_name
from sluice.ingestion.commit import drain
from sluice.ingestion.ingest import stage_source
from sluice.ingestion.stage import UnitWriter
from sluice.ledger import Delivery
from sluice.tables.schema import iceberg_type
from tests.sluice.ingestion.reading import column, contract, read, source
from tests.sluice.ingestion.test_accepted_commits import read_back, refuse_aside, world
from tests.sluice.ingestion.test_commit import NOW

DATES = ["0001-01-01", "1969-12-31", "1970-01-01", "1900-02-28", "2024-02-29", "9999-12-31", ""]
VALUES = {
    "string": ["a", "é" * 30, "x" * 3000, "a/b=c%d e", "\U0001f600\U0001f601", "\ud7ff" * 20, "", ".", ".."],
    "int": ["0", "-1", "-7", "7", "2147483647", "-2147483648", ""],
    "bigint": ["0", "-1", "-7", "7", "9223372036854775807", "-9223372036854775808", ""],
    "boolean": ["true", "false", ""],
    "date": DATES,
    "timestamp": [
        *(f"{day}T{time}" for day in DATES[:-1] for time in ("00:00:00", "23:59:59.999999", "13:00:00")), ""
    ],
    "binary": ["a", "b" * 500, "c/d", ""],
    "decimal": ["0.00", "-0.01", "0.01", "-99.99", "99.99", "12.34", ""],
}  # fmt: skip
CASES = [
    (kind, transform.replace("[n]", f"[{n}]"))
    for transform, kinds in TRANSFORMS.items()
    for kind in kinds
    for n in ((1, 7) if "[n]" in transform else (0,))
]
FAST = [("timestamp", "hour"), ("string", "bucket[7]"), ("string", "identity")]


def declared(kind: str, transform: str) -> LandingContract:
    spelled = "decimal(4,2)" if kind == "decimal" else kind
    found = contract(column("id", required=True), column("v", spelled), format="csv")
    return msgspec.structs.replace(found, partitioning=(PartitionField("v", transform),))


@pytest.mark.parametrize(
    ("kind", "transform"), [pytest.param(*case, marks=[] if case in FAST else pytest.mark.slow) for case in CASES]
)
def test_rows_are_committed_into_the_partition_that_the_transform_names(kind: str, transform: str) -> None:
    wanted = declared(kind, transform)
    lines = "".join(f'r{n},"{value}"\n' for n, value in enumerate(VALUES[kind]))
    data = f"id,v\n{lines}".encode()
    accepted, rejected = read(data, wanted)
    assert rejected == []
    with world(wanted) as lake:
        writer = UnitWriter(wanted, lake.store, lake.settings.lake, now=NOW)
        stage_source(source(data), wanted, writer.delivery("d", "s3://x/d", version_id="v", size=len(data)))
        writer.finish()
        ledger: list[Delivery] = []
        drain(wanted, lake, record=lambda found: refuse_aside(found, ledger), announce=lambda _: None)
        table = lake.table("bronze", "things")
        assert table.spec().fields[0].name == partition_name("v", transform)
        back = sorted((row["id"], row["v"]) for row in read_back(table))
        assert back == sorted((row["id"], row["v"]) for row in accepted.to_pylist())
        kept = table.spec().fields[0].transform
        where = kept.transform(iceberg_type(wanted.column("v").type))
        for file in (task.file for task in table.scan().plan_files()):
            key = file.file_path.removeprefix(f"{table.location()}/data/")
            assert len(key) < 200, "a value of any length fits no S3 key"
        parted = {_physical(file.partition[0]) for file in (task.file for task in table.scan().plan_files())}
        assert parted == {_physical(where(_internal(value))) for _, value in back}


def _internal(value: object) -> object:
    """Return a value as Iceberg's transforms take it."""
    if isinstance(value, datetime):
        return datetime_to_micros(value)
    return date_to_days(value) if isinstance(value, date) else value


def _physical(value: object) -> object:
    return bytes(value) if isinstance(value, bytearray | memoryview) else value
