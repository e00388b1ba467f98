"""Which data files may hold a value of a key, by the bounds that Iceberg keeps of them."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from sluice.confined import connect
from sluice.refresh.duckdb.relations import Relation, files_of, files_with


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([1.0], [0]),
        ([5.0], [1]),
        ([1.0, 6.0], [0, 1]),
        ([99.0], []),
        ([], []),
        ([math.nan], [0, 1]),
        ([math.nan, 1.0], [0, 1]),
        ([None], [0, 1]),
        ([-0.0], [0]),
    ],
)
def test_a_file_is_left_out_only_when_no_value_can_be_in_it(
    tmp_path: Path, wanted: list[float | None], found: list[int]
) -> None:
    catalog = SqlCatalog("c", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{tmp_path}")
    catalog.create_namespace("bronze")
    rows = [pa.table({"k": [0.0, 1.0, math.nan, None]}), pa.table({"k": [5.0, 6.0, math.nan, None]})]
    table = catalog.create_table("bronze.things", rows[0].schema)
    for each in rows:
        table.append(each)
    files = [task.file for task in table.scan().plan_files()]
    files.sort(key=lambda file: struct.unpack("<d", file.lower_bounds[1]))
    with connect() as connection:
        connection.execute("CREATE TABLE wanted (k DOUBLE)")
        for value in wanted:
            connection.execute("INSERT INTO wanted VALUES (?)", [value])
        kept = files_with(connection, files_of("bronze.things", table, files), "k", Relation("wanted", ("k",)), "k")
    assert {file.file_path for file in kept} == {files[place].file_path for place in found}
