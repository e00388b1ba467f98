# ruff: noqa: E501  (a table of queries reads best one to a line)
"""Functions of texts, JSON paths and bits: https://trino.io/docs/current/functions/json.html, …/conversion.html."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localaws.athena import text_functions
from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from tests.laws import cases
from tests.localaws.athena.answers import texts
from tests.localaws.athena.test_functions import answer


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("bitwise_left_shift(1, 3), bitwise_left_shift(CAST(1 AS tinyint), 9), bitwise_left_shift(BIGINT '1', 40), bitwise_left_shift(1, 31)", "8|0|1099511627776|-2147483648"),
        ("bitwise_right_shift(16, 2), bitwise_right_shift(-1, 1), bitwise_right_shift_arithmetic(-8, 1), bitwise_right_shift_arithmetic(-8, 99)", "4|2147483647|-4|-1"),
        ("bit_count(7, 64), bit_count(-7, 8), to_base(-255, 16), from_base('ff', 16)", "3|6|-ff|255"),
        ("width_bucket(5, 0, 10, 5), width_bucket(-1, 0, 10, 5), width_bucket(10, 0, 10, 5), width_bucket(7e0, 10, 0, 5)", "3|0|6|2"),
        ("strpos('abcabc', 'c', 2), strpos('abcabc', 'c', -1), strpos('abcabc', 'c', 3)", "6|6|0"),
        ("random(1), random(5, 6), random(10) < 10, random() < 1", "0|5|true|true"),
        # In the lax mode an array is taken for its elements where a name is asked for.
        ("json_value('{\"a\":{\"b\":5}}', 'lax $.a.b'), json_value('{\"a\":5}', 'lax $.a' RETURNING integer) + 1, json_value('{\"a\":\"x\"}', 'lax $.a' RETURNING integer), json_value('[{\"x\":\"q\"}]', 'lax $.x')", "5|6|NULL|q"),
        ("json_value('{\"a\":[1]}', 'lax $.a'), json_value('{\"a\":null}', 'lax $.a'), json_value('{\"a\":1.50}', 'strict $.\"a\"'), json_value('no', 'lax $.a')", "NULL|NULL|1.5|NULL"),
        ("json_query('{\"a\":[1,2]}', 'lax $.a'), json_query('{\"a\":[1,2]}', 'lax $.a[*]'), json_query('{\"a\":[1,2]}', 'lax $.a[*]' WITH ARRAY WRAPPER), json_query('{\"a\":[1]}', 'lax $.a' WITH CONDITIONAL WRAPPER)", "[1,2]|NULL|[1,2]|[1]"),
        ("json_exists('{\"a\":1}', 'lax $.b'), json_exists('{\"a\":1}', 'strict $.a'), json_exists('[[1]]', 'lax $[0][0]')", "false|true|true"),
        ("json_array_contains('[1,2]', 2), json_array_contains('[1]', true), json_array_contains('[\"a\"]', 'a'), json_array_contains('{}', 1)", "true|false|true|NULL"),
        ("json_array_get('[1,{\"a\":2}]', -1), json_array_get('[1]', 1), is_json_scalar('1'), is_json_scalar('[1]')", '{"a":2}|NULL|true|false'),
        ("format('%s-%05d-%.2f', 'a', 42, 3.14159), format('%,d', 1234567), format('%x', 255), format('%5s|%-5s|', 'a', 'b')", "a-00042-3.14|1,234,567|ff|    a|b    |"),
        ("format('%s%%', 10), format('%2$s %1$s', 'a', 'b'), format('%s %b', DATE '2026-01-02', true), format('%e', 12345.678e0)", "10%|b a|2026-01-02 true|1.234568e+04"),
        ("format('%,.2f', DECIMAL '1234567.895'), format('%s', 1e0), format('%+d|%08.3f', 5, -3.14159), format('%s', CAST(NULL AS varchar))", "1,234,567.90|1.0|+5|-003.142|null"),
        ("parse_datetime('2026-03-01 10:11:12', 'yyyy-MM-dd HH:mm:ss'), parse_datetime('01/Mar/2026:10:11:12 +0000', 'dd/MMM/yyyy:HH:mm:ss Z')", "2026-03-01 10:11:12.000 UTC|2026-03-01 10:11:12.000 UTC"),
        # https://trino.io/docs/current/functions/json.html#json-value: nothing there, and a failure, are two things.
        ("json_value('{\"a\":1}', 'lax $.b' DEFAULT 'x' ON EMPTY), json_value('{\"a\":1}', 'strict $.b' DEFAULT 'y' ON ERROR), json_value('{\"a\":1}', 'lax $.a' DEFAULT 'x' ON EMPTY), json_value('{\"a\":null}', 'lax $.a' DEFAULT 'x' ON EMPTY), json_value(CAST(NULL AS varchar), 'lax $.a' DEFAULT 'x' ON EMPTY)", "x|y|1|NULL|NULL"),
        ("json_value('{}', 'lax $.b' NULL ON EMPTY), json_value('{\"a\":7}', 'lax $.a' RETURNING bigint NULL ON EMPTY ERROR ON ERROR) + 1", "NULL|8"),
        ("json_object('a' VALUE 1, KEY 'b' VALUE 'x\"', 'c' : true), json_object('a' VALUE 1, 'b' VALUE NULL ABSENT ON NULL), json_object('z' VALUE NULL), json_object()", '{"a":1,"b":"x\\\\"","c":true}|{"a":1}|{"z":null}|{}'.replace("\\\\", "\\")),
        ("json_array(1, 'a', true, NULL), json_array(), json_array(1.5, DATE '2026-01-01')", '[1,"a",true]|[]|[1.5,"2026-01-01"]'),
        # JSON that is written in JSON is a part of it, and no text.
        ("json_object('a' : json_object('b' : 1)), json_array(json_object('a' : 1), json_array(2), (json_array(3))), json_object('a' VALUE json_query('{\"b\":[1]}', 'lax $.b'), 'c' VALUE json_query('{}', 'lax $.b')), json_object('a' VALUE '{}')", '{"a":{"b":1}}|[{"a":1},[2],[3]]|{"a":[1],"c":null}|{"a":"{}"}'),
        ("json_array(1, NULL NULL ON NULL), json_array(1, NULL ABSENT ON NULL), json_array(CAST(NULL AS integer) NULL ON NULL), json_array(json_array(NULL NULL ON NULL))", "[1,null]|[1]|[null]|[[null]]"),
        ("json_object(k VALUE v) FROM (VALUES ('a', 1e0), ('b', nan())) t(k, v)", '{"a":1.0} ; {"b":"NaN"}'),
        ("json_value('{}', 'lax $.a' DEFAULT (SELECT 'q') ON EMPTY), json_value('{}', 'lax $.a' DEFAULT NULL ON EMPTY), json_value('[]', 'strict $.a' DEFAULT x ON EMPTY DEFAULT 'f' ON ERROR) FROM (VALUES 'z') t(x)", "q|NULL|f"),
        ("count(*) FROM UNNEST(sequence(1, 500)) t(n) WHERE json_object('a' VALUE element_at(ARRAY[nan(), 1e0], random(1, 3))) NOT IN ('{\"a\":\"NaN\"}', '{\"a\":1.0}')", "0"),
        ("parse_datetime('20260301', 'yyyyMMdd'), parse_datetime('2026-3-1T5 PM', 'yyyy-M-d''T''h a')", "2026-03-01 00:00:00.000 UTC|2026-03-01 17:00:00.000 UTC"),
    ],
)  # fmt: skip
def test_it_is_answered_as_in_trino(opened: QueryEngine, sql: str, said: str) -> None:
    assert texts(answer(opened, f"SELECT {sql}")) == said


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("json_value('{}', '$.a')", "begins with neither 'lax \\$' nor 'strict \\$'"),
        ("json_value('{}', 'lax $.a ? (@ > 1)')", "NOT_SUPPORTED: the JSON path"),
        ("json_value('{}', 'lax $.a' ERROR ON EMPTY)", "JSON_VALUE_RESULT_ERROR: .* no value found"),
        ("json_value('{\"a\":[]}', 'lax $.a' ERROR ON ERROR)", "JSON_VALUE_RESULT_ERROR"),
        ("json_value('{}', 'lax $.a' RETURNING bigint DEFAULT 5 ON EMPTY)", "NOT_SUPPORTED: json_value with both"),
        ("json_object('a' VALUE ARRAY[1])", "NOT_SUPPORTED: arrays, maps and rows in json_object"),
        (
            "json_object(CAST(NULL AS varchar) VALUE 1)",
            "INVALID_FUNCTION_ARGUMENT: null value passed for JSON object key to JSON_OBJECT function",
        ),
        *[
            (
                f"json_object({names}) FROM (VALUES 'a') t(k)",
                "NOT_SUPPORTED: cannot construct a JSON object with duplicate key",
            )
            for names in ("'a' VALUE 1, 'a' VALUE 2", "k VALUE 1, 'a' VALUE NULL")
        ],
        ("json_value('{}', 'lax $.a' DEFAULT 5 ON EMPTY)", "NOT_SUPPORTED: json_value with a DEFAULT that is no text"),
        ("json_object('a' VALUE 1 RETURNING varchar)", "NOT_SUPPORTED: json_object with RETURNING"),
        ("json_object('a' VALUE '{}' FORMAT JSON)", "NOT_SUPPORTED: json_object with FORMAT JSON"),
        ("json_array(1 RETURNING varchar)", "NOT_SUPPORTED: json_array with RETURNING"),
        ("json_array('{}' FORMAT JSON)", "NOT_SUPPORTED: json_array with FORMAT"),
        ("json_query('{}', 'lax $.a' EMPTY ARRAY ON EMPTY)", "NOT_SUPPORTED: json_query with EMPTY"),
        ("json_query('{}', 'lax $.a' RETURNING varchar)", "NOT_SUPPORTED: json_query with RETURNING"),
        ("approx_set(1)", "NOT_SUPPORTED: .* \\(a sketch\\) .* allowed: approx_distinct"),
        ("st_point(1, 2)", "NOT_SUPPORTED: .* \\(shapes on a map\\) .* allowed: columns of longitude"),
        ("format('%d', 'a')", "INVALID_FUNCTION_ARGUMENT: Invalid format string"),
        ("format('%d %d', 1)", "INVALID_FUNCTION_ARGUMENT: Invalid format string"),
        ("format('%', 1)", "INVALID_FUNCTION_ARGUMENT: Invalid format string"),
        ("format('%s', TIMESTAMP '2026-01-01 00:00:00')", "NOT_SUPPORTED: format of timestamp"),
        ("format('%999999s', 1)", "INVALID_FUNCTION_ARGUMENT: Invalid format string"),
        ("parse_datetime('01/Mar/2026 +0200', 'dd/MMM/yyyy Z')", "NOT_SUPPORTED: the zone of"),
        ("parse_datetime('x', 'yyyy')", 'INVALID_FUNCTION_ARGUMENT: Invalid format: "x"'),
        ("parse_datetime('2026-02-30', 'yyyy-MM-dd')", "INVALID_FUNCTION_ARGUMENT: Cannot parse"),
        ("parse_datetime('26', 'yy')", "NOT_SUPPORTED: 'y' in a pattern"),
        ("to_base(1, 99)", "Radix must be between 2 and 36"),
        ("from_base('9', 8)", "Not a valid base-8 number: 9"),
        ("random(0)", "INVALID_FUNCTION_ARGUMENT: bound must be positive"),
        ("random(5, 5)", "INVALID_FUNCTION_ARGUMENT: start value must be less than stop value"),
        ("random(a, b) FROM (VALUES (5, 1)) t(a, b)", "INVALID_FUNCTION_ARGUMENT: start value must be less"),
        *[(f"format('{each}', 5)", "NOT_SUPPORTED: the flags of") for each in ("%(d", "%#x")],
        ("format('%05d', CAST(NULL AS integer))", "NOT_SUPPORTED: the flags of"),
        ("json_value('{\"a\":1e50000000}', 'lax $.a')", "NOT_SUPPORTED: the number 1E\\+50000000"),
        *[
            (sql.format("lpad('', 100000, '[')"), "NOT_SUPPORTED: JSON nested this deeply")
            for sql in (
                "json_array_get({}, 0)",
                "json_exists({}, 'lax $.a')",
                "json_extract({}, '$.a')",
                "json_parse({})",
            )
        ],
        ("bit_count(300, 8)", "Number must be representable"),
        ("width_bucket(1, 2, 2, 4)", "bounds cannot equal each other"),
    ],
)
def test_what_cannot_be_is_refused(opened: QueryEngine, sql: str, said: str) -> None:
    with pytest.raises(QueryFailed, match=said):
        answer(opened, f"SELECT {sql}")


@given(st.integers(-(2**63), 2**63 - 1), st.integers(2, 36))
def test_a_number_in_another_base_is_read_back(value: int, radix: int) -> None:
    assert text_functions.from_base(text_functions.to_base(value, radix), radix) == value


@given(st.text(alphabet="ab", max_size=12), st.text(alphabet="ab", min_size=1, max_size=2), st.integers(1, 4))
def test_the_nth_place_from_either_end_is_that_of_all_places(text: str, part: str, number: int) -> None:
    places = [place + 1 for place in range(len(text)) if text.startswith(part, place)]
    wanted = [(places[number - 1 :] or [0])[0], (places[::-1][number - 1 :] or [0])[0]]
    assert [text_functions.strpos(text, part, each) for each in (number, -number)] == wanted


@settings(max_examples=cases(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.datetimes(datetime(1000, 1, 1), datetime(9999, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    st.sampled_from(["yyyy-MM-dd HH:mm:ss", "yyyyMMddHHmmss", "d MMM yyyy h:m:s a", "EEE, d MMMM yyyy 'at' HH.mm.ss"]),
)
def test_a_moment_that_is_written_in_a_pattern_is_read_by_it(
    opened: QueryEngine, moment: datetime, pattern: str
) -> None:
    shown = pattern.replace("'", "''")
    sql = f"CAST(parse_datetime(format_datetime(TIMESTAMP '{moment}.000', '{shown}'), '{shown}') AS timestamp)"
    assert texts(answer(opened, f"SELECT {sql}")) == f"{moment}.000"
