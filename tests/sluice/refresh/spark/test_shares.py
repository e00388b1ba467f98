"""The share of rows with nulls and duplicates is the same decimal on Spark as on DuckDB."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pyspark.sql import SparkSession

from sluice.confined import connect
from sluice.contracts import Check, Column, DerivedContract, parse_type
from sluice.refresh.duckdb.audit import audit as on_duckdb
from sluice.refresh.failures import AuditTarget
from sluice.refresh.spark.audit import audit as on_spark
from sluice.transforms.checks import compile_checks
from tests.laws import some

pytestmark = [pytest.mark.spark, pytest.mark.slow]

X = Column("x", parse_type("int"))
#: Values of x, None for a null.
TABLES: list[list[int | None]] = [
    [],
    [None],
    [1],
    [1, 1],
    [1, 2, None],
    [None, None, 1, 1, 2, 3, 4],
    [*range(332), None],
]


@pytest.mark.parametrize("metric", some(["nullValues", "duplicateValues"], 2))
def test_a_share_is_the_same_decimal_on_both_engines(metric: str, spark: SparkSession) -> None:
    check = Check("it", metric, ("mustBeLessThan", 5.5), ("x",), unit="percent")
    (made,) = compile_checks(DerivedContract("things", "silver", (X,), checks=(check,)))
    for values in TABLES:
        rows = spark.createDataFrame([(value,) for value in values], "x int").coalesce(1)
        rows.createOrReplaceTempView("shares")
        (by_spark,) = spark.sql(made.spark.replace("{table}", "shares")).collect()
        failed = on_spark([made], AuditTarget(rows, "shares", "shares", (), {}))
        with connect() as connection:
            connection.execute("CREATE TABLE shares (x INTEGER)")
            connection.executemany("INSERT INTO shares VALUES (?)", [[None], *([value] for value in values)])
            connection.execute("DELETE FROM shares WHERE rowid = 0")
            by_duckdb = connection.execute(made.duckdb.replace("{table}", "shares")).fetchone()
            also = on_duckdb(connection, [made], AuditTarget("shares", "shares", "shares", (), {}))
        assert by_duckdb is not None
        assert isinstance(by_duckdb[0], Decimal)
        assert isinstance(by_spark[0], Decimal)
        assert by_spark[0] == by_duckdb[0], values
        assert [each.found for each in failed] == [each.found for each in also]
        assert bool(failed) == (by_spark[0] >= Decimal("5.5"))
