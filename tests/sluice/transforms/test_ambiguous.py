"""Which names of a DataFrame's columns are refused, since they say no single one.

That Spark refuses the same ones, and that what is taken has the same rows on both engines, is tried by the whole
queries of ``tests/sluice/transforms/shapes.py``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sluice.decoding import json_decoder

ROOT = Path(__file__).resolve().parents[3]
_ASK = """
import json, sys
from sqlframe import activate
activate("duckdb")
from sluice.transforms.functions.recorded import recorded_session
tables = {"t.orders": {"id": "string", "x": "int", "day": "date"}, "t.lines": {"id": "string", "x": "int", "y": "int"}}
tables["t.more"] = {"k": "string", "q": "int"}
session, _ = recorded_session(tables)
from pyspark.sql import Window
from pyspark.sql import functions as F
answers = []
for text in json.load(sys.stdin):
    orders, lines = session.table("t.orders"), session.table("t.lines")
    names = {"F": F, "Window": Window, "orders": orders, "lines": lines, "more": session.table("t.more")}
    names["both"] = orders.join(lines, orders.id == lines.id)
    try:
        eval(text, names).sql()
        answers.append("")
    except Exception as error:
        answers.append(f"{type(error).__name__}: {error}")
json.dump(answers, sys.stdout)
"""
AMBIGUOUS = {
    "both.select('id')",
    "both.select(F.col('id'))",
    "both.select('y', F.upper('id'))",
    "both.select(['y', 'id'])",
    "both.selectExpr('x + y as z')",
    "both.select('*').select('id')",
    "both.select('ID')",
    "both.select(both.id)",
    "both.select(both['id'])",
    "both.where('x > 1').select('y')",
    "both.where(lines.y > 1).where(F.col('x') > 1).select('y')",
    "both.withColumn('z', F.col('x') + 1).select('z')",
    "both.withColumn('x', F.lit(1)).select('y')",
    "both.withColumnRenamed('x', 'z').select('z')",
    "both.withColumnsRenamed({'x': 'z'}).select('z')",
    "both.groupBy('id').agg(F.max('y').alias('m'))",
    "both.groupBy('y').agg(F.max('x').alias('m'))",
    "both.orderBy('x').select('y')",
    "both.dropDuplicates(['id']).select('y')",
    "both.select(F.sum('y').over(Window.partitionBy('id')).alias('z'))",
    "both.join(lines.select(F.col('y').alias('k')), F.col('x') == F.col('k')).select('k')",
    "orders.join(lines, F.col('id') == lines.y).select('y')",
    "orders.join(lines, 'id').select('x')",
    "lines.join(lines.where('y > 1'), 'id').select(lines.x)",
    "lines.join(lines.select('id', 'y'), F.col('x') == F.col('y')).select('x')",
    "orders.alias('a').join(lines.alias('b'), 'id').drop('day').groupBy('id').agg(F.sum('b.x').alias('s'))",
    "orders.alias('a').join(lines.alias('b'), 'id').orderBy('y').select('b.x')",
    "orders.alias('a').join(lines.alias('b'), 'id').distinct().select('b.x')",
    "orders.alias('a').join(lines.alias('b'), 'id').select('a.x', 'b.x').select('b.x')",
    "orders.alias('a').join(lines.alias('b'), 'id').select('id', 'a.x', 'b.x').where('b.x > 5')",
    "both.alias('j').select('j.id')",
    "both.orderBy(orders.id, 'y').select(lines.x)",
    "both.join(lines.where('y > 150'), lines.y == lines.where('y > 150').y).select(F.lit(1).alias('n'))",
    "(lambda p: both.join(p, lines.y == p.y).select(F.lit(1).alias('n')))(lines.where('y > 150'))",
    "(lambda p: both.join(p, lines.y < p.y).select(F.lit(1).alias('n')))(lines.where('y > 150'))",
    "(lambda p: lines.join(orders, lines.id == orders.id).join(p, orders.day == p.day, 'left_anti').select(lines.y))(orders.where('x > 1'))",
    "(lambda g, h: orders.join(g, orders.id == g.id).join(h, orders.id == h.id).select('s', 'w'))(lines.groupBy('id').agg(F.max('x').alias('s')), lines.groupBy('id').agg(F.max('y').alias('w')))",
    "(lambda p: orders.join(p, orders.id == p.id).where(orders.x == p.x).select('day'))(orders.where('x > 1').select('id', 'x'))",
    "both.drop(F.col('x')).select('y')",
}
PLAIN = {
    "both.withColumn('z', F.lit(1)).select('z', 'y')",
    "both.withColumn('z', orders.x + lines.x).select('z', 'y')",
    "both.withColumns({'z': orders.x + lines.x, 'w': lines.y}).select('z', 'w')",
    "orders.join(lines, 'id').withColumn('z', F.lit(1)).select('id', 'y', 'z')",
    "orders.alias('a').join(lines.alias('b'), 'id').withColumn('z', F.col('a.x') + F.col('b.x')).select('id', 'z')",
    "both.crossJoin(lines.select(F.col('y').alias('q'))).select(orders.day, 'q')",
    "lines.join(more.alias('a'), lines.id == F.col('a.k')).join(more.alias('b'), lines.id == F.col('b.k')).select(lines.id, F.col('a.q').alias('p'), F.col('b.q').alias('r'))",
    "(lambda g, h: orders.join(g, 'id').join(h, 'id').select('id', 's', 'w'))(lines.groupBy('id').agg(F.max('x').alias('s')), lines.groupBy('id').agg(F.max('y').alias('w')))",
    "(lambda p: orders.join(p, orders.id.eqNullSafe(p.id)).select('day'))(orders.where('x > 1').select('id'))",
    "orders.join(lines, 'id', None).select('id', 'y')",
    "both.select(orders.id, lines.x)",
    "both.select(lines.id.alias('id'), 'y').select('id')",
    "both.drop(lines.id, lines.x).select('id', 'x')",
    "both.drop('id').select('y')",
    "both.groupBy(orders.id).agg(F.max(lines.x).alias('m')).select('id', 'm')",
    "both.where(orders.x > 1).select('y', 'day')",
    "orders.join(lines, 'id').select('id', 'y', orders.x)",
    "orders.join(lines, orders.id == lines.id, 'left_semi').select('id', 'x')",
    "orders.alias('o').join(lines.alias('l'), F.col('o.id') == F.col('l.id')).select('o.id', 'l.x')",
    "orders.alias('o').join(lines.alias('l'), F.col('o.id') == F.col('l.id')).select('o.*').select('id')",
    "lines.alias('o').join(lines.alias('l'), F.col('o.id') == F.col('l.id')).select('o.id', F.col('l.x').alias('k'))",
    "lines.join(lines.select(F.col('id').alias('k')), lines.id == F.col('k')).select('id', 'x')",
    "orders.select('id').join(lines.select(F.col('id').alias('k'), 'x'), F.col('id') == F.col('k')).select('id', 'x')",
}

DROPPED = {"both.drop('lines.x').select('y')", "orders.alias('a').drop('a.x').select('id')"}


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    asked = sorted(AMBIGUOUS | PLAIN | DROPPED)
    done = subprocess.run(
        [sys.executable, "-c", _ASK], input=json.dumps(asked), capture_output=True, text=True, check=True, cwd=ROOT
    )
    return dict(zip(asked, json_decoder(list[str])(done.stdout.encode()), strict=True))


@pytest.mark.parametrize("text", sorted(AMBIGUOUS))
def test_a_name_of_both_sides_is_refused_with_the_way_out(answers: dict[str, str], text: str) -> None:
    assert "is ambiguous, since" in answers[text]


@pytest.mark.parametrize("text", sorted(PLAIN))
def test_a_name_that_says_one_column_is_taken(answers: dict[str, str], text: str) -> None:
    assert answers[text] == ""


@pytest.mark.parametrize("text", sorted(DROPPED))
def test_a_side_in_a_text_is_nothing_that_spark_drops(answers: dict[str, str], text: str) -> None:
    assert "drops nothing on Spark" in answers[text]


@pytest.mark.slow
def test_what_is_taken_gives_the_names_that_spark_gives() -> None:
    text = (
        "print(orders.alias('o').join(lines.alias('l'), F.col('o.id') == F.col('l.id')).select('o.id', 'l.x').columns)"
    )
    ask = _ASK.partition("from pyspark.sql import Window")[0] + (
        "from pyspark.sql import functions as F\n"
        "orders, lines = session.table('t.orders'), session.table('t.lines')\n" + text
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "['id', 'x']"
