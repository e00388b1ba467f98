"""A transform's SQL is the same whether copies of its tree share what earlier steps made, or not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sluice.decoding import json_decoder
from tests.sluice.transforms.shapes import SHAPES
from tests.sluice.transforms.test_ambiguous import PLAIN

ROOT = Path(__file__).resolve().parents[3]
#: One of how many shapes is asked: all take minutes. Another share at each change of their list.
_SHARE = 7
_ASK = """
import json, sys, uuid
from sqlframe import activate
activate("duckdb")
from sluice.transforms.functions.copies import sharing
from sluice.transforms.functions.recorded import recorded_session
from sqlglot import exp
kinds = {"row": "int", "g": "int", "id": "string", "x": "int", "y": "int", "day": "date", "k": "string", "q": "int"}
kinds |= {f"{kind}_{side}": kind for kind in ("string", "int", "bigint", "double", "boolean", "date") for side in "ab"}
kinds |= {f"decimal_{side}": "decimal(12,2)" for side in "ab"}
kinds |= {f"decimal_18_6_{side}": "decimal(18,6)" for side in "ab"}
kinds |= {f"timestamp_ntz_{side}": "timestamp_ntz" for side in "ab"}
kinds |= {f"array_{kind}_{side}": f"array<{kind}>" for kind in ("int", "bigint") for side in "ab"}
own = {"orders": ["id", "x", "day"], "lines": ["id", "x", "y"], "more": ["k", "q"]}
tables = {"t.given": kinds, **{f"t.{name}": {each: kinds[each] for each in names} for name, names in own.items()}}
session, _ = recorded_session(tables)
from pyspark.sql import Window
from pyspark.sql import functions as F
made = {"nodes": 0}
begin = exp.Expr.__init__
def counted(node, **arguments):
    made["nodes"] += 1
    begin(node, **arguments)
exp.Expr.__init__ = counted
def asked(text):
    numbers = iter(range(1_000_000))
    uuid.uuid4 = lambda: uuid.UUID(int=next(numbers))
    names = {"F": F, "Window": Window, **{name: session.table(f"t.{name}") for name in own}}
    names |= {"a": session.table("t.given"), "b": session.table("t.given")}
    names["both"] = names["orders"].join(names["lines"], names["orders"].id == names["lines"].id)
    made["nodes"] = 0
    rows = eval(text, names)
    nodes = made["nodes"]
    return rows, nodes
answers = []
for text in json.load(sys.stdin):
    told = []
    for shared in (True, False):
        try:
            with sharing(shared):
                rows, nodes = asked(text)
            told.append((rows._get_expressions(optimize=False)[0].sql(), nodes))
        except Exception as error:
            told.append((f"{type(error).__name__}: {error}", 0))
    answers.append(told)
json.dump(answers, sys.stdout)
"""


def answers(asked: list[str]) -> list[list[tuple[str, int]]]:
    """Return for each DataFrame its SQL and how many nodes were made for it, with copies that share and without."""
    done = subprocess.run(
        [sys.executable, "-c", _ASK], input=json.dumps(asked), capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json_decoder(list[list[tuple[str, int]]])(done.stdout.encode())


@pytest.mark.slow
def test_sharing_changes_no_query() -> None:
    asked = [*list(SHAPES.values())[::_SHARE], *sorted(PLAIN)]
    others = [
        (text, shared, whole)
        for text, ((shared, _), (whole, _)) in zip(asked, answers(asked), strict=True)
        if shared != whole
    ]
    assert others == []


def test_each_step_costs_as_much_as_the_one_before() -> None:
    def steps(count: int) -> str:
        made = (f".where('row > {n}').select('*').withColumn('c{n}', F.col('g') + {n})" for n in range(count))
        return f"a{''.join(made)}.select('g')"

    ((few, _), (many, _)) = answers([steps(10), steps(20)])
    assert many[1] < 3 * few[1]
