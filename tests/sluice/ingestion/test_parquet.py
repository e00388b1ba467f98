from __future__ import annotations

import io
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.errors import UnreadableFile
from tests.sluice.ingestion.reading import codes, column, contract, read

THINGS = contract(column("id", required=True), column("n", "int"), column("cost", "decimal(12,2)"), format="parquet")


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def test_rows_that_do_not_fit_are_kept_as_json() -> None:
    table = pa.table({"id": ["a", None, "c"], "n": pa.array([1, 2, 2**40]), "cost": ["1.5", "2", "x"]})
    rows, rejected = read(parquet(table), THINGS)
    assert rows.to_pylist() == [{"id": "a", "n": 1, "cost": Decimal("1.50"), "_position": 1}]
    assert codes(rejected) == [(2, ("missing_required",)), (3, ("unparseable", "unparseable"))]
    assert rejected[1].raw == b'{"id":"c","n":1099511627776,"cost":"x"}'


def test_a_file_cut_short_is_refused() -> None:
    data = parquet(pa.table({"id": ["a"] * 1000}))
    for cut in (data[:-10], data[:100], b"not parquet at all"):
        with pytest.raises(UnreadableFile, match="no whole Parquet file"):
            read(cut, THINGS)


def test_a_missing_required_column_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="lacks the columns id"):
        read(parquet(pa.table({"n": [1]})), THINGS)
