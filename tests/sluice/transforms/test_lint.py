"""What ``sluice check`` finds in transforms: engines that differ, and answers that another run would not give."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.contracts import Arrival, Column, Contract, parse_type
from sluice.errors import TransformError
from sluice.transforms.compile import compile_project
from sluice.transforms.lint import Finding, accepted, lint

TYPES = {"id": "string", "n": "int", "price": "decimal(12,2)", "rate": "double", "day": "date", "code": "string"}
COLUMNS = {"bronze.things": {name: parse_type(kind).duckdb for name, kind in TYPES.items()}}
SAME = "a lookup that another run answers in the same way"


@pytest.mark.parametrize(
    ("rule", "broken", "sound"),
    [
        ("decimal-division", "price / n", "CAST(price AS DOUBLE) / n"),
        ("decimal-average", "avg(price)", "avg(rate)"),
        ("text-cast", "CAST(code AS INT)", "TRY_CAST(code AS INT)"),
        ("text-cast", "CAST(coalesce(code, '1') AS DATE)", "CAST(left(CAST(day AS VARCHAR), 7) || '-01' AS DATE)"),
        ("text-cast", "CAST(CASE WHEN n > 1 THEN code END AS INT)", "CAST(CASE WHEN code = 'g' THEN '1' END AS INT)"),
        ("fraction-cast", "CAST(rate AS BIGINT)", "CAST(round(rate) AS BIGINT)"),
        ("fraction-cast", "CAST(price AS INT)", "CAST(CAST(n AS DECIMAL(9,0)) AS INT)"),
        ("double-to-text", "CAST(rate AS VARCHAR)", "CAST(price AS VARCHAR)"),
        ("letter-case", "upper(code)", "translate(code, 'abc', 'ABC')"),
        ("regex", "regexp_matches(code, 'a(?=b)')", "regexp_matches(code, '^(?:a|b)+$')"),
        ("regex", "regexp_replace(code, '(?i)a', 'b', 'g')", "regexp_replace(code, '[aA]', 'b', 'g')"),
        ("regex", r"regexp_matches(code, '(a)\1')", r"regexp_matches(code, '\d{3}')"),
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
    found = lint(f"SELECT {broken} AS x FROM bronze.things", COLUMNS, "any")
    assert [finding.rule for finding in found] == [rule]
    assert lint(f"SELECT {sound} AS x FROM bronze.things", COLUMNS, "any") == []


def test_rows_that_a_limit_leaves_must_be_ordered() -> None:
    unordered = "SELECT id FROM (SELECT id FROM bronze.things LIMIT 3)"
    assert [finding.rule for finding in lint(unordered, COLUMNS, "any")] == ["unordered-limit"]
    assert lint("SELECT id FROM (SELECT id FROM bronze.things ORDER BY id LIMIT 3)", COLUMNS, "any") == []


def test_types_are_followed_through_subqueries() -> None:
    sql = "WITH a AS (SELECT sum(price) AS total, n FROM bronze.things GROUP BY n) SELECT total / n AS x FROM a"
    assert [finding.rule for finding in lint(sql, COLUMNS, "any")] == ["decimal-division"]


def test_engines_are_compared_only_where_both_may_run_it() -> None:
    sql = "SELECT price / n AS a, random() AS b FROM bronze.things"
    assert [finding.rule for finding in lint(sql, COLUMNS, "any")] == ["decimal-division", "chance"]
    assert [finding.rule for finding in lint(sql, COLUMNS, "duckdb")] == ["chance"]


def test_what_is_accepted_is_named_and_must_be_there() -> None:
    finding = Finding("letter-case", "UPPER(code)", "engines differ")
    assert list(accepted([finding], {})) == ["letter-case: UPPER(code): engines differ"]
    assert list(accepted([finding], {"letter-case": "codes are ASCII"})) == []
    assert list(accepted([], {"regex": SAME})) == ["accept names 'regex', but that rule has no finding here"]


def test_a_finding_names_transform_expression_and_way_out(tmp_path: Path) -> None:
    contracts = (
        Contract("things", "bronze", (Column("code", parse_type("string"), header="code"),), arrival=Arrival("csv")),
        Contract("things", "silver", (Column("code", parse_type("string")),), file="things.yaml"),
    )
    (tmp_path / "silver").mkdir()
    code = tmp_path / "silver" / "things.py"

    def write(declared: str) -> None:
        code.write_text(
            "from pyspark.sql import functions as F\nfrom sluice.transforms import transform\n"
            f'@transform({declared}things="bronze.things")\n'
            'def things(things):\n    return things.select(F.upper("code").alias("code"))\n'
        )

    write("")
    with pytest.raises(TransformError) as caught:
        compile_project(contracts, tmp_path)
    said = str(caught.value)
    assert f"{code}: silver.things may not give the same rows each time:\n- letter-case: UPPER(code): " in said
    assert '@transform(accept={"rule": "reason"})' in said
    write('accept={"letter-case": "codes are ASCII"}, ')
    assert compile_project(contracts, tmp_path).transform("silver.things").sql
