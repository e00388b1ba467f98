"""Superset without its web pages: what its SQL Lab and its charts ask of Athena, by its own description of it."""

from __future__ import annotations

import os
import secrets
import tempfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

_TEMPORARY = tempfile.TemporaryDirectory(prefix="superset-")  # goes when this Python ends
_HOME = Path(_TEMPORARY.name)
_CONFIG = _HOME / "superset_config.py"
_CONFIG.write_text(
    f"SECRET_KEY = {secrets.token_hex(32)!r}\nSQLALCHEMY_DATABASE_URI = 'sqlite:///{_HOME}/superset.db'\n"
)
os.environ |= {"SUPERSET_HOME": str(_HOME), "SUPERSET_CONFIG_PATH": str(_CONFIG)}

from flask_appbuilder import Model  # noqa: E402  Superset reads its settings as it is imported
from superset.app import create_app  # noqa: E402

_APP = create_app()
_APP.app_context().push()

from superset.connectors.sqla.models import SqlaTable, SqlMetric  # noqa: E402
from superset.db_engine_specs.athena import AthenaEngineSpec  # noqa: E402
from superset.extensions import db  # noqa: E402
from superset.models.core import Database  # noqa: E402
from superset.sql.parse import Table  # noqa: E402

Model.metadata.create_all(db.engine)
_DATABASE = Database(
    database_name="athena",
    sqlalchemy_uri="awsathena+rest://@athena.us-east-1.amazonaws.com:443/charts"
    "?s3_staging_dir=s3%3A%2F%2Fanswers%2Fsuperset%2F&poll_interval=0.05",
)
db.session.add(_DATABASE)
db.session.commit()


def _rows(sql: str) -> list[list[object]]:
    return [list(row) for row in _DATABASE.get_df(sql, schema="charts").itertuples(index=False)]


def connected() -> None:
    assert _DATABASE.db_engine_spec is AthenaEngineSpec
    with _DATABASE.get_sqla_engine() as engine:
        assert AthenaEngineSpec.engine == engine.url.get_backend_name()
        assert engine.connect().execute("SELECT 1").fetchall() == [(1,)]


def sql_lab() -> None:
    _DATABASE.get_df("CREATE DATABASE charts", schema="default")
    _DATABASE.get_df(
        "CREATE TABLE charts.sales WITH (table_type = 'ICEBERG', is_external = false, location = 's3://lake/charts')"
        " AS SELECT CAST(n AS bigint) AS id, CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN 'web' ELSE 'app' END AS channel,"
        " CAST(n AS decimal(10,2)) AS price, date_add('day', n, TIMESTAMP '2024-01-01 10:00:00') AS at,"
        " n % 2 = 0 AS paid FROM UNNEST(sequence(1, 60)) AS t(n)",
        schema="charts",
    )
    frame = _DATABASE.get_df("SELECT id, channel, price, at, paid FROM sales ORDER BY id LIMIT 3", schema="charts")
    assert list(frame.columns) == ["id", "channel", "price", "at", "paid"]
    assert list(frame.iloc[0]) == [1, "web", Decimal("1.00"), datetime(2024, 1, 2, 10), False]
    assert list(frame["channel"]) == ["web", "app", None]
    assert _rows("SELECT 1 AS a; SELECT 2 AS a") == [[2]]


def its_tables_are_found() -> None:
    assert "charts" in _DATABASE.get_all_schema_names(catalog=None, cache=False)
    tables = _DATABASE.get_all_table_names_in_schema(catalog=None, schema="charts", cache=False)
    assert {name for name, _, _ in tables} == {"sales"}
    columns = _DATABASE.get_columns(Table("sales", "charts"))
    assert [(each["column_name"], str(each["type"])) for each in columns] == [
        ("id", "BIGINT"), ("channel", "VARCHAR"), ("price", "DECIMAL(10, 2)"), ("at", "TIMESTAMP"), ("paid", "BOOLEAN"),
    ]  # fmt: skip
    assert _DATABASE.get_indexes(Table("sales", "charts")) == []
    shown = _DATABASE.select_star(Table("sales", "charts"), show_cols=True, latest_partition=True)
    assert len(_rows(shown)) == 60


def _dataset() -> SqlaTable:
    found = db.session.query(SqlaTable).filter_by(table_name="sales").one_or_none()
    if found is None:
        found = SqlaTable(table_name="sales", schema="charts", database=_DATABASE)
        found.metrics = [SqlMetric(metric_name="revenue", expression="sum(price)")]
        db.session.add(found)
        found.fetch_metadata()
        db.session.commit()
    return found


def _chart(**asked: object) -> list[list[object]]:
    told = {
        "granularity": "at", "from_dttm": datetime(2024, 1, 1), "to_dttm": datetime(2024, 4, 1), "is_timeseries": False,
        "filter": [], "metrics": ["revenue"], "groupby": [], "columns": [], "row_limit": 1000, "extras": {},
        "orderby": [], **asked,
    }  # fmt: skip
    result = _dataset().query(told)
    assert result.error_message is None, (result.error_message, result.query)
    return [list(row) for row in result.df.itertuples(index=False)]


def a_dataset_knows_its_columns() -> None:
    assert {each.column_name: bool(each.is_dttm) for each in _dataset().columns} == {
        "id": False, "channel": False, "price": False, "at": True, "paid": False,
    }  # fmt: skip


def a_chart_of_groups() -> None:
    found = _chart(columns=["channel"], groupby=["channel"], orderby=[("revenue", False)])
    assert found == [[None, Decimal("630.00")], ["app", Decimal("610.00")], ["web", Decimal("590.00")]]
    kept = [{"col": "channel", "op": "IN", "val": ["web"]}, {"col": "paid", "op": "==", "val": True}]
    assert _chart(filter=kept) == [[Decimal("310.00")]]
    assert _chart(filter=[{"col": "channel", "op": "IS NULL"}]) == [[Decimal("630.00")]]
    assert _chart(filter=[{"col": "channel", "op": "LIKE", "val": "a%"}]) == [[Decimal("610.00")]]


def a_chart_by_time() -> None:
    for grain, count in (("P1D", 60), ("P1W", 9), ("P1M", 3), ("P3M", 1), ("P1Y", 1), ("PT1H", 60),
                         ("1969-12-28T00:00:00Z/P1W", 9), ("P1W/1970-01-03T00:00:00Z", 9)):  # fmt: skip
        found = _chart(is_timeseries=True, extras={"time_grain_sqla": grain})
        assert len(found) == count, (grain, found)
    month = _chart(is_timeseries=True, extras={"time_grain_sqla": "P1M"}, orderby=[("revenue", True)])
    assert [row[0] for row in month] == [datetime(2024, 3, 1), datetime(2024, 1, 1), datetime(2024, 2, 1)]
    cut = _chart(from_dttm=datetime(2024, 2, 1, 10), to_dttm=datetime(2024, 2, 3))
    assert cut == [[Decimal("63.00")]]


def an_error_is_told_as_superset_tells_it() -> None:
    try:
        _rows("SELECT nope FROM sales")
    except Exception as error:  # noqa: BLE001  whichever its driver raises
        (found,) = AthenaEngineSpec.extract_errors(error)
    assert found.message.startswith("COLUMN_NOT_FOUND: line 2:3: Column 'nope' cannot be resolved"), found.message
