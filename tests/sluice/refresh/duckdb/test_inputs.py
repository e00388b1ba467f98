"""What a transform reads: the table's snapshot as its schema says, whichever files it consists of."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table
from pyiceberg.types import LongType, StringType

from sluice.confined import connect
from sluice.refresh.duckdb.inputs import LakeFiles, address, protocol, register
from sluice.tables.files import snapshot_of
from sluice.tables.upkeep import EMPTY

_ROWS = pa.table(
    {
        "id": pa.array(["a", "b", None]),
        "n": pa.array([1, 2, 3], pa.int32()),
        "price": pa.array([Decimal("1.50"), None, Decimal("-2.00")], pa.decimal128(12, 2)),
        "at": pa.array([dt.datetime(2026, 1, 1, 12), None, dt.datetime(1969, 1, 1)], pa.timestamp("us")),
        "day": pa.array([dt.date(2026, 1, 1), None, None]),
        "raw": pa.array([b"\x00", b"", None], pa.binary()),
        "ok": pa.array([True, False, None]),
        "x": pa.array([0.1, 2.0, None], pa.float64()),
    }
)


@pytest.fixture
def table(catalog: Catalog) -> Table:
    made = catalog.create_table(("bronze", "in_put"), schema=_ROWS.schema)
    made.append(_ROWS)
    return made


def read(table: Table, sql: str = "SELECT * FROM bronze.in_put ORDER BY n", snapshot: str = "") -> list[tuple[object]]:
    with duckdb.connect() as connection:
        register(connection, "bronze.in_put", table, snapshot or snapshot_of(table))
        return connection.execute(sql).fetchall()


def test_every_type_reads_as_it_was_written(table: Table) -> None:
    assert read(table) == [tuple(row.values()) for row in _ROWS.to_pylist()]


def test_renamed_added_and_widened_columns_read_as_the_schema_says(table: Table) -> None:
    with table.update_schema() as change:
        change.rename_column("id", "name").add_column("note", StringType()).update_column("n", LongType())
    table.append(pa.table({"name": ["c"], "n": pa.array([2**40], pa.int64()), "note": ["new"]}))
    assert read(table, "SELECT name, n, note FROM bronze.in_put ORDER BY n") == [
        ("a", 1, None), ("b", 2, None), (None, 3, None), ("c", 2**40, "new"),
    ]  # fmt: skip


def test_an_earlier_snapshot_an_empty_table_and_deleted_rows(table: Table) -> None:
    first = snapshot_of(table)
    table.append(_ROWS)
    table.delete("n = 1")
    assert read(table, "SELECT count(*) FROM bronze.in_put") == [(4,)]
    assert read(table, "SELECT count(*) FROM bronze.in_put", first) == [(3,)]
    assert read(table, "SELECT count(*), max(n) FROM bronze.in_put", EMPTY) == [(0, None)]


def test_threads_that_share_a_file_read_their_own_parts(table: Table, tmp_path: Path) -> None:
    file = tmp_path / "letters"
    file.write_bytes(b"abcdefgh")
    shared = LakeFiles(table.io, "lake", within=str(file.parent)).open(f"lake:///{file}")
    shared.seek(0)
    with ThreadPoolExecutor(1) as other:
        other.submit(shared.seek, 4).result()
        assert shared.read(2) == b"ab"
        assert other.submit(shared.read, 2).result() == b"ef"
    assert shared.read(2) == b"cd"


@pytest.mark.parametrize("scheme", ["s3://bucket", "file:///folder", "/folder"])
def test_addresses_of_every_kind_lie_in_what_the_connection_may_read(scheme: str) -> None:
    class File:
        file_path = f"{scheme}/silver/things/data/a.parquet"

    class Nothing(LakeFiles):
        def open(self, path: str, mode: str = "rb", **_: object) -> NoReturn:
            raise FileNotFoundError(f"looked for {self._address(path)}")

        def info(self, path: str, **_: object) -> dict[str, object]:
            return {"name": path, "type": "file", "size": 100}

    place = address("silver.things", File())  # type: ignore[arg-type]
    with connect(readable=[protocol("silver.things")]) as connection:
        known = protocol("silver.things").partition(":")[0]
        connection.register_filesystem(Nothing(None, known, within=f"{scheme}/silver/things"))
        with pytest.raises(Exception, match=f"looked for {File.file_path}"):
            connection.execute(f"SELECT * FROM read_parquet('{place}')")
        with pytest.raises(PermissionError, match="not a file of this table"):
            Nothing(None, known, within=f"{scheme}/silver/things").open(f"{known}:///{scheme}/silver/other/a")
