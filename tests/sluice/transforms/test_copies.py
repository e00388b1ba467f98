"""A transform's SQL is what SQLFrame makes of it, whether copies of its tree share what earlier steps made, or not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sluice.confined import connect
from sluice.decoding import json_decoder
from tests.sluice.transforms.shapes import SHAPES
from tests.sluice.transforms.test_ambiguous import PLAIN

ROOT = Path(__file__).resolve().parents[3]
#: One of how many shapes is asked: all take minutes. Another share at each change of their list.
_SHARE = 7
#: Where SQLFrame renames a CTE of one side, since the other has one of its name; each frame is read again after that.
CLASHING = {
    "lines.join(again, 'id').select('id', lines.x)",
    "orders.join(lines, 'id').join(again, 'id').select('id')",
    "(lambda p: p.alias('a').join(p, 'id').select('id'))(lines.where('x > 1'))",
    "(lambda p: lines.join(p.alias('a'), 'id').join(p, 'id').select('id'))(lines.where('x > 1'))",
    "(lambda p, q: p.alias('a').join(q, F.col('a.id') == q.id).select(q.x))"
    "(lines.where('x > 1'), again.where('x > 1'))",
    "lines.join(again, 'id', 'left_anti').select('id')",
    "(lambda p, q: p.union(q).union(p).join(q, 'id').select('id'))(lines.alias('o'), again.alias('l'))",
    "(lambda p, q: p.intersect(q).join(p, 'id').select('id').crossJoin(q.select('y')))"
    "(lines.where('x > 1'), again.where('x > 1'))",
    "(lambda p, q: p.join(q, F.col('o.id') == F.col('l.id')).select('o.id').union(q.select('id')).union(p.select('id'))"
    ")"
    "(lines.alias('o'), lines.alias('l'))",
    "(lambda p, q: p.join(q, F.col('o.id') == F.col('l.id')).select('o.id').union(q.select('id')).union(p.select('id'))"
    ")"
    "(lines.where('x > 1').alias('o'), lines.where('x > 1').alias('l'))",
}
_ASK = """
import json, sys, uuid
from sqlframe import activate
activate("duckdb")
from sluice.transforms.functions import recorded
from sluice.transforms.functions.copies import sharing
if sys.argv[1] == "plain":
    recorded.copy_less = lambda: None
from sqlglot import exp
kinds = {"row": "int", "g": "int", "id": "string", "x": "int", "y": "int", "day": "date", "k": "string", "q": "int"}
kinds |= {f"{kind}_{side}": kind for kind in ("string", "int", "bigint", "double", "boolean", "date") for side in "ab"}
kinds |= {f"decimal_{side}": "decimal(12,2)" for side in "ab"}
kinds |= {f"decimal_18_6_{side}": "decimal(18,6)" for side in "ab"}
kinds |= {f"timestamp_ntz_{side}": "timestamp_ntz" for side in "ab"}
kinds |= {f"array_{kind}_{side}": f"array<{kind}>" for kind in ("int", "bigint") for side in "ab"}
own = {"orders": ["id", "x", "day"], "lines": ["id", "x", "y"], "more": ["k", "q"]}
tables = {"t.given": kinds, **{f"t.{name}": {each: kinds[each] for each in names} for name, names in own.items()}}
made = {"nodes": 0}
begin = exp.Expr.__init__
def counted(node, **arguments):
    made["nodes"] += 1
    begin(node, **arguments)
exp.Expr.__init__ = counted
from sqlglot.generator import Generator
write = Generator.sql
def written(*arguments, **named):
    made["nodes"] += 1
    return write(*arguments, **named)
Generator.sql = written
numbers = iter(range(1, 1 << 62))
uuid.uuid4 = lambda: uuid.UUID(int=next(numbers))
answers = []
session, _ = recorded.recorded_session(tables)
from pyspark.sql import Window
from pyspark.sql import functions as F
for text in json.load(sys.stdin):
    try:
        with sharing():
            names = {"F": F, "Window": Window, **{name: session.table(f"t.{name}") for name in own}}
            names |= {"a": session.table("t.given"), "b": session.table("t.given"), "again": session.table("t.lines")}
            names["both"] = names["orders"].join(names["lines"], names["orders"].id == names["lines"].id)
            made["nodes"] = 0
            rows = eval(text, names)
            nodes = made["nodes"]
        answers.append((rows._get_expressions(optimize=False)[0].sql(dialect="duckdb"), nodes))
    except Exception as error:
        answers.append((f"{type(error).__name__}: {error}", 0))
json.dump(answers, sys.stdout)
"""


def answers(asked: list[str], copies: str) -> list[tuple[str, int]]:
    """Return each DataFrame's SQL, and how many nodes were made or written; ``copies`` are ``shared`` or ``plain``."""
    done = subprocess.run(
        [sys.executable, "-c", _ASK, copies],
        input=json.dumps(asked), capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return json_decoder(list[tuple[str, int]])(done.stdout.encode())


def _others(asked: list[str]) -> list[tuple[str, str, str]]:
    """Return the queries whose SQL is another with shared copies; three in four at least are none that is refused."""
    both = zip(asked, answers(asked, "shared"), answers(asked, "plain"), strict=True)
    found = [(text, shared, plain) for text, (shared, _), (plain, _) in both]
    assert sum(plain.startswith(("SELECT", "WITH")) for _, _, plain in found) > 0.75 * len(asked)
    return [each for each in found if each[1] != each[2]]


@pytest.mark.slow
def test_sharing_changes_no_query() -> None:
    assert _others([*list(SHAPES.values())[::_SHARE], *sorted(PLAIN)]) == []


@pytest.mark.slow
def test_a_side_whose_names_clash_is_read_by_its_new_ones() -> None:
    assert _others(sorted(CLASHING)) == []


#: Joins of one table with itself, as two inputs, whose earlier CTEs clash first; and how many rows they have.
JOINED = {
    "orders.join(lines.select('*'), 'id').join(again.select('*'), 'id').select('id')": 4,
    "orders.join(lines.where('x > 0'), 'id').join(again.where('x > 0'), 'id').select('id')": 4,
    "orders.join(lines.distinct(), 'id').join(again.distinct(), 'id').select('id')": 4,
    "lines.where('x > 0').distinct().join(again.where('x > 0').distinct(), 'id').select('id')": 4,
    "orders.join(lines.select('*'), 'id').join(again.select('*'), 'id', 'left_anti').select('id')": 0,
}  # fmt: skip


@pytest.mark.slow
def test_two_inputs_of_one_table_are_joined_by_what_is_asked() -> None:
    engine = connect()
    engine.execute("CREATE SCHEMA t")
    engine.execute(
        "CREATE TABLE t.orders AS SELECT n::VARCHAR AS id, 1 AS x, DATE '2026-01-01' AS day FROM range(1, 5) s(n)"
    )
    engine.execute("CREATE TABLE t.lines AS SELECT n::VARCHAR AS id, 1 AS x, 2 AS y FROM range(1, 5) s(n)")
    asked = sorted(JOINED)
    sql = dict(zip(asked, answers(asked, "shared"), strict=True))
    assert {text: len(engine.execute(query).fetchall()) for text, (query, _) in sql.items()} == JOINED


@pytest.mark.slow
def test_each_step_costs_as_much_as_the_one_before() -> None:
    def steps(count: int) -> str:
        made = (f".where('row > {n}').select('*').withColumn('c{n}', F.col('g') + {n})" for n in range(count))
        return f"a{''.join(made)}.select('g')"

    (_, few), (_, many) = answers([steps(10), steps(20)], "shared")
    assert many < 3 * few
