"""Ibis by its Athena backend: tables, expressions, and what it makes."""

from __future__ import annotations

import functools
import os
from typing import Any

import ibis
import pandas as pd
import pyarrow.fs
import pyathena

_MADE = "s3://lake/ibis"
# Ibis reads by PyAthena's Arrow cursor, and that by PyArrow, which finds AWS_ENDPOINT_URL in addresses alone.
pyarrow.fs.S3FileSystem = functools.partial(pyarrow.fs.S3FileSystem, endpoint_override=os.environ["AWS_ENDPOINT_URL"])


def _connected() -> Any:
    return ibis.athena.connect(s3_staging_dir="s3://answers/ibis/", schema_name="ibis_db", region_name="us-east-1")


def define() -> None:
    cursor = pyathena.connect(s3_staging_dir="s3://answers/ibis/", poll_interval=0.05).cursor()
    cursor.execute("CREATE DATABASE ibis_db")
    cursor.execute("CREATE TABLE ibis_db.sales (id int, plant string, pots int, price decimal(8,2), at timestamp)"
                   " LOCATION 's3://lake/ibis/sales' TBLPROPERTIES ('table_type'='ICEBERG')")  # fmt: skip
    cursor.execute("INSERT INTO ibis_db.sales VALUES (1, 'mint', 3, 1.50, TIMESTAMP '2026-01-02 03:04:05'),"
                   " (2, 'mint', 4, 2.50, TIMESTAMP '2026-01-03 03:04:05'),"
                   " (3, 'sage', 5, NULL, TIMESTAMP '2026-02-01 00:00:00')")  # fmt: skip


def list_and_describe() -> None:
    connection = _connected()
    assert "sales" in connection.list_tables()
    assert "ibis_db" in connection.list_databases()
    schema = connection.table("sales").schema()
    assert list(schema.names) == ["id", "plant", "pots", "price", "at"]
    assert str(schema["price"]) == "decimal(8, 2)"


def aggregate() -> None:
    sales = _connected().table("sales")
    found = sales.group_by("plant").agg(pots=sales.pots.sum(), n=sales.count()).order_by("plant").to_pandas()
    assert found.values.tolist() == [["mint", 7, 2], ["sage", 5, 1]]


def filter_and_mutate() -> None:
    sales = _connected().table("sales")
    found = sales.filter(sales.pots > 3, sales.plant.startswith("m")).mutate(twice=sales.pots * 2).to_pandas()
    assert found["twice"].tolist() == [8]
    months = sales.group_by(month=sales.at.truncate("M")).agg(n=sales.count()).order_by("month").to_pandas()
    assert months["n"].tolist() == [2, 1]


def windows_and_joins() -> None:
    sales = _connected().table("sales")
    ranked = sales.mutate(rank=ibis.row_number().over(group_by="plant", order_by=ibis.desc("pots")))
    assert ranked.filter(ranked["rank"] == 0).order_by("id").id.to_pandas().tolist() == [2, 3]
    other = sales.view()
    joined = sales.join(other, sales.plant == other.plant).count()
    assert joined.execute() == 5


def from_frames_and_back() -> None:
    connection = _connected()
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    made = connection.create_table("framed", frame, location=f"{_MADE}/framed/")
    assert made.order_by("a").to_pandas()["a"].tolist() == [1, 2]
    assert connection.table("framed").to_pyarrow().num_rows == 2
    connection.drop_table("framed")
    assert "framed" not in connection.list_tables()


def made_of_an_expression() -> None:
    connection = _connected()
    sales = connection.table("sales")
    connection.create_table(
        "mints", sales.filter(sales.plant == "mint").select("id", "pots"), location=f"{_MADE}/mints/"
    )
    assert connection.table("mints").count().execute() == 2
    connection.create_view("many", sales.filter(sales.pots > 4))
    assert connection.table("many").count().execute() == 1
    connection.drop_view("many")


def sql_of_ones_own() -> None:
    connection = _connected()
    assert connection.sql("SELECT max(pots) AS most FROM sales").execute()["most"].tolist() == [5]
