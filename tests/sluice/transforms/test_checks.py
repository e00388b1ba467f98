"""A contract's checks as SQL of both engines."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from sluice.compiled import CompiledCheck
from sluice.contracts import Check, Column, DerivedContract, Rules, parse_type
from sluice.contracts.patterns import common_pattern
from sluice.transforms.checks import compile_checks


def compiled(*columns: Column, checks: tuple[Check, ...] = (), key: tuple[str, ...] = ()) -> dict[str, CompiledCheck]:
    found = compile_checks(DerivedContract("things", "silver", columns, key=key, checks=checks))
    return {check.name: check for check in found}


def test_the_age_of_the_newest_value_is_measured_in_seconds() -> None:
    check = Check("fresh", "freshness", ("mustBeLessThan", 3600), ("at",))
    found = compiled(Column("at", parse_type("timestamp")), checks=(check,))["fresh"]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
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
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t (x {parse_type(kind).duckdb})")
        connection.executemany("INSERT INTO t VALUES (?)", [[breaks], [holds], [None]])
        broken = connection.execute(f"SELECT CAST(x AS VARCHAR) FROM t WHERE {check.duckdb}").fetchall()
    assert broken == [(breaks,)]
    sqlglot.parse_one(check.spark, read="spark")


def broken(condition: str, values: list[str]) -> list[str]:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT unnest(?::VARCHAR[]) AS x", [values])
        return [value for (value,) in connection.execute(f"SELECT x FROM t WHERE {condition}").fetchall()]


PARTS = st.sampled_from(["O", "-", " ", "_", "[0-9]", "[A-Z]", "[a-f0-9]", "[xyz]", "[A-Z0-9]{2}", "7{3}", "[0-9]{5}"])
NEAR = st.text(st.sampled_from("O-_ 0123456789AZafxyz\n*?[]^é٣"), max_size=12)


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
