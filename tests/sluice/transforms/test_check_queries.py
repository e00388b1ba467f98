"""The SQL of checks gives the same on both engines, on every type of column; what does not is refused with the way."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from sluice.comparisons import holds
from sluice.contracts import Check, Column, DerivedContract, Rules, parse_type
from sluice.errors import ContractError
from sluice.refresh.duckdb.audit import audit as audit_on_duckdb
from sluice.refresh.failures import AuditTarget
from sluice.refresh.spark.audit import audit as audit_on_spark
from sluice.transforms.check_sql.meanings import REFUSED
from sluice.transforms.checks import compile_checks
from sluice.transforms.queries import ALLOWED_FUNCTIONS, FUNCTION_NAMES
from tests.sluice.transforms.check_calls import COLUMNS, calls, nested
from tests.sluice.transforms.check_page import PAGE, page
from tests.sluice.transforms.checking import TYPES, compiled, outcomes, rows
from tests.sluice.transforms.proving import both_engines

#: Of the calls that `make test` tries, and rows for each; `make proof` tries all, on more rows.
_SHARE, _NESTED, _FEW, _MANY = 80, 12, 60, 1000


def _every() -> list[tuple[str, str]]:
    return list(dict.fromkeys((call, use) for _, _, use, call in calls()))


@pytest.mark.spark
@pytest.mark.slow
def test_a_share_of_what_checks_may_say_is_alike_and_a_planted_wrong_one_is_caught() -> None:
    seed = random.SystemRandom().randint(0, 10**6)
    print(f"seed {seed}")
    with both_engines(_FEW, seed, rows) as both:
        rng = random.Random(seed)
        found = outcomes(both, [*rng.sample(_every(), _SHARE), *(nested(rng) for _ in range(_NESTED))])
        assert {call: each.differs for call, each in found.items() if each.differs} == {}, f"seed {seed}"
        (caught,) = outcomes(
            both, [("length(string_a)", "row")], spoiled=lambda sql: sql.replace("length(", "1 + length(")
        ).values()
    assert "Spark" in caught.differs
    assert "DuckDB" in caught.differs


@pytest.mark.spark
@pytest.mark.proof
def test_all_that_checks_may_say_is_alike() -> None:
    with both_engines(_MANY, 1, rows) as both:
        found = outcomes(both, [each for each in _every() if each[1] != "check"])
        both.give(rows(1, _FEW))
        found |= outcomes(both, [each for each in _every() if each[1] == "check"])
    assert {call: each.differs for call, each in found.items() if each.differs} == {}


@pytest.mark.spark
@pytest.mark.proof
def test_calls_of_calls_are_alike() -> None:
    seed = random.SystemRandom().randint(0, 10**6)
    print(f"seed {seed}")  # pytest shows it where the test fails
    rng = random.Random(seed)
    with both_engines(_FEW, seed, rows) as both:
        found = outcomes(both, [nested(rng) for _ in range(_MANY)])
    assert {call: each.differs for call, each in found.items() if each.differs} == {}, f"seed {seed}"
    assert sum(not each.refused for each in found.values()) > _MANY / 2


def test_what_is_tried_calls_every_function_that_a_check_may_use() -> None:
    tried = " ".join(call for _, _, _, call in calls()).lower()
    names = {name for kind, name in FUNCTION_NAMES.items() if kind not in REFUSED}
    assert {name for name in names if name not in ALLOWED_FUNCTIONS} == set()
    assert {name for name in names if not re.search(rf"\b{name}\b", tried)} == set()


_THINGS = DerivedContract(
    "things", "silver",
    tuple(Column(name, parse_type(kind)) for name, kind in {
        "id": "string", "n": "int", "big": "bigint", "d": "double", "f": "float", "price": "decimal(12,2)",
        "wide": "decimal(38,2)", "day": "date", "at": "timestamp", "ok": "boolean", "bytes": "binary",
    }.items()), file="things.yaml",
)  # fmt: skip


def refusal(call: str) -> str:
    query = call if call.startswith("SELECT") else f"SELECT max({call}) FROM {{table}}"
    check = Check("it", "sql", ("mustBe", 0), query=query)
    declared = DerivedContract("things", "silver", _THINGS.columns, checks=(check,), file="things.yaml")
    with pytest.raises(ContractError) as caught:
        compile_checks(declared)
    return caught.value.what


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("SELECT sum(d) FROM {table}", ("sum", "(double)", "CAST(x * 100 AS bigint)")),
        ("SELECT avg(f) FROM {table}", ("avg", "(double)", "decimal")),
        ("SELECT stddev(n) FROM {table}", ("stddev", "last bits", "sums of whole numbers")),
        ("SELECT max_by(id, n) FROM {table}", ("max_by", "equal", "max()")),
        ("ln(d)", ("ln", "last bits")),
        ("power(d, 2)", ("power", "multiply")),
        ("id = 1", ("int and string", "cast one of them")),
        ("CAST(id AS double)", ("cast", "(string, →double)", "decimal")),
        ("CAST(d AS varchar)", ("(double, →string)",)),
        ("CAST(n AS tinyint)", ("(int, →tinyint)", "proven are")),
        ("length(n)", ("length", "int is no text", "varchar")),
        ("bytes = bytes", ("binary",)),
        ("price % 2", ("decimal(12,2)", "bigint")),
        ("wide * wide", ("more than 38", "smaller decimals")),
        ("date_diff('month', at, at)", ("cast both to date",)),
        ("date_trunc('hour', day)", ("cast it to timestamp",)),
        ("substr(id, n)", ("stands in the query",)),
        ("id LIKE id", ("stands in the query",)),
        ("CASE WHEN n THEN 1 END", ("no condition", "compare it")),
        ("SELECT count(*) FROM (SELECT n FROM {table} LIMIT 3)", ("LIMIT without ORDER BY", "say the order")),
        ("SELECT count(*) FROM (SELECT n FROM {table} UNION SELECT big FROM {table})", ("cast both",)),
        ("SELECT count_if(id IN (SELECT id FROM {previous})) FROM {table}", ("WHERE", "join")),
        ("SELECT count(*) FROM {table} x FULL JOIN {table} y ON x.n < y.n", ("FULL JOIN", "equal columns")),
        ("SELECT count(*) FROM {table} x WHERE n > (SELECT max(y.n) FROM {table} y WHERE y.id = x.id)", ("EXISTS", "join")),
        ("SELECT max(r) FROM (SELECT rank() OVER () AS r FROM {table})", ("ORDER BY",)),
        ("SELECT max(r) FROM (SELECT sum(n) OVER (ORDER BY n RANGE 2 PRECEDING) AS r FROM {table})", ("take ROWS",)),
        ("SELECT count(*) FROM (SELECT n FROM {table} GROUP BY CUBE (n))", ("UNION ALL",)),
    ],
)  # fmt: skip
def test_what_is_not_proven_is_refused_by_name_with_its_types_and_the_nearest_way(
    call: str, said: tuple[str, ...]
) -> None:
    told = refusal(call)
    assert all(word.casefold() in told.casefold() for word in said), told


def test_nested_calls_that_look_at_arguments_twice_are_refused_before_they_grow() -> None:
    nested = "n"
    for _ in range(16):
        nested = f"greatest({nested}, n)"
    assert "beyond bounds" in refusal(nested)


@pytest.mark.parametrize(
    ("found", "operator", "operand", "sound"),
    [
        (3, "mustBe", 3, True), (3.0, "mustBe", 3, True), (0.1, "mustBe", 0.1, True), (True, "mustBe", True, True),
        (float("nan"), "mustBeGreaterThan", 1e308, True), (-0.0, "mustBe", 0, True), ("b", "mustBeGreaterThan", "a", True),
        (2**53 + 1, "mustBeGreaterThan", 2**53, True), (5, "mustBeBetween", [1, 5], True), (5, "mustNotBeBetween", [1, 5], False),
    ],
)  # fmt: skip
def test_a_value_is_compared_by_its_type(found: Any, operator: str, operand: Any, sound: bool) -> None:
    assert holds(found, operator, operand) is sound


def _contract(kinds: list[str]) -> DerivedContract:
    """Return a contract whose columns of these types have rules, unique keys and measures."""
    rules = {
        "string": Rules(allowed=("a", "", "straße", "a\\b", "0"), min_length=1, max_length=3, pattern="^[a-z]+$"),
        "int": Rules(minimum="-7", exclusive_maximum="999"),
        "bigint": Rules(allowed=("0", "9223372036854775807", "-1"), minimum="-9223372036854775808"),
        "float": Rules(minimum="0.5", maximum="1e6"),
        "double": Rules(allowed=("0", "0.5", "1e300"), exclusive_minimum="-0.0"),
        "decimal(12,2)": Rules(maximum="1.5", allowed=("0.00", "1.5", "-0.5")),
        "decimal(18,6)": Rules(exclusive_minimum="0.000001"),
        "boolean": Rules(allowed=("true",)),
        "date": Rules(minimum="2024-01-31", allowed=("2024-01-31", "1970-01-01")),
        "timestamp": Rules(maximum="2024-12-30T00:00:00Z"),
    }
    columns = [Column("row", parse_type("int")), Column("g", parse_type("int"))]
    checks = []
    for kind in kinds:
        name = COLUMNS[kind]
        for side in "ab":
            rule = rules.get(kind, Rules()) if side == "a" else Rules()
            columns.append(Column(f"{name}_{side}", parse_type(kind), rules=rule, unique=side == "b"))
        for metric in ("nullValues", "duplicateValues"):
            checks.append(Check(f"{metric} of {name}", metric, ("mustBe", -1), (f"{name}_a",)))
    checks += [
        Check("rows", "rowCount", ("mustBe", -1)), Check("change", "rowCountChange", ("mustBe", -1)),
        *(Check(f"fresh {kind}", "freshness", ("mustBe", -1), (f"{COLUMNS[kind]}_a",))
          for kind in kinds if kind in ("date", "timestamp")),
        *(Check(f"pairs of {kind}", "duplicateValues", ("mustBe", -1), (f"{COLUMNS[kind]}_a", "g")) for kind in kinds),
    ]  # fmt: skip
    return DerivedContract("given", "t", tuple(columns), checks=tuple(checks), file="given.yaml")


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("count", [3, pytest.param(len(COLUMNS), marks=[pytest.mark.proof])])
def test_the_rules_that_sluice_writes_itself_find_the_same_on_both_engines(count: int) -> None:
    seed = random.SystemRandom().randint(0, 10**6)
    print(f"seed {seed}")
    checks = compile_checks(_contract(random.Random(seed).sample([*COLUMNS], count)))
    assert {check.kind for check in checks} == {"rows", "unique", "measure"}
    with both_engines(200, seed, rows) as both:
        both.frame.createOrReplaceTempView("sluice_given")
        both.duckdb.execute("CREATE TABLE t.before AS FROM t.given WHERE g < 20")
        both.frame.where("g < 20").createOrReplaceTempView("sluice_before")
        on_duckdb = audit_on_duckdb(both.duckdb, checks, AuditTarget("t.given", "t.given", "t.before", (), {}))
        target = AuditTarget(both.frame, "sluice_given", "sluice_before", (), {})
        on_spark = audit_on_spark(checks, target)
    one, other = ({each.check: _steady(each) for each in found} for found in (on_duckdb, on_spark))
    assert one == other, f"seed {seed}"
    assert len(one) > 3 * count


def _steady(failure: Any) -> str:
    """Return what was found, without the seconds that pass between two runs."""
    return str(failure.found)[:-24] if failure.check.startswith("fresh") else str(failure.found)


@pytest.mark.slow
def test_the_page_tells_what_compiles() -> None:
    assert PAGE.read_text() == page()


def test_every_type_of_a_column_is_tried() -> None:
    assert set(TYPES.values()) >= {"string", "int", "bigint", "float", "double", "boolean", "date", "timestamp_ntz"}
    assert compiled("count(binary_a)", "all")
