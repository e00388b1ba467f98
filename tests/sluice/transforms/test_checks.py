"""A contract's checks as SQL of both engines."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Literal

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.compiled import CompiledCheck
from sluice.confined import connect
from sluice.contracts import Check, Column, DerivedContract, Rules, parse_type
from sluice.contracts.checks import PERCENT_DIGITS
from sluice.contracts.patterns import common_pattern
from sluice.transforms.checks import compile_checks
from tests.laws import cases


def compiled(*columns: Column, checks: tuple[Check, ...] = (), key: tuple[str, ...] = ()) -> dict[str, CompiledCheck]:
    found = compile_checks(DerivedContract("things", "silver", columns, key=key, checks=checks))
    return {check.name: check for check in found}


def test_the_age_of_the_newest_value_is_measured_in_seconds() -> None:
    check = Check("fresh", "freshness", ("mustBeLessThan", 3600), ("at",))
    found = compiled(Column("at", parse_type("timestamp")), checks=(check,))["fresh"]
    with connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT CAST(now() AS TIMESTAMP) - INTERVAL 2 HOUR AS at")
        (age,) = connection.execute(found.duckdb.format(table="t")).fetchall()[0]
    assert age == pytest.approx(7200, abs=60)


@pytest.mark.parametrize(
    ("rules", "kind", "breaks", "holds"),
    [
        (Rules(pattern=r"^it's \d+\.$"), "string", "it's 1x", "it's 12."),
        (Rules(allowed=("a\\b", "o'c")), "string", "ab", "a\\b"),
        (Rules(maximum="2026-01-01"), "date", "2026-01-02", "2026-01-01"),
        (Rules(minimum="2026-01-01T00:00:00Z"), "timestamp", "2025-12-31 23:59:59", "2026-01-01 00:00:00"),
        (Rules(exclusive_minimum="0.5"), "decimal(4,2)", "0.50", "0.51"),
        (Rules(max_length=2), "string", "abc", "ab"),
        (Rules(maximum="0.1"), "float", "0.2", "0.1"),
        (Rules(exclusive_maximum="0.1"), "double", "0.1", "0.09"),
        (Rules(minimum="9007199254740993"), "bigint", "9007199254740992", "9007199254740993"),
        (Rules(maximum="1e37"), "decimal(38,0)", f"{10**37 + 1}", f"{10**37}"),
        (Rules(maximum="1.0e-60"), "decimal(38,20)", "0." + "0" * 19 + "1", "0." + "0" * 20),
        (Rules(minimum="0.005"), "decimal(4,2)", "0.00", "0.01"),
        (Rules(allowed=("1.5",)), "decimal(4,2)", "1.51", "1.50"),
        (Rules(allowed=("1e2", "007")), "double", "8.0", "7.0"),
        (Rules(allowed=("0.1",)), "float", "0.2", "0.1"),
        (Rules(allowed=("1",)), "boolean", "false", "true"),
        (Rules(allowed=("2024-01-01T00:00:00+01:00",)), "timestamp", "2024-01-01 00:00:00", "2023-12-31 23:00:00"),
        (Rules(allowed=("2024-01-01",)), "date", "2024-01-02", "2024-01-01"),
    ],
)
def test_a_rule_finds_the_value_that_breaks_it(rules: Rules, kind: str, breaks: str, holds: str) -> None:
    (check,) = compiled(Column("x", parse_type(kind), rules=rules)).values()
    with connect() as connection:
        connection.execute(f"CREATE TABLE t (x {parse_type(kind).duckdb})")
        connection.executemany("INSERT INTO t VALUES (?)", [[breaks], [holds], [None]])
        broken = connection.execute(f"SELECT CAST(x AS VARCHAR) FROM t WHERE {check.duckdb}").fetchall()
    assert broken == [(breaks,)]
    sqlglot.parse_one(check.spark, read="spark")


def broken(condition: str, values: list[str]) -> list[str]:
    with connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT unnest(?::VARCHAR[]) AS x", [values])
        return [value for (value,) in connection.execute(f"SELECT x FROM t WHERE {condition}").fetchall()]


PARTS = st.sampled_from(["O", "-", " ", "_", "[0-9]", "[A-Z]", "[a-f0-9]", "[xyz]", "[A-Z0-9]{2}", "7{3}", "[0-9]{5}"])
NEAR = st.text(st.sampled_from("O-_ 0123456789AZafxyz\n*?[]^é٣"), max_size=12)


@pytest.mark.slow
@given(st.lists(PARTS, min_size=1, max_size=4).map("".join), st.lists(NEAR, max_size=20), st.data())
def test_a_pattern_of_single_characters_becomes_a_glob_that_says_the_same(
    parts: str, near: list[str], data: st.DataObject
) -> None:
    pattern = f"^{parts}$"
    values = [*near, *data.draw(st.lists(st.from_regex(pattern, fullmatch=True), max_size=5))]
    (check,) = compiled(Column("x", parse_type("string"), rules=Rules(pattern=pattern))).values()
    assert "GLOB" in check.duckdb
    assert sorted(broken(check.duckdb, values)) == sorted(broken(f"NOT regexp_matches(x, '{pattern}')", values))


@pytest.mark.parametrize(
    "pattern", ["[0-9]", "^[0-9]", "^a|b$", "^a+$", "^[^a]$", "^a.$", "^$", r"^\d$", r"^[\]a]$", "^a{2,3}$"]
)
def test_any_other_pattern_stays_a_regular_expression(pattern: str) -> None:
    (check,) = compiled(Column("x", parse_type("string"), rules=Rules(pattern=pattern))).values()
    assert check.duckdb == f"""NOT regexp_matches("x", '{common_pattern(pattern)}')"""


def test_a_query_in_athenas_sql_is_spelled_for_each_engine() -> None:
    check = Check("late", "sql", ("mustBe", 0), query="SELECT date_diff('day', min(d), max(d)) FROM {table}")
    found = compiled(Column("d", parse_type("date")), checks=(check,))["late"]
    assert "{table}" in found.spark
    assert 'CAST(max("sluice_audited"."d") AS DATE)' in found.duckdb
    assert "datediff(max(`sluice_audited`.`d`), min(`sluice_audited`.`d`))" in found.spark


CONNECTION = connect()
OPERATORS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "mustBe": operator.eq,
    "mustNotBe": operator.ne,
    "mustBeGreaterThan": operator.gt,
    "mustBeGreaterOrEqualTo": operator.ge,
    "mustBeLessThan": operator.lt,
    "mustBeLessOrEqualTo": operator.le,
}


@cache
def measure(metric: str, unit: Literal["rows", "percent"] | None) -> str:
    check = Check("it", metric, ("mustBe", 0), ("x",), unit=unit)
    return compiled(Column("x", parse_type("int")), checks=(check,))["it"].duckdb


def counted(metric: str, unit: Literal["rows", "percent"] | None, relation: str) -> int | Decimal:
    """Return what DuckDB measures of the column x of a relation."""
    found = CONNECTION.execute(measure(metric, unit).replace("{table}", relation)).fetchone()
    assert found is not None
    assert isinstance(found[0], int | Decimal)
    return found[0]


@given(st.lists(st.none() | st.integers(0, 9), max_size=40), st.integers(0, 100 * 10**PERCENT_DIGITS))
@settings(max_examples=cases(60), deadline=None)
def test_a_share_compares_as_the_whole_quotient_would(values: list[int | None], share: int) -> None:
    table = f"(SELECT unnest([{', '.join('NULL' if v is None else str(v) for v in values)}]::INTEGER[]) AS x)"
    rows = {"nullValues": values.count(None), "duplicateValues": sum(values.count(v) > 1 for v in values)}
    for metric, count in rows.items():
        found = counted(metric, "percent", table)
        assert isinstance(found, Decimal), "no double"
        exact = Fraction(100 * count, max(len(values), 1))
        assert abs(Fraction(found) - exact) <= Fraction(1, 10**6)
        for limit in (Fraction(share, 10**PERCENT_DIGITS), Fraction(round(exact * 10**4), 10**4)):
            assert all(holds(Fraction(found), limit) == holds(exact, limit) for holds in OPERATORS.values())
        assert counted(metric, "rows", table) == count
    assert counted("duplicateValues", None, table) == len({v for v in values if values.count(v) > 1})


@pytest.mark.parametrize("rows", [3, 2_000_001])
def test_one_row_is_more_than_no_percent_and_all_but_one_are_fewer_than_all(rows: int) -> None:
    one = f"(SELECT CASE WHEN range > 0 THEN 1 END AS x FROM range({rows}))"
    all_but_one = f"(SELECT CASE WHEN range = 0 THEN 1 END AS x FROM range({rows}))"
    assert 0 < counted("nullValues", "percent", one) <= Decimal("33.333333")
    assert 66 < counted("nullValues", "percent", all_but_one) < 100
    assert counted("nullValues", "percent", "(SELECT 1 AS x WHERE false)") == 0
    assert counted("nullValues", "percent", "(SELECT NULL AS x)") == 100


@pytest.mark.parametrize(("rows", "cut"), [(333, "0.3003"), (999_999, "0.0001")])
def test_what_is_a_little_more_than_a_share_is_more_than_it(rows: int, cut: str) -> None:
    one = f"(SELECT CASE WHEN range > 0 THEN 1 END AS x FROM range({rows}))"
    assert Fraction(cut) < Fraction(100, rows) < Fraction(cut) + Fraction(1, 10**6), "six digits do not tell"
    assert counted("nullValues", "percent", one) > Decimal(cut)
