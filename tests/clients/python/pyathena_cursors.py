"""PyAthena: every cursor, as its user would use it."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import os
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow.fs
import pyathena
from pyathena.arrow.cursor import ArrowCursor
from pyathena.async_cursor import AsyncCursor
from pyathena.cursor import DictCursor
from pyathena.error import OperationalError
from pyathena.pandas.cursor import PandasCursor
from pyathena.pandas.util import to_sql
from pyathena.polars.cursor import PolarsCursor
from pyathena.s3fs.cursor import S3FSCursor

_DAY = dt.date(2026, 1, 2)
_AT = dt.datetime(2026, 1, 2, 3, 4, 5, 678000)
_FIRST = (1, "a", Decimal("1.50"), _AT, _DAY, True, 1.5)
_ASK = "SELECT id, page, price, at, day, ok, x FROM clicks ORDER BY id"


def _cursor(kind: Any = None, **options: Any) -> Any:
    given = {"cursor_class": kind} if kind else {}
    connection = pyathena.connect(
        s3_staging_dir="s3://answers/pyathena/", schema_name="shop", poll_interval=0.05, **given
    )
    return connection.cursor(**options)


def define() -> None:
    cursor = _cursor()
    for sql in (
        "CREATE DATABASE IF NOT EXISTS shop",
        "CREATE EXTERNAL TABLE clicks (id bigint, page string, price decimal(8,2), at timestamp, day date, ok boolean,"
        " x double, tags array<string>, who struct<name:string,age:int>) STORED AS PARQUET"
        " LOCATION 's3://lake/clicks/'",
        "INSERT INTO clicks VALUES (1, 'a', DECIMAL '1.50', TIMESTAMP '2026-01-02 03:04:05.678', DATE '2026-01-02',"
        " true, 1.5, ARRAY['x', 'y'], CAST(ROW('n', 3) AS ROW(name varchar, age integer))),"
        " (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "CREATE TABLE pots (id int, name string) LOCATION 's3://lake/pots/' TBLPROPERTIES ('table_type'='ICEBERG')",
    ):
        cursor.execute(sql)


def ask() -> None:
    cursor = _cursor()
    assert cursor.execute(_ASK).fetchall() == [_FIRST, (2, *[None] * 6)]
    kinds = [column[1] for column in cursor.description]
    assert kinds == ["bigint", "varchar", "decimal", "timestamp", "date", "boolean", "double"]
    assert cursor.output_location == f"s3://answers/pyathena/{cursor.query_id}.csv"
    assert (cursor.state, cursor.statement_type) == ("SUCCEEDED", "DML")
    assert cursor.data_scanned_in_bytes > 0
    rows = cursor.execute("SELECT tags, who FROM clicks ORDER BY id").fetchall()
    assert rows[0][0] == ["x", "y"]
    assert rows[1] == (None, None)


def ask_with_parameters() -> None:
    cursor = _cursor()
    by_name = cursor.execute(
        "SELECT id FROM clicks WHERE day = %(day)s AND page = %(page)s", {"day": _DAY, "page": "a"}
    )
    assert by_name.fetchall() == [(1,)]
    assert cursor.execute("SELECT id FROM clicks WHERE id = ?", ["2"], paramstyle="qmark").fetchall() == [(2,)]


def ask_for_more_than_a_page() -> None:
    rows = list(_cursor().execute("SELECT x FROM UNNEST(sequence(1, 2500)) AS t(x)"))
    assert rows == [(number,) for number in range(1, 2501)]


def change_rows() -> None:
    cursor = _cursor()
    cursor.executemany("INSERT INTO pots VALUES (%(id)d, %(name)s)", [{"id": 1, "name": "a"}, {"id": 2, "name": "d'e"}])
    cursor.execute("UPDATE pots SET name = 'z' WHERE id = 1")
    assert cursor.rowcount == 1
    cursor.execute("MERGE INTO pots USING (SELECT 3 AS id, 'm' AS name) s ON pots.id = s.id"
                   " WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)")  # fmt: skip
    assert cursor.execute("SELECT * FROM pots ORDER BY id").fetchall() == [(1, "z"), (2, "d'e"), (3, "m")]
    cursor.execute("DELETE FROM pots WHERE id < 3")
    assert cursor.rowcount == 2


def describe() -> None:
    cursor = _cursor()
    assert cursor.execute("SHOW TABLES").fetchall() == [("clicks",), ("pots",)]
    assert [line[0].split() for line in cursor.execute("DESCRIBE pots").fetchall()][:2] == [
        ["id", "int"],
        ["name", "string"],
    ]
    assert "shop" in [database.name for database in cursor.list_databases("AwsDataCatalog")]
    assert {table.name for table in cursor.list_table_metadata()} >= {"clicks", "pots"}
    found = cursor.get_table_metadata("clicks")
    assert found.location == "s3://lake/clicks/"
    assert found.serde_serialization_lib.endswith("ParquetHiveSerDe")


def say_what_is_wrong() -> None:
    said = ""
    try:
        _cursor().execute("SELECT nope FROM clicks")
    except OperationalError as error:
        said = str(error)
    assert "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved" in said


def ask_for_dictionaries() -> None:
    first = _cursor(DictCursor).execute(_ASK).fetchall()[0]
    assert tuple(first.values()) == _FIRST
    assert list(first) == ["id", "page", "price", "at", "day", "ok", "x"]


def ask_and_go_on() -> None:
    with pyathena.connect(
        s3_staging_dir="s3://answers/p/", cursor_class=AsyncCursor, poll_interval=0.05
    ).cursor() as cursor:
        _, future = cursor.execute("SELECT 1 AS a")
        assert future.result().fetchall() == [(1,)]
        great = ", ".join(f"UNNEST(sequence(1, 9000)) AS t{number}(x{number})" for number in range(3))
        query, future = cursor.execute(f"SELECT sum(x0 * x1 + x2) FROM {great}")
        cursor.cancel(query).result()
        assert future.result().state == "CANCELLED"


def ask_in_an_event_loop() -> None:
    async def rows() -> Sequence[Any]:
        connection = await pyathena.aio_connect(
            s3_staging_dir="s3://answers/p/", schema_name="shop", poll_interval=0.05
        )
        async with connection.cursor() as cursor:
            await cursor.execute(_ASK)
            found: Sequence[Any] = await cursor.fetchall()
            return found

    assert asyncio.run(rows())[0] == _FIRST


def frames_of_pandas() -> None:
    for unload in (False, True):
        frame = _cursor(PandasCursor, unload=unload).execute(_ASK).as_pandas()
        assert list(frame["id"]) == [1, 2]
        assert frame["price"][0] == Decimal("1.50")
        assert frame["at"][0] == pd.Timestamp(_AT)
        assert frame["price"].isna().tolist() == [False, True]
    chunks = _cursor(PandasCursor).execute("SELECT x FROM UNNEST(sequence(1, 2500)) t(x)", chunksize=1000).as_pandas()
    assert [len(chunk) for chunk in chunks] == [1000, 1000, 500]


def frame_into_a_table() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"], "p": ["u", "u", "v"]})
    for how, rows in (("replace", 3), ("append", 6), ("replace", 3)):
        to_sql(
            frame, "frames", _cursor().connection, "s3://lake/frames/", schema="shop", if_exists=how, partitions=["p"]
        )
        assert _cursor().execute("SELECT count(*), count(b), count(DISTINCT p) FROM frames").fetchall() == [
            (rows, rows * 2 // 3, 2)
        ]


def tables_of_polars() -> None:
    for unload in (False, True):
        frame = _cursor(PolarsCursor, unload=unload).execute(_ASK).as_polars()
        assert frame.rows() == [_FIRST, (2, *[None] * 6)]


def tables_of_arrow() -> None:
    # PyArrow's file system finds AWS_ENDPOINT_URL in addresses alone, and PyAthena makes it by its class.
    plain = pyarrow.fs.S3FileSystem
    pyarrow.fs.S3FileSystem = functools.partial(plain, endpoint_override=os.environ["AWS_ENDPOINT_URL"])
    try:
        unloaded = _cursor(ArrowCursor, unload=True).execute(_ASK).as_arrow()
        assert [tuple(row.values()) for row in unloaded.to_pylist()] == [_FIRST, (2, *[None] * 6)]
        read = _cursor(ArrowCursor).execute(_ASK).as_arrow()
        assert read.column("at").to_pylist() == [_AT, None]
    finally:
        pyarrow.fs.S3FileSystem = plain


def rows_by_s3fs() -> None:
    assert _cursor(S3FSCursor).execute(_ASK).fetchall()[0] == _FIRST
