"""A small shop in the local Athena, and its questions asked by boto3."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from localaws.context import Context
from tests.localaws.athena.server import iceberg_catalog, running

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("name", pa.string()),
        ("price", pa.decimal128(12, 2)),
        ("at", pa.timestamp("us")),
        ("tags", pa.list_(pa.string())),
    ]
)
ROWS = [
    {
        "id": 1,
        "name": 'a "quoted", name',
        "price": Decimal("1.50"),
        "at": datetime(2024, 1, 31, 10, 0, 0, 123456),
        "tags": ["x", None],
    },
    {"id": 2, "name": None, "price": Decimal("2.25"), "at": datetime(2024, 2, 29), "tags": []},
    {"id": 3, "name": "Zoë 李", "price": None, "at": None, "tags": None},
]


@contextmanager
def shop(scratch: Path) -> Iterator[Context]:
    """Run a local Athena with the tables `shop.items` and `shop.empty` and the workgroup `analysts`."""
    with running(scratch) as ctx:
        s3, glue = ctx.client("s3"), ctx.client("glue")
        for bucket in ("lake", "out"):
            s3.create_bucket(Bucket=bucket)
        glue.create_database(DatabaseInput={"Name": "shop"})
        catalog = iceberg_catalog(ctx, "s3://lake/warehouse")
        items = catalog.create_table("shop.items", SCHEMA)
        items.append(pa.Table.from_pylist(ROWS[:2], SCHEMA))
        items.append(pa.Table.from_pylist(ROWS[2:], SCHEMA))
        catalog.create_table("shop.empty", SCHEMA)
        ctx.client("athena").create_work_group(
            Name="analysts",
            Configuration={
                "ResultConfiguration": {"OutputLocation": "s3://out/analysts/"},
                "EnforceWorkGroupConfiguration": True,
            },
        )
        try:
            yield ctx
        finally:  # what moto keeps is one for a process, and several modules have this shop
            ctx.client("athena").delete_work_group(WorkGroup="analysts", RecursiveDeleteOption=True)
            glue.delete_database(Name="shop")
            for bucket in ("lake", "out"):
                for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                    for item in page.get("Contents", []):
                        s3.delete_object(Bucket=bucket, Key=item["Key"])
                s3.delete_bucket(Bucket=bucket)


def run(ctx: Context, sql: str, **options: Any) -> dict[str, Any]:
    athena = ctx.client("athena")
    options = {"WorkGroup": "analysts", "QueryExecutionContext": {"Database": "shop"}, **options}
    query_id = athena.start_query_execution(QueryString=sql, **options)["QueryExecutionId"]
    return wait(ctx, query_id)


def wait(ctx: Context, query_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = ctx.client("athena").get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return found
        time.sleep(0.02)
    raise AssertionError("the query did not end")


def rows(ctx: Context, sql: str, **options: Any) -> list[list[str | None]]:
    found = run(ctx, sql, **options)
    assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
    result = ctx.client("athena").get_query_results(QueryExecutionId=found["QueryExecutionId"])
    return [[value.get("VarCharValue") for value in row["Data"]] for row in result["ResultSet"]["Rows"]]


def failure(ctx: Context, sql: str, **options: Any) -> str:
    found = run(ctx, sql, **options)
    assert found["Status"]["State"] == "FAILED", found["Status"]
    assert found["Status"]["AthenaError"]["ErrorMessage"] == found["Status"]["StateChangeReason"]
    return str(found["Status"]["StateChangeReason"])
