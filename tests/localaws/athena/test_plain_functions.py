# ruff: noqa: E501  (a table of queries reads best one to a line)
"""What functions of values refuse, in Trino's words; what they answer stands in ``trino_answers.json``."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws.athena import plain_functions
from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from localaws.athena.plain_functions import DUCKDB, PLAIN, RESULTS
from tests.laws import cases
from tests.localaws.athena.answers import texts
from tests.localaws.athena.test_functions import answer


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("soundex('Müller')", "INVALID_FUNCTION_ARGUMENT: The character is not mapped: Ü"),
        ("luhn_check('a')", "INVALID_FUNCTION_ARGUMENT: Input contains non-digit character"),
        ("split_to_multimap('a=1;b', ';', '=')", "INVALID_FUNCTION_ARGUMENT: Key-value delimiter must appear exactly once in each entry. Bad input: b"),
        ("hmac_md5(to_utf8('a'), to_utf8(''))", "GENERIC_INTERNAL_ERROR: Empty key"),
        ("from_big_endian_64(from_hex('00'))", "INVALID_FUNCTION_ARGUMENT: expected 8-byte input, but got instead: 1"),
        ("from_ieee754_64(from_hex('00'))", "INVALID_FUNCTION_ARGUMENT: Input floating-point value must be exactly 8 bytes long"),
        ("from_base32('1')", "INVALID_FUNCTION_ARGUMENT: '1' is no text in base 32"),
        ("from_base64url('!')", "INVALID_FUNCTION_ARGUMENT: '!' is no text in base 64 for addresses"),
        ("human_readable_seconds(nan())", "INVALID_FUNCTION_ARGUMENT: Invalid argument found: NaN"),
        *[(f"parse_data_size('{each}')", f"INVALID_FUNCTION_ARGUMENT: Invalid data size: '{each}'") for each in ("2.3 MB", "1KB", "x", "")],
        ("parse_data_size('99999999999999999YB')", "NUMERIC_VALUE_OUT_OF_RANGE: Value out of range"),
        ("normal_cdf(0, 0, 1)", "INVALID_FUNCTION_ARGUMENT: standardDeviation must be > 0"),
        ("inverse_normal_cdf(0, 1, 1)", "INVALID_FUNCTION_ARGUMENT: p must be 0 > p > 1"),
        ("inverse_normal_cdf(0, -1, 0.5e0)", "INVALID_FUNCTION_ARGUMENT: sd must be > 0"),
        ("wilson_interval_lower(5, 3, 1)", "INVALID_FUNCTION_ARGUMENT: number of successes must not be larger than number of trials"),
        ("regexp_position('abc', '[0-9]', 0)", "INVALID_FUNCTION_ARGUMENT: start position cannot be smaller than 1"),
        ("regexp_position('abc', 'b', 1, 0)", "INVALID_FUNCTION_ARGUMENT: occurrence cannot be smaller than 1"),
        ("trim_array(ARRAY[1, 2, 3], 4)", "INVALID_FUNCTION_ARGUMENT: size must not exceed array cardinality 3: 4"),
        ("trim_array(ARRAY[1, 2, 3], -1)", "INVALID_FUNCTION_ARGUMENT: size must not be negative: -1"),
        ("ngrams(ARRAY['a'], 0)", "INVALID_FUNCTION_ARGUMENT: N must be positive"),
        ("max_by(a, a, 0) FROM (VALUES 1) t(a)", "INVALID_FUNCTION_ARGUMENT: third argument of max_by must be a positive integer"),
        ("min_by(a, a, 2) FILTER (WHERE a > 1) FROM (VALUES 1) t(a)", "NOT_SUPPORTED: min_by with a number of rows, with FILTER or OVER"),
        ("TIMESTAMP '2024-05-15 13:14:15 +14:30'", "INVALID_FUNCTION_ARGUMENT: Time zone not supported: +14:30"),
        ("levenshtein_distance(lpad('', 1001, 'a'), lpad('', 1000, 'b'))", "INVALID_FUNCTION_ARGUMENT: The combined inputs for Levenshtein distance are too large"),
        ("split_to_multimap('a=1', '', '=')", "INVALID_FUNCTION_ARGUMENT: entryDelimiter is empty"),
        ("reduce_agg(x, '', (s, x) -> s || x, (a, b) -> a || b) FROM (VALUES 'a') t(x)", "NOT_SUPPORTED: line 1:8: State type not supported for reduce_agg: varchar"),
        ("approx_most_frequent(1, x, 10) FROM (VALUES 1) t(x)", "INVALID_FUNCTION_ARGUMENT: approx_most_frequent bucket count must be greater than one"),
        ("json_value('{\"a\":1e30}', 'lax $.a' RETURNING bigint ERROR ON ERROR)", "JSON_VALUE_RESULT_ERROR"),
        ("json_object('a' VALUE json_parse('[1]'))", "INVALID_CAST_ARGUMENT: Cannot cast '[1]' to varchar"),
    ],
)  # fmt: skip
def test_it_is_refused_as_in_trino(opened: QueryEngine, sql: str, said: str) -> None:
    with pytest.raises(QueryFailed) as refused:
        answer(opened, f"SELECT {sql}")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("TIMESTAMP '2024-05-15 13:14:15.000 +05:30', TIMESTAMP '2024-05-15 13:14:15.000' AT TIME ZONE '+02:00', TIMESTAMP '2024-05-15 13:14:15.000 +00:00'", "2024-05-15 13:14:15.000 +05:30|2024-05-15 15:14:15.000 +02:00|2024-05-15 13:14:15.000 UTC"),
        ("date_trunc('day', TIMESTAMP '2024-05-15 01:14:15.000 UTC' AT TIME ZONE '-05:00'), date_add('day', 1, TIMESTAMP '2024-05-15 13:14:15.000 +05:30')", "2024-05-14 00:00:00.000 -05:00|2024-05-16 13:14:15.000 +05:30"),
        ("from_unixtime(0, '+02:00'), CAST(TIMESTAMP '2024-05-15 23:14:15 -05:30' AT TIME ZONE 'UTC' AS varchar)", "1970-01-01 02:00:00.000 +02:00|2024-05-16 04:44:15 UTC"),
        ("json_value('{\"a\":1.7}', 'lax $.a' RETURNING bigint), json_value('{\"a\":-1.5}', 'lax $.a' RETURNING integer), json_value('{\"a\":\"1.7\"}', 'lax $.a' RETURNING bigint), json_value('{\"a\":1e30}', 'lax $.a' RETURNING bigint)", "2|-2|NULL|NULL"),
        ("json_value('{\"a\":2.5}', 'lax $.a' RETURNING bigint NULL ON EMPTY), json_value('{\"a\":2.5}', 'lax $.a')", "3|2.5"),
        ("json_value('{\"a\":1}' FORMAT JSON, 'lax $.a'), json_query('{\"a\":[1]}' FORMAT JSON, 'lax $.a')", "1|[1]"),
        ("json_object('a' VALUE json_parse('\"x\"'), 'b' VALUE json_parse('null')), json_array(json_parse('1'))", '{"a":"x","b":null}|["1"]'),
        ("contains(ARRAY[], ARRAY[1]), contains(ARRAY[], CAST(NULL AS array(integer))), array_position(ARRAY[], ARRAY[1]), contains(ARRAY[], 1)", "false|NULL|0|false"),
    ],
)  # fmt: skip
def test_it_is_answered_as_in_trino(opened: QueryEngine, sql: str, said: str) -> None:
    assert texts(answer(opened, f"SELECT {sql}")) == said


def test_each_form_has_the_types_of_its_letters() -> None:
    assert all(set(each.takes) <= DUCKDB.keys() and each.gives in RESULTS for each in PLAIN.values())
    assert RESULTS.keys() <= DUCKDB.keys()


@settings(max_examples=cases(50))
@given(st.binary(max_size=40))
def test_what_is_written_in_another_base_is_read_again(data: bytes) -> None:
    assert plain_functions.from_base32(PLAIN["to_base32"].function(data)) == data
    assert plain_functions.from_base64url(PLAIN["to_base64url"].function(data)) == data
    assert plain_functions.from_base64url(PLAIN["to_base64url"].function(data).rstrip("=")) == data


@settings(max_examples=cases(50))
@given(st.integers(min_value=-(2**63), max_value=2**63 - 1), st.floats())
def test_numbers_as_bytes_are_read_again(whole: int, real: float) -> None:
    assert PLAIN["from_big_endian_64"].function(PLAIN["to_big_endian_64"].function(whole)) == whole
    assert PLAIN["from_ieee754_64"].function(PLAIN["to_ieee754_64"].function(real)) == pytest.approx(
        real, rel=0, abs=0, nan_ok=True
    )


@settings(max_examples=cases(50))
@given(st.text("0123456789", min_size=1, max_size=20))
def test_one_digit_of_ten_checks_a_number(digits: str) -> None:
    assert sum(plain_functions.luhn_check(digits + last) for last in "0123456789") == 1
