"""Iceberg's own clients: PyIceberg over the Glue catalog and Glue's REST endpoint, DuckDB and Polars, beside Athena."""

from __future__ import annotations

import importlib.util
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import duckdb
import polars as pl
import pyarrow as pa
import pyathena
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError

_ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
_S3 = {"s3.endpoint": _ENDPOINT, "s3.access-key-id": "test", "s3.secret-access-key": "test", "s3.region": "us-east-1"}


def _glue() -> Catalog:
    return GlueCatalog("glue", **_S3)


def _rest() -> Catalog:
    return RestCatalog(
        "rest",
        **{
            "uri": f"{_ENDPOINT}/iceberg",
            "warehouse": "123456789012",
            "rest.sigv4-enabled": "true",
            "rest.signing-name": "glue",
            "rest.signing-region": "us-east-1",
        },
        **_S3,
    )


def _athena(sql: str) -> list[tuple[Any, ...]]:
    cursor = pyathena.connect(s3_staging_dir="s3://answers/ice/", schema_name="ice", poll_interval=0.05).cursor()
    found: list[tuple[Any, ...]] = cursor.execute(sql).fetchall()
    return found


def _duckdb() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for name in ("httpfs", "avro", "iceberg"):
        found = importlib.util.find_spec(f"duckdb_extension_{name}")
        assert found is not None, name
        (file,) = Path(str(found.origin)).parent.rglob(f"{name}.duckdb_extension")
        connection.execute(f"LOAD '{file}'")
    host = _ENDPOINT.removeprefix("http://")
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID 'test', SECRET 'test', REGION 'us-east-1', ENDPOINT '{host}', USE_SSL false,"
        " URL_STYLE 'path')"
    )
    return connection


def _everywhere(table: str) -> list[list[tuple[Any, ...]]]:
    """Return a table's rows as each client reads them."""
    location = boto3.client("glue").get_table(DatabaseName="ice", Name=table)["Table"]["Parameters"][
        "metadata_location"
    ]
    reads = [catalog.load_table(("ice", table)).scan().to_arrow().to_pylist() for catalog in (_glue(), _rest())]
    return [
        _athena(f"SELECT * FROM {table} ORDER BY 1"),
        _duckdb().execute(f"SELECT * FROM iceberg_scan('{location}') ORDER BY 1").fetchall(),
        *(sorted(tuple(row.values()) for row in rows) for rows in reads),
        sorted(pl.scan_iceberg(_rest().load_table(("ice", table)), reader_override="pyiceberg").collect().rows()),
    ]


def written_by_athena() -> None:
    _athena("CREATE DATABASE ice")
    _athena("CREATE TABLE pots (id int, name string, price decimal(8,2), day date) PARTITIONED BY (day)"
            " LOCATION 's3://lake/ice/pots/' TBLPROPERTIES ('table_type'='ICEBERG')")  # fmt: skip
    _athena("INSERT INTO pots SELECT CAST(n AS integer), 'pot ' || CAST(n AS varchar), CAST(n AS decimal(8,2)),"
            " date_add('day', n % 3, DATE '2026-01-01') FROM UNNEST(sequence(1, 30)) AS t(n)")  # fmt: skip
    for change, count in (
        ("SELECT 1", 30),
        ("UPDATE pots SET name = upper(name), price = CAST(price * 2 AS decimal(8,2)) WHERE id % 4 = 0", 30),
        ("DELETE FROM pots WHERE id > 24", 24),
        ("MERGE INTO pots USING (SELECT CAST(n AS integer) AS id FROM UNNEST(sequence(20, 27)) AS t(n)) s"
         " ON pots.id = s.id WHEN MATCHED AND s.id < 22 THEN DELETE WHEN MATCHED THEN UPDATE SET name = 'merged'"
         " WHEN NOT MATCHED THEN INSERT (id, name, day) VALUES (s.id, 'new', DATE '2026-02-01')", 25),
        ("OPTIMIZE pots REWRITE DATA USING BIN_PACK", 25),
        ("ALTER TABLE pots ADD COLUMNS (note string)", 25),
        ("VACUUM pots", 25),
    ):  # fmt: skip
        _athena(change)
        first, *others = _everywhere("pots")
        assert len(first) == count, (change, len(first))
        assert all(other == first for other in others), (change, first, others)


def written_by_rest() -> None:
    rest = _rest()
    assert ("ice",) in rest.list_namespaces()
    rest.create_namespace("made", {"location": "s3://lake/made", "comment": "by REST"})
    assert rest.load_namespace_properties("made")["comment"] == "by REST"
    rows = pa.table({"id": pa.array([1, 2], pa.int32()), "n": pa.array([Decimal("1.50"), None], pa.decimal128(6, 2))})
    table = rest.create_table(("ice", "rested"), rows.schema, location="s3://lake/ice/rested")
    table.append(rows)
    table.append(rows)
    table.delete("id = 2")
    with rest.create_table_transaction(("ice", "staged"), rows.schema, location="s3://lake/ice/staged") as staged:
        staged.append(rows)
    assert sorted(rest.list_tables("ice")) == [("ice", "pots"), ("ice", "rested"), ("ice", "staged")]
    assert _athena("SELECT * FROM rested") == [(1, Decimal("1.50"))] * 2
    assert _athena("SELECT count(*) FROM staged") == [(2,)]
    for name in ("rested", "staged"):
        first, *others = _everywhere(name)
        assert all(other == first for other in others), (name, first, others)
    _athena("INSERT INTO rested VALUES (9, DECIMAL '9.00')")
    assert len(rest.load_table(("ice", "rested")).scan().to_arrow()) == 3


def written_by_duckdb() -> None:
    # DuckDB reads Glue's region from the address; whatever ends in .localhost is this machine.
    port = _ENDPOINT.rpartition(":")[2]
    connection = _duckdb()
    connection.execute(
        f"ATTACH '123456789012' AS glue (TYPE iceberg, AUTHORIZATION_TYPE 'sigv4',"
        f" ENDPOINT 'http://glue.us-east-1.localhost:{port}/iceberg')"
    )
    assert connection.execute("SELECT count(*), max(name) FROM glue.ice.pots").fetchall() == [(25, "pot 9")]
    connection.execute("INSERT INTO glue.ice.rested VALUES (3, 3.5)")
    connection.execute(
        "CREATE TABLE glue.ice.ducks (id INTEGER, name VARCHAR) WITH ('location' = 's3://lake/ice/ducks')"
    )
    connection.execute("INSERT INTO glue.ice.ducks VALUES (1, 'a'), (2, NULL)")
    assert _athena("SELECT n FROM rested WHERE id = 3") == [(Decimal("3.50"),)]
    _athena("UPDATE ducks SET name = 'b' WHERE id = 2")
    assert connection.execute("SELECT * FROM glue.ice.ducks ORDER BY id").fetchall() == [(1, "a"), (2, "b")]
    _athena("DROP TABLE ducks")


def refused_by_rest() -> None:
    rest = _rest()
    schema = pa.schema([("id", pa.int32())])
    _raises(TableAlreadyExistsError, lambda: rest.create_table(("ice", "pots"), schema, location="s3://lake/x"))
    _raises(NoSuchTableError, lambda: rest.load_table(("ice", "nope")))
    stale = rest.load_table(("ice", "staged"))
    rest.load_table(("ice", "staged")).delete("id = 1")
    with stale.transaction() as transaction:
        transaction.set_properties(note="kept")  # asserts no snapshot: it goes with the other's commit
    assert rest.load_table(("ice", "staged")).properties["note"] == "kept"


def dropped_by_rest() -> None:
    rest = _rest()
    rest.drop_table(("ice", "staged"))
    assert not rest.table_exists(("ice", "staged"))
    assert _athena("SHOW TABLES") == [("pots",), ("rested",)]
    rest.drop_namespace("made")
    assert not rest.namespace_exists("made")


def two_writers_lose_nothing() -> None:
    ids = pa.table({"id": pa.array([7], pa.int32()), "n": pa.array([None], pa.decimal128(6, 2))})
    first, second = (_rest().load_table(("ice", "rested")) for _ in range(2))
    before = len(first.scan().to_arrow())
    first.append(ids)
    try:
        second.append(ids)
        added = 2
    except CommitFailedException:
        added = 1
    assert len(_rest().load_table(("ice", "rested")).scan().to_arrow()) == before + added


def _raises(kind: type[Exception], act: Any) -> None:
    try:
        act()
    except kind:
        return
    raise AssertionError(f"no {kind.__name__} was raised")
