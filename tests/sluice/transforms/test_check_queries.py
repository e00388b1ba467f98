"""The SQL of checks gives the same on both engines, on every type of column; what does not is refused with the way."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlglot import exp

from sluice.comparisons import holds
from sluice.compiled import CompiledCheck
from sluice.confined import connect, only_query
from sluice.contracts import Check, Column, DerivedContract, Rules, parse_type
from sluice.errors import ContractError
from sluice.refresh.duckdb.audit import audit as audit_on_duckdb
from sluice.refresh.failures import AuditTarget
from sluice.refresh.spark.audit import audit as audit_on_spark
from sluice.transforms.check_sql.meanings import REFUSED
from sluice.transforms.checks import compile_checks
from sluice.transforms.functions.signatures import Refused
from sluice.transforms.functions.spark_types import duckdb_type
from sluice.transforms.queries import FUNCTION_NAMES, RefusedQuery, parsed_query
from tests.laws import fresh_seed
from tests.sluice.transforms.check_calls import COLUMNS, READ_OTHERWISE, as_query, calls, nested, of_one_type
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
    seed = fresh_seed()
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
    seed = fresh_seed()
    print(f"seed {seed}")  # pytest shows it where the test fails
    rng = random.Random(seed)
    with both_engines(_FEW, seed, rows) as both:
        found = outcomes(both, [nested(rng) for _ in range(_MANY)], together=1)
    assert {call: each.differs for call, each in found.items() if each.differs} == {}, f"seed {seed}"
    assert sum(not each.refused for each in found.values()) > _MANY / 2


def test_what_is_tried_calls_every_function_that_a_check_may_use() -> None:
    tried = {type(node) for call, use in of_one_type() for node in _parsed(call, use)}
    assert set(FUNCTION_NAMES) - {*REFUSED, *tried} == set()


def _parsed(call: str, use: str) -> list[exp.Expr]:
    """Return the nodes of a call; none where it is refused as it is read."""
    try:
        return list(parsed_query(as_query(call, use), ())[0].walk())
    except RefusedQuery:
        return []


@pytest.mark.slow
def test_what_compiles_passes_the_second_wall_and_binds() -> None:
    connection = connect()
    columns = ", ".join(f"{name} {duckdb_type(kind)}" for name, kind in TYPES.items())
    connection.execute(f"CREATE SCHEMA t; CREATE TABLE t.given ({columns})")
    passed = 0
    for call, use in of_one_type():
        try:
            made = compiled(call, use).duckdb
        except (Refused, RefusedQuery):
            continue
        query = made.replace("{table}", "t.given").replace("{previous}", "t.given")
        only_query(connection, query, ["t.given"])
        connection.execute(f"DESCRIBE {query}")
        passed += 1
    assert passed > 200


@pytest.mark.parametrize("query", READ_OTHERWISE)
def test_what_engines_read_otherwise_is_refused_as_it_is_compiled(query: str) -> None:
    with pytest.raises((Refused, RefusedQuery)):
        compiled(query.replace("{a}", "int_a").replace("{b}", "int_b"), "check")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("CAST('3.33' AS decimal)", "3"),
        ("CAST('12345678901234567890' AS decimal)", "12345678901234567890"),
        ("DECIMAL '3.330'", "3.330"),
        ("CAST('3.33' AS decimal(5,1))", "3.3"),
    ],
)
def test_a_decimal_has_the_digits_that_athena_gives_it(text: str, value: str) -> None:
    """A literal has those of its text, a cast that says none has none behind the point."""
    made = compiled(f"SELECT {text} FROM {{table}}", "check")
    with connect() as connection:
        (found,) = connection.execute(made.duckdb.partition(" FROM ")[0]).fetchall()
    assert str(found[0]) == value


def test_not_like_is_what_like_is_not() -> None:
    like = compiled("SELECT count(*) FROM {table} WHERE string_a LIKE 'a!%' ESCAPE '!'", "check").duckdb
    other = compiled("SELECT count(*) FROM {table} WHERE string_a NOT LIKE 'a!%' ESCAPE '!'", "check").duckdb
    connection = connect()
    connection.execute("CREATE TABLE given AS SELECT unnest(['a%', 'ab', 'b', NULL]) AS string_a")
    assert [connection.execute(sql.replace("{table}", "given")).fetchall() for sql in (like, other)] == [[(1,)], [(2,)]]


def test_a_name_that_is_selected_is_what_is_selected_in_order_by_and_the_column_in_having() -> None:
    ordered = compiled("SELECT -int_a AS int_a FROM {table} ORDER BY int_a + 1 LIMIT 1", "check").duckdb
    having = compiled("SELECT sum(int_a) AS int_a FROM {table} HAVING sum(int_a) = 6", "check").duckdb
    connection = connect()
    connection.execute("CREATE TABLE given AS SELECT unnest([1, 2, 3]) AS int_a")
    assert connection.execute(ordered.replace("{table}", "given")).fetchall() == [(-3,)]
    assert connection.execute(having.replace("{table}", "given")).fetchall() == [(6,)]


def test_a_query_that_grows_beyond_its_budget_is_refused() -> None:
    wide = ", ".join(f"greatest(greatest(greatest(greatest(d, n), n), n), {place}) AS a{place}" for place in range(200))
    assert "grows beyond" in refusal(f"SELECT max(a1) FROM (SELECT {wide} FROM {{table}}) q")


def test_null_values_of_a_hundred_columns_compile() -> None:
    columns = tuple(Column(f"c{place}", parse_type("int")) for place in range(110))
    check = Check("none", "nullValues", ("mustBe", 0), tuple(column.name for column in columns))
    (made,) = compile_checks(DerivedContract("wide", "silver", columns, checks=(check,), file="wide.yaml"))
    assert made.duckdb.count("IS NULL") == made.spark.count("IS NULL") == 110


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


@pytest.mark.parametrize(
    ("found", "operand"),
    [
        (dt.date(2030, 1, 1), "0001-01-01T00:00:00+23:00"), (dt.date(2030, 1, 1), "10000-01-01"), (1, "2030-01-01"),
        (dt.datetime(2030, 1, 1), 5), (True, 1),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_a_value_error(found: Any, operand: Any) -> None:
    with pytest.raises(ValueError, match=r"cannot be compared|outside of the years|Invalid isoformat"):
        holds(found, "mustBeLessThan", operand)


@given(
    st.one_of(st.integers(), st.floats(), st.decimals(), st.just(10**400)),
    st.one_of(st.integers(), st.floats(), st.decimals(), st.just(-(10**400))),
)
def test_of_two_numbers_one_is_less_or_they_are_equal(one: Any, other: Any) -> None:
    assume(not (isinstance(one, Decimal) and one.is_snan()) and not (isinstance(other, Decimal) and other.is_snan()))
    found = [holds(one, name, other) for name in ("mustBeLessThan", "mustBe", "mustBeGreaterThan")]
    assert sorted(found) == [False, False, True]


def _beyond(operator: str) -> CompiledCheck:
    return CompiledCheck(
        "latest", "measure", (), "error", duckdb="SELECT max(day) + 365000 * 10 FROM {table}",
        spark="SELECT date_add(max(day), 3650000) FROM {table}", operator=operator, operand="2030-01-01",
    )  # fmt: skip


def test_a_moment_that_python_does_not_hold_is_compared_with_nothing() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE given AS SELECT DATE '9999-12-01' AS day")
    for operator in ("mustBeLessThan", "mustBeGreaterThan"):
        (failure,) = audit_on_duckdb(connection, [_beyond(operator)], AuditTarget("given", "given", "given", (), {}))
        assert "outside of the years 1 to 9999" in failure.found


@pytest.mark.parametrize("kind", ["date", "timestamp_ntz"])
def test_a_moment_later_than_the_last_year_is_null(kind: str) -> None:
    made = compiled(f"SELECT max({kind}_a + INTERVAL '9' YEAR) FROM {{table}}", "check").duckdb
    connection = connect()
    connection.execute(f"CREATE TABLE given AS SELECT CAST('9990-12-31' AS {duckdb_type(kind)}) AS {kind}_a")
    assert connection.execute(made.replace("{table}", "given")).fetchall()[0][0].year == 9999
    connection.execute("UPDATE given SET COLUMNS(*) = '9991-01-01'".replace("COLUMNS(*)", f"{kind}_a"))
    assert connection.execute(made.replace("{table}", "given")).fetchall() == [(None,)]


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
    seed = fresh_seed()
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
