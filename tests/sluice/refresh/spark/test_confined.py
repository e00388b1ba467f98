"""Spark runs of a declared query nothing but a SELECT of the tables that are lent to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from sluice.compiled import CompiledCheck
from sluice.confined import connect
from sluice.contracts import Column, DerivedContract, Rules, parse_type
from sluice.refresh.failures import AuditTarget
from sluice.refresh.spark.audit import audit
from sluice.refresh.spark.confined import declared
from sluice.transforms.checks import compile_checks
from sluice.transforms.queries import ALLOWED_FUNCTIONS, declared_query
from tests.sluice.hostile import HOSTILE, SECRET, SUBSTITUTED, filled

pytestmark = [pytest.mark.spark, pytest.mark.slow]

#: A call of each function that a check may use.
CALLS = {
    "abs": "max(abs(n))", "approx_distinct": "approx_distinct(n)", "avg": "avg(n)", "bool_and": "bool_and(b)",
    "bool_or": "bool_or(b)", "case": "max(CASE WHEN b THEN 1 ELSE 2 END)", "cast": "max(CAST(n AS varchar))",
    "ceil": "max(ceil(x))", "coalesce": "coalesce(max(n), 1)", "concat": "max(concat(s, 'a'))",
    "concat_ws": "max(concat_ws('-', s, 'a'))", "count": "count(*)", "count_if": "count_if(b)",
    "current_date": "max(current_date)", "current_timestamp": "max(current_timestamp)", "date": "max(date(ts))",
    "date_add": "max(date_add('day', 1, d))", "date_diff": "max(date_diff('hour', ts, ts))",
    "date_trunc": "max(date_trunc('month', d))", "day": "max(day(d))",
    "extract": "max(extract(year FROM d))", "floor": "max(floor(x))", "greatest": "max(greatest(n, 1))",
    "hour": "max(hour(ts))", "if": "max(if(b, 1, 2))", "least": "max(least(n, 1))", "length": "max(length(s))",
    "lower": "max(lower(s))", "max": "max(n)", "min": "min(n)",
    "minute": "max(minute(ts))", "month": "max(month(d))", "nullif": "max(nullif(n, 1))",
    "quarter": "max(quarter(d))", "regexp_like": "count_if(regexp_like(s, 'a'))",
    "replace": "max(replace(s, 'a', 'b'))", "reverse": "max(reverse(s))", "round": "max(round(x, 1))",
    "second": "max(second(ts))", "sign": "max(sign(n))", "split_part": "max(split_part(s, '-', 1))",
    "sqrt": "max(sqrt(x))", "starts_with": "bool_or(starts_with(s, 'a'))",
    "strpos": "max(strpos(s, 'a'))",
    "substr": "max(substr(s, 1, 2))", "sum": "sum(n)", "trim": "max(trim(s))",
    "try_cast": "max(try_cast(s AS integer))", "upper": "max(upper(s))",
    "year": "max(year(d))",
}  # fmt: skip
WINDOWS = ("row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value")


@pytest.fixture(scope="module")
def things(spark: SparkSession) -> str:
    rows = spark.range(3).selectExpr(
        "id AS n", "CAST(id AS string) AS s", "CAST(id + 1 AS double) AS x", "DATE '2026-01-31' AS d",
        "TIMESTAMP_NTZ '2026-01-31 10:00:00' AS ts", "id > 1 AS b",
    )  # fmt: skip
    rows.createOrReplaceTempView("sluice_things")
    return "sluice_things"


@pytest.mark.parametrize("text", [*HOSTILE, *SUBSTITUTED])
def test_it_is_refused_where_it_gets_past_the_check(
    text: str, tmp_path: Path, spark: SparkSession, things: str
) -> None:
    spelled = filled(text, tmp_path).replace("{table}", things)
    with pytest.raises((PermissionError, PySparkException, Py4JJavaError)) as caught:
        declared(spark, spelled, [things])
    assert SECRET not in str(caught.value)


def spelled_for_spark(text: str) -> str:
    types = {"n": "bigint", "s": "string", "x": "double", "d": "date", "ts": "timestamp_ntz", "b": "boolean"}
    return declared_query(text, ()).spelled({"table": types, "previous": types}).spark


def test_every_function_that_a_check_may_use_runs_on_spark(spark: SparkSession, things: str) -> None:
    assert {*CALLS, *WINDOWS} == set(ALLOWED_FUNCTIONS)
    for call in CALLS.values():
        spelled = spelled_for_spark(f"SELECT {call} FROM {{table}}").replace("{table}", things)
        assert len(declared(spark, spelled, [things]).collect()) == 1, call
    for name in WINDOWS:
        arguments = "" if name in ("row_number", "rank", "dense_rank") else "n"
        inner = f"SELECT {name}({arguments}) OVER (ORDER BY n) AS w FROM {{table}}"
        spelled = spelled_for_spark(f"SELECT max(w) FROM ({inner}) q").replace("{table}", things)
        assert len(declared(spark, spelled, [things]).collect()) == 1, name


def test_a_name_in_sql_is_no_file(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('{"a": 1}')
    with pytest.raises(PySparkException, match="TABLE_OR_VIEW_NOT_FOUND"):
        spark.sql(f"SELECT * FROM json.`{tmp_path}/rows.json`").collect()


VARIABLES = (
    "${env:SLUICE_CANARY}",
    "${system:user.home}",
    "${spark.app.id}",
    "${spark:spark.app.id}",
    "${sparkconf:spark.app.id}",
)


def _row_rule(column: str, sql: str) -> CompiledCheck:
    return CompiledCheck("a rule", "rows", (column,), spark=sql)


@pytest.mark.parametrize("text", SUBSTITUTED)
def test_spark_writes_no_variable_into_a_text_that_gets_past_every_look(
    text: str, spark: SparkSession, things: str
) -> None:
    """The session itself: without any look at the text."""
    try:
        parser = spark._jsparkSession.sessionState().sqlParser()
        read = parser.parsePlan(text.replace("{table}", things)).toString()
        assert "${" in read or "/*" in text, read
    except (PySparkException, Py4JJavaError) as error:
        read = str(error)  # no SQL, as it is written
    assert SECRET not in read
    assert str(spark.conf.get("spark.app.id")) not in read


def test_nothing_declared_runs_where_spark_would_write_variables_into_it(spark: SparkSession, things: str) -> None:
    check = _row_rule("s", "s = 'x'")
    spark.conf.set("spark.sql.variable.substitute", "true")
    try:
        with pytest.raises(PermissionError, match=r"spark\.sql\.variable\.substitute"):
            declared(spark, f"SELECT count(*) FROM {things}", [things])
        with pytest.raises(PermissionError, match=r"spark\.sql\.variable\.substitute"):
            audit([check], AuditTarget(spark.table(things), things, things, (), {}))
    finally:
        spark.conf.set("spark.sql.variable.substitute", "false")


def test_an_allowed_value_that_looks_like_a_variable_is_a_value(spark: SparkSession) -> None:
    """On Spark as on DuckDB: the value is held to its own characters, and to none of the process's."""
    rules = Rules(allowed=VARIABLES)
    contract = DerivedContract(
        "things", "silver", (Column("id", parse_type("string"), rules=rules),), file="things.yaml"
    )
    (compiled,) = (check for check in compile_checks(contract) if check.kind == "rows")
    check = _row_rule("id", compiled.spark)
    filled_in = SECRET, str(spark.conf.get("spark.app.id"))
    right = spark.createDataFrame([(value,) for value in VARIABLES], ["id"])
    wrong = spark.createDataFrame([(value,) for value in filled_in], ["id"])
    assert audit([check], AuditTarget(right, "", "", (), {})) == []
    assert [failure.found for failure in audit([check], AuditTarget(wrong, "", "", (), {}))] == ["2 rows"]
    with connect() as connection:
        connection.execute("CREATE TABLE things (id VARCHAR)")
        connection.executemany("INSERT INTO things VALUES (?)", [[value] for value in (*VARIABLES, *filled_in)])
        found = connection.execute(f"SELECT id FROM things WHERE {compiled.duckdb}").fetchall()
    assert {value for (value,) in found} == set(filled_in)
