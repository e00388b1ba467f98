"""What ``sluice check`` finds in transforms: engines that differ, and answers that another run would not give."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot

from sluice.contracts import Arrival, Column, DerivedContract, LandingContract, parse_type
from sluice.errors import TransformError
from sluice.transforms.compile import compile_project
from sluice.transforms.functions.recorded import SparkCalls
from sluice.transforms.lint import Finding, accepted, lint

SAME = "a lookup that another run answers in the same way"


@pytest.mark.parametrize(
    ("rule", "broken", "sound"),
    [
        ("clock", "current_date", "max(day)"),
        ("clock", "now()", "max(day)"),
        ("chance", "random()", "hash(id)"),
        ("chance", "uuid()", "md5(id)"),
        ("any-of-many", "first(code)", "min(code)"),
        ("any-of-many", "any_value(code)", "max(code)"),
        ("any-of-many", "list(code)", "list(code ORDER BY id)"),
        ("unordered-window", "row_number() OVER (PARTITION BY id)", "row_number() OVER (PARTITION BY id ORDER BY day)"),
        ("unordered-window", "lag(n) OVER ()", "sum(n) OVER (PARTITION BY id)"),
    ],
)  # fmt: skip
def test_each_rule_finds_what_it_says_and_not_its_remedy(rule: str, broken: str, sound: str) -> None:
    assert [finding.rule for finding in found(f"SELECT {broken} AS x FROM bronze.things")] == [rule]
    assert found(f"SELECT {sound} AS x FROM bronze.things") == []


def found(sql: str) -> list[Finding]:
    return lint(sqlglot.parse_one(sql, read="duckdb"))


def test_rows_that_a_limit_leaves_must_be_ordered() -> None:
    unordered = "SELECT id FROM (SELECT id FROM bronze.things LIMIT 3)"
    assert [finding.rule for finding in found(unordered)] == ["unordered-limit"]
    assert found("SELECT id FROM (SELECT id FROM bronze.things ORDER BY id LIMIT 3)") == []


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        ("collect_list(t)", "any-of-many"),
        ("sort_array(collect_list(t))", None),
        ("first(t)", "any-of-many"),
        ("first(t) OVER (ORDER BY id)", None),
        ("row_number() OVER (PARTITION BY id ORDER BY id)", "unordered-window"),
        ("row_number() OVER (PARTITION BY id ORDER BY day)", None),
        ("rand()", "chance"),
        ("current_timestamp()", "clock"),
        ("unix_timestamp(day)", None),
    ],
)
def test_recorded_calls_are_judged_by_their_names(call: str, rule: str | None) -> None:
    tree = sqlglot.parse_one(f"SELECT {call} AS x FROM bronze.things", dialect=SparkCalls())
    assert [finding.rule for finding in lint(tree)] == ([rule] if rule else [])


def test_what_is_accepted_is_named_and_must_be_there() -> None:
    finding = Finding("letter-case", "UPPER(code)", "engines differ", "letter-case")
    assert list(accepted([finding], {})) == ["letter-case: UPPER(code): engines differ"]
    assert list(accepted([finding], {"letter-case": "codes are ASCII"})) == []
    assert list(accepted([], {"regex": SAME})) == ["accept names 'regex', but nothing here is accepted by that name"]
    other = Finding("sum", "SUM(d)", "the last bits", "sum(double)")
    told, named = accepted([other], {"sum": SAME})
    assert told == str(other)
    assert named.endswith("what is found of it is accepted as 'sum(double)' alone")
    assert list(accepted([other], {"sum(double)": SAME})) == []


@pytest.mark.slow
def test_a_finding_names_transform_expression_and_way_out(tmp_path: Path) -> None:
    columns = (Column("code", parse_type("string"), header="code"),)
    contracts = (
        LandingContract("things", "bronze", columns, arrival=Arrival("csv")),
        DerivedContract("things", "silver", (Column("code", parse_type("int")),), file="things.yaml"),
    )
    (tmp_path / "silver").mkdir()
    code = tmp_path / "silver" / "things.py"

    def write(declared: str) -> None:
        code.write_text(
            "from pyspark.sql import functions as F\nfrom sluice.transforms import transform\n"
            f'@transform({declared}things="bronze.things")\n'
            'def things(things):\n    return things.select(F.levenshtein("code", "code").alias("code"))\n'
        )

    write("")
    with pytest.raises(TransformError) as caught:
        compile_project(contracts, tmp_path)
    said = str(caught.value)
    assert (
        f"{code}:3: silver.things may not give the same rows on both engines or each time:\n"
        "- levenshtein: LEVENSHTEIN(code, code): " in said
    )
    assert '@transform(accept={"name": "reason"})' in said
    write('accept={"levenshtein(string, string)": "codes are ASCII"}, ')
    assert compile_project(contracts, tmp_path).transform("silver.things").sql
