"""SQLAlchemy by PyAthena's dialect: what a program, pandas and Superset ask by it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import sqlalchemy as sa

_AT = dt.datetime(2026, 1, 2, 3, 4, 5)


def _engine(driver: str = "rest", **options: str) -> sa.Engine:
    given = urlencode({"s3_staging_dir": "s3://answers/sqlalchemy/", "poll_interval": "0.05", **options})
    return sa.create_engine(f"awsathena+{driver}://@athena.us-east-1.amazonaws.com:443/alchemy?{given}")


_ENGINE = _engine()
_METADATA = sa.MetaData(schema="alchemy")
_SALES = sa.Table(
    "sales", _METADATA,
    sa.Column("id", sa.Integer, comment="the number"),
    sa.Column("name", sa.String),
    sa.Column("at", sa.DateTime),
    sa.Column("price", sa.Numeric(10, 2)),
    sa.Column("share", sa.Float),
    awsathena_location="s3://lake/alchemy/sales/", awsathena_file_format="PARQUET", awsathena_compression="SNAPPY",
)  # fmt: skip
_STOCK = sa.Table(
    "stock", _METADATA,
    sa.Column("id", sa.Integer),
    sa.Column("name", sa.String),
    sa.Column("at", sa.TIMESTAMP, awsathena_partition=True, awsathena_partition_transform="day"),
    awsathena_location="s3://lake/alchemy/stock/", awsathena_tblproperties={"table_type": "ICEBERG"},
)  # fmt: skip


def _rows(statement: Any) -> list[tuple[Any, ...]]:
    with _ENGINE.begin() as connection:
        return [tuple(row) for row in connection.execute(statement).all()]


def _run(*statements: Any) -> None:
    with _ENGINE.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def create() -> None:
    _run(sa.text("CREATE DATABASE alchemy"))
    _METADATA.create_all(_ENGINE)
    _METADATA.create_all(_ENGINE)  # finds what is there


def insert_and_select() -> None:
    first = {"id": 1, "name": "a'b", "at": _AT, "price": Decimal("1.50"), "share": 2.5}
    _run(_SALES.insert().values(first), _SALES.insert().values([{"id": 2, "name": "b"}, {"id": 3, "name": None}]))
    assert _rows(sa.select(_SALES).where(_SALES.c.name.in_(["a'b", "none"]))) == [tuple(first.values())]
    total = sa.select(sa.func.count(), sa.func.sum(_SALES.c.price).label("sum")).select_from(_SALES)
    assert _rows(total) == [(3, Decimal("1.50"))]
    assert _rows(sa.select(_SALES.c.id).order_by(_SALES.c.id.desc()).offset(1).limit(1)) == [(2,)]
    assert _rows(sa.text("SELECT id FROM sales WHERE name = :name").bindparams(name="b")) == [(2,)]


def change_rows() -> None:
    _run(
        _STOCK.insert().values(id=1, name="x", at=_AT),
        _STOCK.insert().values(id=2, name="y", at=_AT),
        _STOCK.update().where(_STOCK.c.id == 1).values(name="z"),
        _STOCK.delete().where(_STOCK.c.id == 2),
    )
    assert _rows(sa.select(_STOCK.c.id, _STOCK.c.name)) == [(1, "z")]


def reflect() -> None:
    inspector = sa.inspect(_ENGINE)
    assert "alchemy" in inspector.get_schema_names()
    assert set(inspector.get_table_names()) >= {"sales", "stock"}
    assert inspector.has_table("sales")
    assert not inspector.has_table("nope")
    columns = inspector.get_columns("sales")
    assert [(each["name"], str(each["type"])) for each in columns] == [
        ("id", "INTEGER"), ("name", "VARCHAR"), ("at", "TIMESTAMP"), ("price", "DECIMAL(10, 2)"), ("share", "FLOAT"),
    ]  # fmt: skip
    assert columns[0]["comment"] == "the number"
    assert inspector.get_table_options("sales")["awsathena_location"] == "s3://lake/alchemy/sales/"
    reflected = sa.MetaData()
    reflected.reflect(_ENGINE)
    assert _rows(sa.select(reflected.tables["stock"].c.name)) == [("z",)]


def arrays_are_selected() -> None:
    _run(
        sa.text(
            "CREATE EXTERNAL TABLE tagged (id int, tags array<string>) STORED AS PARQUET LOCATION 's3://lake/tags/'"
        )
    )
    _run(sa.text("INSERT INTO tagged VALUES (1, ARRAY['x', 'y, z'])"))
    tagged = sa.Table("tagged", sa.MetaData(), autoload_with=_ENGINE)
    assert _rows(sa.select(tagged)) == [(1, ["x", "y, z"])]


def views_are_views() -> None:
    _run(sa.text("CREATE OR REPLACE VIEW named AS SELECT id, name FROM alchemy.sales WHERE name IS NOT NULL"))
    inspector = sa.inspect(_ENGINE)
    assert inspector.get_view_names() == ["named"]
    assert "named" not in inspector.get_table_names()
    assert "FROM" in (inspector.get_view_definition("named") or "")
    assert [each["name"] for each in inspector.get_columns("named")] == ["id", "name"]


def frames_of_pandas() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "at": [_AT, None], "x": [1.5, None]})
    engine = _engine(location="s3://lake/alchemy/", file_format="parquet", compression="snappy")
    for how, rows in (("replace", 2), ("append", 4), ("replace", 6)):  # a dropped table leaves its objects, as on AWS
        frame.to_sql("frames", engine, schema="alchemy", index=False, if_exists=how, method="multi")
        found = pd.read_sql("SELECT * FROM alchemy.frames ORDER BY a", engine)
        assert len(found) == rows
    assert found["x"].dropna().unique().tolist() == [1.5]
    assert list(pd.read_sql_table("frames", engine, schema="alchemy").columns) == ["a", "b", "at", "x"]


def every_driver() -> None:
    for driver in ("rest", "pandas", "polars", "s3fs"):
        with _engine(driver).connect() as connection:
            found = connection.execute(sa.text("SELECT id, at FROM sales WHERE id = 1")).all()
        assert [tuple(row) for row in found] == [(1, _AT)], driver


def charts_of_superset() -> None:
    """The statements of Superset's chart builder and SQL Lab: a time grain, a subquery, a limit."""
    for grain in ("second", "minute", "hour", "day", "week", "month", "quarter", "year"):
        column = f"date_trunc('{grain}', CAST(at AS TIMESTAMP))"
        chart = f"""SELECT {column} AS __timestamp, COUNT(*) AS "count", AVG(price) AS "AVG(price)" FROM alchemy.sales
            WHERE at >= TIMESTAMP '2026-01-01 00:00:00.000000' AND at < TIMESTAMP '2027-01-01 00:00:00.000000'
            GROUP BY {column} ORDER BY "count" DESC LIMIT 1000"""
        assert [row[1:] for row in _rows(sa.text(chart))] == [(1, Decimal("1.50"))]
    lab = "-- a note\nSELECT * FROM (SELECT id, name FROM alchemy.sales) AS virtual_table LIMIT 1001"
    assert len(_rows(sa.text(lab))) == 3
    preview = 'SELECT "id" AS "id", "alchemy"."sales"."name" FROM "alchemy"."sales" LIMIT 100'
    assert len(_rows(sa.text(preview))) == 3


def drop() -> None:
    _METADATA.drop_all(_ENGINE)
    assert not sa.inspect(_ENGINE).has_table("stock")
