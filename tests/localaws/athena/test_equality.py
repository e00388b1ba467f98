# ruff: noqa: E501  (a table of queries reads best one to a line)
"""What is equal to what: https://trino.io/docs/current/functions/comparison.html; and moments so and so many steps away."""

from __future__ import annotations

import operator
from datetime import date

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from localaws.athena.plan import Columns, TableName, plan
from tests.laws import cases
from tests.localaws.athena.answers import texts
from tests.localaws.athena.test_functions import answer

Value = int | None | list["Value"]


def equal(one: Value, other: Value) -> bool | None:
    """Return what SQL says of two values: None where a NULL leaves it open."""
    if one is None or other is None:
        return None
    if isinstance(one, int) or isinstance(other, int):
        return one == other
    if len(one) != len(other):
        return False
    parts = [equal(mine, theirs) for mine, theirs in zip(one, other, strict=True)]
    return False if False in parts else None if None in parts else True


def written(value: Value) -> str:
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(written, value))}]"
    return "CAST(NULL AS integer)" if value is None else str(value)


_NUMBERS = st.lists(st.none() | st.integers(0, 2), max_size=3)
_LISTS = st.lists(st.lists(st.none() | st.integers(0, 1), min_size=1, max_size=2), min_size=1, max_size=2)
_SQL = {True: "true", False: "false", None: "NULL"}


@pytest.mark.slow
@settings(max_examples=cases(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(_NUMBERS, _NUMBERS) | st.tuples(_LISTS, _LISTS))
def test_arrays_are_equal_as_their_elements_are(opened: QueryEngine, pair: tuple[Value, Value]) -> None:
    one, other = (
        f"CAST({written(each)} AS {'array(array(integer))' if each and isinstance(each[0], list) else 'array(integer)'})"
        for each in map(list, pair)
    )  # type: ignore[arg-type]
    wanted = equal(*pair)
    unlike = None if wanted is None else not wanted
    asked = f"{one} = {other}, {one} <> {other}, {one} IN ({other}), {one} NOT IN ({other})"
    asked += f", nullif({one}, {other}) IS NULL, CASE {one} WHEN {other} THEN 1 ELSE 2 END"
    found = texts(answer(opened, f"SELECT {asked}"))
    as_found = f"{_SQL[wanted is True]}|{1 if wanted else 2}"
    assert found == f"{_SQL[wanted]}|{_SQL[unlike]}|{_SQL[wanted]}|{_SQL[unlike]}|{as_found}"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("ROW(1, CAST(NULL AS integer)) = ROW(1, CAST(NULL AS integer)), ROW(1, CAST(NULL AS integer)) = ROW(2, CAST(NULL AS integer))", "NULL|false"),
        ("map(ARRAY['a'], ARRAY[CAST(NULL AS integer)]) = map(ARRAY['a'], ARRAY[1]), map(ARRAY['a'], ARRAY[1]) = map(ARRAY['b'], ARRAY[1]), map(ARRAY['a', 'b'], ARRAY[1, 2]) = map(ARRAY['b', 'a'], ARRAY[2, 1])", "NULL|false|true"),
        ("ARRAY[1, NULL] IS NOT DISTINCT FROM ARRAY[1, NULL], ARRAY[nan()] = ARRAY[nan()], CAST(NULL AS array(integer)) = ARRAY[1]", "true|false|NULL"),
        ("count(*) FROM (VALUES ARRAY[1, NULL], ARRAY[3]) t(x) JOIN (VALUES ARRAY[1, NULL], ARRAY[3]) s(y) ON x = y", "1"),
        ("count(*) FROM (SELECT DISTINCT x FROM (VALUES ARRAY[1, NULL], ARRAY[1, NULL]) t(x))", "1"),
        # https://trino.io/docs/current/language/types.html#char: as long as it says, and what is compared with it is padded.
        ("CAST('a' AS char(3)) || 'b', length(CAST('a' AS char(3))), CAST('abc' AS char(2)), CAST(CAST('a' AS char(3)) AS varchar) || '.'", "a  b|3|ab|a  ."),
        ("CAST('a' AS char(3)) = 'a', CAST('a ' AS char(5)) = CAST('a' AS char(2)), CAST('a' AS char(3)) IN ('b', 'a'), CAST('b' AS char(3)) BETWEEN 'a' AND 'b', CAST('a' AS char(2)) <> 'b '", "true|true|true|true|true"),
        ("CAST(5 AS char(2)) || '.', CAST(CAST(NULL AS varchar) AS char(3)), CAST('ab' AS char)", "5 .|NULL|a"),
        # NaN is equal to nothing, wherever equality is asked for.
        ("contains(ARRAY[nan()], nan()), contains(ARRAY[nan(), NULL], 1e0), contains(ARRAY[nan(), 1e0], 1e0)", "false|NULL|true"),
        ("nullif(nan(), nan()), nullif(1e0, 1e0), array_position(ARRAY[nan(), 1e0], nan()), array_position(ARRAY[nan(), 1e0], 1e0)", "NaN|NULL|0|2"),
        ("CASE nan() WHEN nan() THEN 1 ELSE 2 END, CASE x WHEN 1 THEN 'one' WHEN nan() THEN 'nan' END FROM (VALUES 1e0) t(x)", "2|one"),
        ("ARRAY[1, NULL] NOT IN (ARRAY[1, 2]), ROW(1, CAST(NULL AS integer)) NOT IN (ROW(1, 2)), ARRAY[nan()] IN (ARRAY[nan()]), ARRAY[1] IN (ARRAY[2], ARRAY[1]), ARRAY[NULL] = ARRAY[1], ARRAY[ARRAY[NULL]] = ARRAY[ARRAY[1]], ARRAY[ARRAY[]] = ARRAY[ARRAY[1]]", "NULL|NULL|false|true|NULL|NULL|false"),
        ("(1, NULL) IN ((1, 2)), (1, 2) = (1, NULL), (1, 2) NOT IN ((1, NULL)), (1, NULL) NOT IN ((2, 3)), (nan(), 1) = (nan(), 1), (1, 'a') IN ((2, 'b'), (1, 'a'))", "NULL|NULL|NULL|true|false|true"),
        ("nan() = ANY (SELECT nan()), nan() <> ALL (SELECT nan()), nan() IN (SELECT nan()), 1e0 = ANY (SELECT 1e0), nan() = ANY (VALUES nan()), nan() = ANY (VALUES 1e0, NULL)", "false|true|false|true|false|NULL"),
        ("nan() < ALL (SELECT nan()), 1e0 < ALL (SELECT nan()), nan() > ALL (SELECT 1e0), 2e0 > ALL (SELECT 1e0), 1e0 <= ANY (VALUES 1e0, nan())", "false|false|false|true|true"),
        ("nan() IN (1e0, NULL), nan() IN (nan(), 1e0), nan() NOT IN (nan(), 1e0), nan() = CAST(NULL AS double), 1e0 IN (nan(), 1e0)", "NULL|false|true|NULL|true"),
        ("nullif(ROW(1, NULL), ROW(1, NULL)), nullif(ARRAY[nan()], ARRAY[nan()]), CASE ARRAY[nan()] WHEN ARRAY[nan()] THEN 1 ELSE 2 END, nullif(ARRAY[1], ARRAY[1])", "{field0=1, field1=null}|[NaN]|2|NULL"),
        ("array_remove(ARRAY[nan(), 1e0], nan()), array_remove(ARRAY[1, NULL], 1)", "[NaN, 1.0]|[null]"),
        # By https://trino.io/docs/current/functions/array.html#contains: a NULL inside matters where it decides.
        ("contains(ARRAY[ROW(1, CAST(NULL AS integer))], ROW(2, CAST(NULL AS integer))), contains(ARRAY[ARRAY[nan()]], ARRAY[nan()]), contains(ARRAY[ARRAY[1], ARRAY[2, NULL]], ARRAY[1]), contains(ARRAY[ARRAY[1], NULL], ARRAY[2]), contains(ARRAY[ARRAY[1]], CAST(NULL AS array(integer)))", "false|false|true|NULL|NULL"),
        ("array_position(ARRAY[ARRAY[nan()]], ARRAY[nan()]), array_position(ARRAY[ARRAY[3], NULL, ARRAY[2]], ARRAY[2]), contains(ARRAY[map(ARRAY[1], ARRAY['a'])], map(ARRAY[1], ARRAY['a']))", "0|3|true"),
        ("-nan() > 1e0, -x < 1e0, 1 <= ALL (VALUES nan()), 1 < ANY (VALUES nan(), 2e0), x > CAST(NULL AS double) FROM (VALUES nan()) t(x)", "false|false|false|true|NULL"),
        ("array_position(ARRAY[1, NULL], CAST(NULL AS integer)), array_position(CAST(NULL AS array(integer)), 1), array_position(ARRAY[1], 2), array_position(ARRAY[nan()], CAST(NULL AS double)), array_position(CAST(NULL AS array(double)), nan())", "NULL|NULL|0|NULL|NULL"),
        # Of VALUES, the column that is compared says whether there can be NaN.
        ("'a' < ANY (VALUES 'b', CAST(1e0 AS varchar)), 'a' < ANY (SELECT x FROM (VALUES ('b', nan())) t(x, y)), 1 < ANY (SELECT y FROM (VALUES ('b', nan())) t(x, y)), 1 < ANY (SELECT 1e0 UNION ALL VALUES nan())", "true|true|false|false"),
        # What is by chance is so once.
        *[
            (f"count(*) FROM UNNEST(sequence(1, 500)) t(n) WHERE element_at(ARRAY[nan(), 1e0], random(1, 3)) {beside}", "0")
            for beside in ("> 5e0", "< -5e0", "= nan()", "IN (nan(), 5e0)", "> ALL (VALUES 5e0)", "< ANY (VALUES -5e0)")
        ],
        ("count(*) FROM UNNEST(sequence(1, 500)) t(n) WHERE nullif(random(1, 4), 2) = 2 OR CASE random(1, 4) WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN 3 THEN 3 END IS NULL", "0"),
        ("count(*) FROM UNNEST(sequence(1, 500)) t(n) WHERE random(1, 3) NOT IN (1, 2) OR CAST(random(1, 3) AS varchar) NOT IN ('1', '2') OR random(1, 4) NOT BETWEEN 1 AND 3", "0"),
        # The names of a lambda's parameters are its own.
        ("transform(ARRAY[3], equal_0 -> ARRAY[1, 2] = ARRAY[1, equal_0]), transform(ARRAY[1], x -> array_except(ARRAY[1, 2], ARRAY[x])), transform(ARRAY[1], x -> array_remove(ARRAY[1, 2], x)), transform(ARRAY['q'], x -> array_join(ARRAY['a', NULL], ',', x))", "[false]|[[2]]|[[2]]|[a,q]"),
        ("map_filter(map(ARRAY[1, 5], ARRAY[1, 2]), (k, v) -> any_match(ARRAY[1, 2], k -> k = v)), map_filter(map(ARRAY[1, 5], ARRAY[1, 2]), (k, v) -> any_match(ARRAY[5], x -> x = k))", "{1=1, 5=2}|{5=2}"),
        ("array_sort(ARRAY[ARRAY[3, 1], ARRAY[2, 1]], (a, b) -> array_sort(a, (x, y) -> x - y)[2] - array_sort(b, (a, y) -> a - y)[2])", "[[2, 1], [3, 1]]"),
        # https://trino.io/docs/current/functions/datetime.html#date-and-time-operators
        ("TIMESTAMP '2026-03-01 10:00:00.000' + 3 * INTERVAL '1' DAY, DATE '2026-01-31' + INTERVAL '1' MONTH * 2, d - n * INTERVAL '1' YEAR FROM (VALUES (DATE '2026-01-01', 5)) t(d, n)", "2026-03-04 10:00:00.000|2026-03-31|2021-01-01"),
        ("INTERVAL '1' DAY / 2, 2 * INTERVAL '1' HOUR, INTERVAL '3' DAY * 1.5", "0 12:00:00.000|0 02:00:00.000|4 12:00:00.000"),
        ("d FROM UNNEST(sequence(DATE '2020-02-29', DATE '2024-03-01', INTERVAL '2' YEAR)) t(d)", "2020-02-29 ; 2022-02-28 ; 2024-02-29"),
    ],
)  # fmt: skip
def test_it_is_answered_as_in_trino(opened: QueryEngine, sql: str, said: str) -> None:
    assert texts(answer(opened, f"SELECT {sql}")) == said


_DOUBLES = st.none() | st.sampled_from([float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 1.5])
_COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def double(value: float | None) -> str:
    return f"CAST({'NULL' if value is None else repr(str(value).replace('inf', 'Infinity').replace('nan', 'NaN'))} AS double)"


def compared(sign: str, one: float | None, other: float | None) -> bool | None:
    return None if one is None or other is None else _COMPARED[sign](one, other)


def every(parts: list[bool | None]) -> bool | None:
    return False if False in parts else None if None in parts else True


def negated(value: bool | None) -> bool | None:
    return None if value is None else not value


@pytest.mark.slow
@settings(max_examples=cases(400), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_DOUBLES, _DOUBLES, _DOUBLES, st.lists(_DOUBLES, min_size=1, max_size=3))
def test_doubles_compare_by_three_valued_logic(
    opened: QueryEngine, one: float | None, low: float | None, high: float | None, others: list[float | None]
) -> None:
    columns = ", ".join(map(double, (one, low, high)))
    values = ", ".join(map(double, others))
    between = every([compared(">=", one, low), compared("<=", one, high)])
    asked = ["x BETWEEN low AND high", "x NOT BETWEEN low AND high", "x + 0e0 BETWEEN low AND (SELECT high)"]
    wanted = [between, negated(between), between]
    for sign in _COMPARED:
        parts = [compared(sign, one, each) for each in others]
        asked += [f"x {sign} low", f"x {sign} ALL (VALUES {values})", f"x {sign} ANY (VALUES {values})"]
        wanted += [compared(sign, one, low), every(parts), negated(every(list(map(negated, parts))))]
    found = texts(answer(opened, f"SELECT {', '.join(asked)} FROM (VALUES ({columns})) t(x, low, high)"))
    assert found == "|".join(_SQL[each] for each in wanted)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        *[
            (sql, r"TYPE_MISMATCH: line 1:\d+: Cannot apply operator")
            for sql in (
                "ARRAY['1'] = ARRAY[1]",
                "ROW('1') = ROW(1)",
                "ROW(1, 2) = ROW(1)",
                "ARRAY[true] = ARRAY[1]",
                "ARRAY[1] = 1",
                "ARRAY[DATE '2020-01-01'] = ARRAY['2020-01-01']",
                "ARRAY['1'] IN (ARRAY[1])",
                "nullif('a', 1)",
                "CASE ARRAY['1'] WHEN ARRAY[1] THEN 1 END",
            )
        ],
        ("ARRAY[1] = ANY (SELECT ARRAY[1])", "NOT_SUPPORTED: IN, ANY or ALL of a query"),
        ("ARRAY[1] NOT IN (SELECT ARRAY[1])", "NOT_SUPPORTED: IN, ANY or ALL of a query"),
        ('1 AS "\ue0001"', "NOT_SUPPORTED: the character"),
        ("contains(ARRAY[ARRAY[1, NULL]], ARRAY[1, 2])", "NOT_SUPPORTED: contains does not support arrays with"),
        ("array_position(ARRAY[ROW(1, NULL)], ROW(1, 2))", "NOT_SUPPORTED"),
        ("2 / INTERVAL '1' DAY", "Cannot apply operator: integer / interval"),
        ("DATE '2026-01-01' * INTERVAL '1' DAY", "Cannot apply operator: date \\* interval"),
        ("DATE '2026-01-01' + 2 * INTERVAL '1' HOUR", "Cannot add hour, minutes or seconds to a date"),
        ("INTERVAL '1' MONTH * 2.5", "NOT_SUPPORTED: a part of a month"),
        ("sequence(DATE '2024-01-31', DATE '2023-05-31', INTERVAL '1' MONTH)", "sequence stop value should be greater"),
        ("sequence(DATE '2024-01-31', DATE '2024-05-31', INTERVAL '0' MONTH)", "step must not be zero"),
    ],
)
def test_what_cannot_be_is_refused(opened: QueryEngine, sql: str, said: str) -> None:
    with pytest.raises(QueryFailed, match=said):
        answer(opened, f"SELECT {sql}")


@settings(max_examples=cases(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dates(date(1990, 1, 1), date(2040, 12, 31)), st.integers(0, 400), st.integers(1, 14))
def test_months_are_counted_from_the_first(opened: QueryEngine, first: date, days: int, step: int) -> None:
    last = first + relativedelta(days=days)
    wanted = []
    while (moment := first + relativedelta(months=step * len(wanted))) <= last:
        wanted.append(str(moment))
    found = answer(opened, f"SELECT sequence(DATE '{first}', DATE '{last}', INTERVAL '{step}' MONTH)")
    assert texts(found) == f"[{', '.join(wanted)}]"


def _nested(form: str, depth: int) -> str:
    value = "x"
    for _ in range(depth):
        value = form.format(value)
    return value


@pytest.mark.parametrize(
    "form",
    [
        "CASE WHEN {} < y THEN x ELSE y END",
        "CASE WHEN {} >= y THEN x ELSE y END",
        "CASE WHEN {} BETWEEN y AND z THEN x ELSE y END",
        "CASE WHEN x BETWEEN y AND {} THEN x ELSE y END",
        "nullif({}, y)",
        "CASE {} WHEN y THEN 1e0 WHEN z THEN x END",
        "nullif(ARRAY[{}], ARRAY[y])[1]",
        "CASE WHEN {} IN (x, y, z) THEN x ELSE y END",
        "if({} > y, x, y)",
        "CASE WHEN {} < ALL (SELECT y) THEN x ELSE y END",
        "CASE WHEN {} > ANY (SELECT y) THEN x ELSE y END",
        "CASE WHEN x = {} THEN x ELSE y END",
        "CASE WHEN (x, {}) = (y, z) THEN x ELSE y END",
        "CAST(array_position(ARRAY[x], {}) AS double)",
        "json_value(json_object('a' VALUE {}), 'lax $.a' DEFAULT 'x' ON EMPTY DEFAULT 'y' ON ERROR)",
        "json_format(CAST(ROW({}, y) AS json))",
        "CAST(json_value(json_array(if({} > y, x, y)), 'lax $[0]' DEFAULT 'x' ON EMPTY) AS double)",
    ],
)
def test_what_is_nested_is_planned_in_the_length_of_what_is_written(form: str) -> None:
    shallow, deep = (
        len(plan(f"SELECT {_nested(form, depth)} FROM (VALUES (1e0, 2e0, 3e0)) t(x, y, z)", "d", _no_columns).sql)
        for depth in (4, 8)
    )
    assert deep < 4 * shallow


def test_a_join_by_arrays_is_one_by_what_is_equal() -> None:
    sql = "SELECT 1 FROM (VALUES ARRAY[1]) t(x) JOIN (VALUES ARRAY[1]) s(y) ON x = y"
    assert '"t"."x" = "s"."y"' in plan(sql, "d", _no_columns).sql


def _no_columns(table: TableName, position: str) -> tuple[Columns, Columns]:
    raise AssertionError(table)
