# ruff: noqa: E501  (a table of queries reads best one to a line)
"""Rows without names, maps, and lambdas of two parameters: https://trino.io/docs/current/functions/lambda.html."""

from __future__ import annotations

import functools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localaws.athena import typing
from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from tests.laws import cases
from tests.localaws.athena.answers import texts
from tests.localaws.athena.test_functions import answer

_NAMED = "CAST(ROW(1, 'x') AS ROW(a integer, b varchar))"


@pytest.mark.parametrize(
    ("sql", "kinds", "written"),
    [
        # Athena names the fields of a row that has no names: https://docs.aws.amazon.com/athena/latest/ug/creating-arrays-with-joins.html
        ("ROW(1, 'x'), ARRAY[ROW(1, 2)]", "row(integer, varchar), array(row(integer, integer))", "{field0=1, field1=x}|[{field0=1, field1=2}]"),
        (f"ROW(1, 'x')[2], (ROW(1, 'x'))[1], {_NAMED}[2]", "varchar, integer, varchar", "x|1|x"),
        ("ARRAY[ROW(7, 8)][1][1], element_at(ARRAY[ROW(7, 8)], 1)[2], map(ARRAY['a'], ARRAY[ROW(1, 5)])['a'][2], ARRAY[ARRAY[1, 2]][1][2]", "integer, integer, integer, integer", "7|8|5|2"),
        ("r[1], r[2] FROM (SELECT ROW(1, 'x') AS r)", "integer, varchar", "1|x"),
        ("max_by(ROW(x, 'q'), x)[2] FROM (VALUES 1, 2) t(x)", "varchar", "q"),
        (f"ROW(1, 2) = ROW(1, 2), ROW(1, 2) <> ROW(1, 3), {_NAMED} = ROW(1, 'x')", "boolean, boolean, boolean", "true|true|true"),
        ("CAST(array_agg(ROW(x, y) ORDER BY x) AS array(row(k integer, v varchar))) FROM (VALUES (1, 'a'), (2, 'b')) t(x, y)", "array(row(k integer, v varchar))", "[{k=1, v=a}, {k=2, v=b}]"),
        ("k, v FROM UNNEST(ARRAY[ROW('a', 1), ROW('b', 2)]) t(k, v)", "varchar, integer", "a|1 ; b|2"),
        ("k, v FROM UNNEST(map_entries(map(ARRAY['a'], ARRAY[1]))) t(k, v)", "varchar, integer", "a|1"),
        ("map_entries(map(ARRAY['a'], ARRAY[1])), map_from_entries(ARRAY[ROW('a', 1)])", "array(row(varchar, integer)), map(varchar, integer)", "[{field0=a, field1=1}]|{a=1}"),
        ("zip(ARRAY[1, 2], ARRAY['a']), zip(ARRAY[1], CAST(NULL AS array(integer)))", "array(row(integer, varchar)), array(row(integer, integer))", "[{field0=1, field1=a}, {field0=2, field1=null}]|NULL"),
        ("zip_with(ARRAY[1, 2], ARRAY['a', 'b', 'c'], (x, y) -> CAST(x AS varchar) || y)", "array(varchar)", "[1a, 2b, null]"),
        ("map_filter(map(ARRAY['a', 'b'], ARRAY[1, 2]), (k, v) -> v > 1), map_filter(CAST(NULL AS map(varchar, integer)), (k, v) -> true)", "map(varchar, integer), map(varchar, integer)", "{b=2}|NULL"),
        ("transform_values(map(ARRAY['a', 'b'], ARRAY[1, 2]), (k, v) -> v / 2e0)", "map(varchar, double)", "{a=0.5, b=1.0}"),
        ("transform_keys(map(ARRAY['a', 'b'], ARRAY[1, 2]), (k, v) -> k || CAST(v AS varchar))", "map(varchar, integer)", "{a1=1, b2=2}"),
        ("transform(ARRAY[1, 2], x -> transform_values(map(ARRAY['a'], ARRAY[10]), (k, v) -> v * x))", "array(map(varchar, integer))", "[{a=10}, {a=20}]"),
        ("multimap_agg(k, v) FROM (VALUES ('a', 1), ('b', 3), ('a', NULL), (NULL, 4)) t(k, v)", "map(varchar, array(integer))", "{a=[1, null], b=[3]}"),
        ("map_union(m) FROM (VALUES map(ARRAY['a'], ARRAY[1]), NULL, map(ARRAY['b'], ARRAY[2])) t(m)", "map(varchar, integer)", "{a=1, b=2}"),
        ("max(x, 2), min(x, 2), max(x, 2) FILTER (WHERE x < 3) FROM (VALUES 1, 2, NULL, 3) t(x)", "array(integer), array(integer), array(integer)", "[3, 2]|[1, 2]|[2, 1]"),
        ("array_sort(ARRAY['bb', 'a', NULL], (a, b) -> CASE WHEN a IS NULL THEN -1 WHEN b IS NULL THEN 1 ELSE length(a) - length(b) END)", "array(varchar)", "[null, a, bb]"),
        # The key of a map is what is written, wherever the map comes from.
        ("map_agg(k, v)[2], histogram(k)[2], map_filter(map_agg(k, v), (x, y) -> true)[2], map_agg(k, v)[CAST(1 AS integer)], map_agg(k, v)[0 + 1] FROM (VALUES (1, 'one'), (2, 'two')) t(k, v)", "varchar, bigint, varchar, varchar, varchar", "two|1|two|one|one"),
        ("m[2], transform_keys(m, (x, y) -> x + 1)[2], map_from_entries(ARRAY[ROW(2, 'q')])[2], a[n], a[2], element_at(m, 2), element_at(a, 2), try(m[1]), MAP(ARRAY[2], ARRAY['p'])[2] FROM (VALUES (map(ARRAY[1, 2], ARRAY['one', 'two']), ARRAY[7, 8], 1)) t(m, a, n)", "varchar, varchar, varchar, integer, integer, varchar, integer, varchar, varchar", "two|one|q|7|8|two|8|one|p"),
        # Whole numbers and decimals are made doubles for these.
        ("corr(x, y), regr_slope(y, x), covar_pop(x, y), covar_samp(x, y) FROM (VALUES (1, DECIMAL '2.0'), (2, DECIMAL '4.0')) t(x, y)", "double, double, double, double", "1.0|2.0|0.5|1.0"),
    ],
)  # fmt: skip
def test_it_is_answered_as_in_trino(opened: QueryEngine, sql: str, kinds: str, written: str) -> None:
    found = answer(opened, f"SELECT {sql}")
    assert texts(found) == written
    assert ", ".join(typing.trino_name(column.type) for column in found.columns) == kinds


@pytest.mark.parametrize("sql", ["ROW(1, 2)[3]", "ROW(1, 2)[0]", f"{_NAMED}[3]"])
def test_a_field_that_a_row_does_not_have_is_refused(opened: QueryEngine, sql: str) -> None:
    with pytest.raises(QueryFailed, match="the subscript of a row"):
        answer(opened, f"SELECT {sql}")


@settings(max_examples=cases(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=6))
def test_a_comparator_orders_as_python_does(opened: QueryEngine, numbers: list[int]) -> None:
    """What a comparator holds equal stays in its order."""
    shown = ", ".join(map(str, numbers))
    found = answer(opened, f"SELECT array_sort(ARRAY[{shown}], (x, y) -> abs(y) - abs(x))")
    wanted = sorted(numbers, key=functools.cmp_to_key(lambda x, y: abs(y) - abs(x)))
    assert texts(found) == f"[{', '.join(map(str, wanted))}]"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        # https://trino.io/docs/current/functions/json.html#cast-to-json: a row is an object, by the names of its fields.
        (f"CAST({_NAMED} AS json), CAST(ROW(1, 'x\"') AS json), CAST(CAST(NULL AS row(a integer)) AS json)", '{"a":1,"b":"x"}|{"":1,"":"x\\""}|NULL'),
        ("CAST(ARRAY[CAST(ROW(1, ARRAY['x', NULL]) AS row(a integer, b array(varchar)))] AS json)", '[{"a":1,"b":["x",null]}]'),
        ("CAST(ARRAY[1.5, NULL, 1e10] AS json), CAST(DATE '2026-01-01' AS json), CAST(TIMESTAMP '2026-01-01 10:00:00.000' AS json)", '[1.5,null,1.0E10]|"2026-01-01"|"2026-01-01 10:00:00.000"'),
        ("CAST(json_parse('{\"a\":1,\"b\":\"x\",\"z\":2}') AS row(a integer, b varchar)), CAST(json_parse('{\"a\":1}') AS row(a integer, b varchar)), CAST(json_parse('[1,\"x\"]') AS row(a integer, b varchar)), CAST(json_parse('null') AS row(a integer))", "{a=1, b=x}|{a=1, b=null}|{a=1, b=x}|NULL"),
        ("CAST(json_parse('[{\"a\":{\"c\":1.5}},null,{\"a\":null}]') AS array(row(a row(c double))))", "[{a={c=1.5}}, null, {a=null}]"),
        ("a, tags[1] FROM UNNEST(CAST(json_parse('[{\"a\":1,\"tags\":[\"x\"]},{\"a\":2}]') AS array(row(a integer, tags array(varchar))))) AS t(a, tags)", "1|x ; 2|NULL"),
        ("CAST(json_parse('{\"A\":1,\"b\":[{\"C\":2}]}') AS row(a integer, b array(row(c integer))))", "{a=1, b=[{c=2}]}"),
        ("TRY_CAST(json_parse('\"x\"') AS row(a integer)), TRY_CAST(json_parse(x) AS row(a integer)) FROM (VALUES '{\"a\":\"q\"}') t(x)", "NULL|NULL"),
    ],
)  # fmt: skip
def test_rows_become_json_and_come_of_it(opened: QueryEngine, sql: str, said: str) -> None:
    assert texts(answer(opened, f"SELECT {sql}")) == said


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("5", "row(a integer)", "Cannot cast a JSON"),
        ("[1]", "row(a integer, b varchar)", "Cannot cast a JSON array of 1 to a row of 2"),
        ('{"a":1,"A":2}', "row(a integer)", "Cannot cast a JSON object with several fields a"),
        ('"x"', "array(row(a integer))", r"Cannot cast to array\(row\(a integer\)\). Expected a json array, but got x"),
        ('"x"', "array(integer)", "Expected ARRAY, but got VARCHAR"),
    ],
)
def test_what_is_no_object_becomes_no_row(opened: QueryEngine, text: str, kind: str, said: str) -> None:
    with pytest.raises(QueryFailed, match=f"^INVALID_CAST_ARGUMENT: {said}"):
        answer(opened, f"SELECT CAST(json_parse('{text}') AS {kind})")
    assert texts(answer(opened, f"SELECT TRY_CAST(json_parse('{text}') AS {kind})")) == "NULL"
