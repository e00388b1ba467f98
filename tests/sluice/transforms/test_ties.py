"""Which orders of windows and limits are found to leave ties."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sluice.decoding import json_decoder

ROOT = Path(__file__).resolve().parents[3]
#: Two tables: of ``t.days`` no two rows have the same id; ``t.log`` has no key.
_ASK = """
import json, sys
from sqlframe import activate
activate("duckdb")
from sluice.transforms.functions.recorded import recorded_session
from sluice.transforms.functions.lowered import lowered
from sluice.transforms.ties import ties
days = {"id": "string", "day": "date", "n": "int", "m": "int"}
tables = {"t.days": days, "t.log": {"k": "string", "v": "int", "w": "int"}}
tables["t.big"] = {"b": "bigint", "d": "double", "n": "int", "s": "string"}
session, schema = recorded_session(tables)
from pyspark.sql import Window
from pyspark.sql import functions as F
answers = []
for text in json.load(sys.stdin):
    made = eval(text, {"F": F, "Window": Window, "days": session.table("t.days"), "log": session.table("t.log"), "big": session.table("t.big")})
    (tree,) = made._get_expressions(optimize=False)
    types = lowered(tree, schema).types
    answers.append([tie.why for tie in ties(tree, schema, {"t.days": [("id",)], "t.big": [("b",)]}, types)])
json.dump(answers, sys.stdout)
"""


def _numbered(by: str, order: str) -> str:
    return f"F.row_number().over(Window.partitionBy('{by}').orderBy('{order}')).alias('r')"


_BY_DAY = "days.groupBy('day').agg(F.sum('n').alias('n'), F.sum('m').alias('m'))"
_FIRST = "log.withColumn('r', F.row_number().over(Window.partitionBy('k').orderBy('v', 'w'))).where(F.col('r') == 1)"
TOTAL = {
    "by the key": f"days.select('m', {_numbered('n', 'id')})",
    "by everything that is read": f"log.select('w', {_numbered('v', 'w')})",
    "by everything that is read in the end": f"log.withColumn('r', {_numbered('v', 'w')}).select('v', 'w', 'r')",
    "by what is grouped by": f"{_BY_DAY}.select('n', 'm', F.lag('n').over(Window.orderBy('day')).alias('r'))",
    "by the key of a joined table as well": "days.join(log.groupBy('k').agg(F.max('v').alias('v')), F.col('id') == F.col('k')).select('m', 'v', F.lag('n').over(Window.orderBy('id')).alias('r'))",
    "by the key beside what only one row of another table fits": "days.join(log.groupBy('k').agg(F.max('v').alias('v')), F.col('id') == F.col('k'), 'left').select('v', F.lag('n').over(Window.orderBy('id')).alias('r'))",
    "by the keys of both sides": "days.crossJoin(log.groupBy('k').agg(F.max('v').alias('v'))).select('m', F.lag('n').over(Window.orderBy('id', 'k')).alias('r'))",
    "by the key, where another table only filters": "days.join(log, F.col('id') == F.col('k'), 'left_semi').select('m', F.lag('n').over(Window.orderBy('id')).alias('r'))",
    "by the key of the first row of each": f"{_FIRST}.select('v', F.lag('w').over(Window.orderBy('k')).alias('x'))",
    "by the key after a filter and new names": "days.where('n > 1').select(F.col('id').alias('i'), 'n', 'm').select('m', F.lag('n').over(Window.orderBy('i')).alias('r'))",
    "by all distinct columns": "log.select('k', 'v').distinct().select(F.col('v') + 1, F.lag('v').over(Window.partitionBy('v').orderBy('k')).alias('r'))",
    "a rank, which rows that tie share": "log.select('w', F.rank().over(Window.orderBy('v')).alias('r'))",
    "a sum up to all rows that tie": "log.select('w', F.sum('v').over(Window.orderBy('v')).alias('r'))",
    "beside an aggregate of the whole partition": f"log.select('v', {_numbered('k', 'v')}, F.max('w').over(Window.partitionBy('k')).alias('x'))",
    "by what an inner join holds equal to the key": "days.join(log.groupBy('k').agg(F.max('v').alias('v')), F.col('id') == F.col('k')).select('m', F.lag('n').over(Window.orderBy('k')).alias('r'))",
    "by the keys of many rows of one": "log.groupBy('k', 'v').agg(F.max('w').alias('w')).join(days, F.col('id') == F.col('k')).select('w', 'n', F.lag('w').over(Window.partitionBy('id').orderBy('v')).alias('r'))",
    "beside a function of elements": "log.select(F.transform(F.array('v'), lambda x: x + 1).alias('a'), F.row_number().over(Window.orderBy('v')).alias('r'))",
    "a limit of groups by their key": f"{_BY_DAY}.orderBy('n', 'day').limit(3)",
    "by the key beside what is joined by an expression": "log.join(days, F.lower('k') == F.col('id')).join(days.select(F.col('id').alias('j'), F.col('m').alias('o')), F.lower('k') == F.col('j')).groupBy('id').agg(F.max('o').alias('o')).select('o', F.lag('o').over(Window.orderBy('id')).alias('r'))",
    "a limit by all that comes out": "log.select((F.col('v') * 2).alias('d')).orderBy('d').limit(3)",
    "a limit by the key": "days.orderBy('id').limit(3).select('m')",
    "by a double beside the key": "big.select('d', F.row_number().over(Window.orderBy('d', 'b')).alias('r'))",
    "by an int that the key is equal to": "big.select('b').join(log.select('v', 'w'), F.col('b') == F.col('v')).select(F.lag('b').over(Window.orderBy('v', 'w')).alias('r'))",
    "a limit of rows that are alike": "log.select('v').orderBy('v').limit(3)",
}
TIED = {
    "by what an expression is equal to": "log.join(days, F.lower('k') == F.col('id')).select('id', F.row_number().over(Window.orderBy('v')).alias('r'))",
    "by a part of what an expression is equal to": "log.join(days, F.col('v') + F.col('w') == F.col('m')).select('m', F.lag('m').over(Window.orderBy('v')).alias('r'))",
    "by a double that the key is equal to": "big.select('b').join(log.select(F.col('v').cast('double').alias('e'), 'w'), F.col('b') == F.col('e')).select('w', F.lag('b').over(Window.orderBy('e')).alias('r'))",
    "by the key of what a double finds": "log.select(F.col('v').cast('double').alias('e'), 'k').groupBy('k').agg(F.max('e').alias('e')).join(big.select('b', 's'), F.col('e') == F.col('b'), 'left').select('s', F.lag('e').over(Window.orderBy('k')).alias('r'))",
    "by a number that the key's text is": "days.join(log.groupBy('v').agg(F.max('w').alias('w')), F.col('id') == F.col('v')).select('m', F.lag('n').over(Window.orderBy('v')).alias('r'))",
    "the first of many": f"log.select('w', {_numbered('k', 'v')})",
    "the first of many, of which another is read later": f"log.withColumn('r', {_numbered('k', 'v')}).where('r = 1').select('k', 'w')",
    "by a part of the key's rows": f"days.select('id', {_numbered('n', 'day')})",
    "a join that repeats rows": "days.join(log, F.col('id') == F.col('k')).select('v', F.lag('n').over(Window.orderBy('id')).alias('r'))",
    "a union that repeats rows": "days.unionByName(days).select('m', F.lag('n').over(Window.orderBy('id')).alias('r'))",
    "exploded": "days.select('id', 'n', F.explode(F.sequence(F.lit(1), F.col('m'))).alias('e')).select('e', F.lag('n').over(Window.orderBy('id')).alias('r'))",
    "a running sum over single rows": "log.select('w', F.sum('w').over(Window.orderBy('v').rowsBetween(Window.unboundedPreceding, 0)).alias('r'))",
    "the second row of each": f"{_FIRST.replace('== 1', '< 3')}.select('v', F.lag('w').over(Window.orderBy('k')).alias('x'))",
    "an expression of the key": "days.select('m', F.lag('n').over(Window.orderBy(F.substring('id', 1, 2))).alias('r'))",
    "a limit of groups by what is counted": f"{_BY_DAY}.orderBy('n').limit(3).select('day')",
    "the first of a partition by an expression": "log.withColumn('r', F.row_number().over(Window.partitionBy('k', F.col('v') % 2).orderBy('v', 'w'))).where('r = 1').select('v', F.lag('w').over(Window.orderBy('k')).alias('x'))",
    "a text's first value": "log.select('w', F.expr('first_value(w) over (partition by k order by v)').alias('r'))",
    "two windows of rows that are alike": "log.select('v', F.row_number().over(Window.partitionBy('v').orderBy('v')).alias('r'), F.row_number().over(Window.orderBy(F.desc('v'))).alias('s'))",
    "a full join of two groupings": "log.groupBy('k').agg(F.max('v').alias('v')).join(log.groupBy(F.col('w').cast('string').alias('k2')).agg(F.max('v').alias('v2')), F.col('k') == F.col('k2'), 'full').select('v', 'v2', F.lag('v').over(Window.orderBy('k', 'k2')).alias('r'))",
    "exploded, then the first of each": "log.withColumn('r', F.row_number().over(Window.partitionBy('k').orderBy('v', 'w'))).select('k', 'r', F.explode(F.array('v', 'w')).alias('e')).where('r = 1').select('e', F.lag('e').over(Window.orderBy('k')).alias('x'))",
    "a limit of what is exploded": "days.select('id', F.explode(F.array('n', 'm')).alias('e')).orderBy('id').limit(3)",
    "the key of a table that is joined without it": "days.join(log.groupBy('k').agg(F.max('v').alias('p')), days.id == days.id).select('p', 'm', F.lag('n').over(Window.orderBy('id')).alias('r'))",
    "a limit beside a window": "days.select('n', F.row_number().over(Window.orderBy('id')).alias('r')).orderBy('n').limit(3)",
    "beside an aggregate of a partition by an expression": "log.select('k', F.max('w').over(Window.partitionBy(F.col('v') % 2)).alias('x'), F.row_number().over(Window.orderBy('k')).alias('r'))",
    "a limit of arrays by what they were made of": "log.select(F.explode(F.array('v', 'w')).alias('e')).orderBy('v', 'w').limit(1)",
    "a limit by a column beside an output of its name": "log.select(F.col('v').alias('k')).orderBy(log.k).limit(3)",
    "a column with a sign of parameters": "log.select('k', F.col('w').alias('w#')).select('k', 'w#', F.row_number().over(Window.orderBy('k')).alias('r'))",
    "a limit": "days.orderBy('n').limit(3).select('id')",
    "the key of a full join's one side": "days.join(log.groupBy('k').agg(F.max('v').alias('v')), F.col('id') == F.col('k'), 'full').select('v', F.lag('n').over(Window.orderBy('id')).alias('r'))",
    "what a cube groups by": "days.cube('day').agg(F.sum('n').alias('n')).select('n', F.lag('n').over(Window.orderBy('day')).alias('r'))",
}


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    import json

    asked = [*TOTAL.values(), *TIED.values()]
    done = subprocess.run(
        [sys.executable, "-c", _ASK], input=json.dumps(asked), capture_output=True, text=True, check=True, cwd=ROOT
    )
    answers = json_decoder(list[list[str]])(done.stdout.encode())
    return dict(zip([*TOTAL, *TIED], answers, strict=True))


@pytest.mark.parametrize("name", TOTAL)
def test_an_order_without_ties_is_taken(found: dict[str, list[str]], name: str) -> None:
    assert found[name] == []


@pytest.mark.parametrize("name", TIED)
def test_an_order_that_leaves_ties_is_found(found: dict[str, list[str]], name: str) -> None:
    assert any("its order leaves ties" in why for why in found[name])
