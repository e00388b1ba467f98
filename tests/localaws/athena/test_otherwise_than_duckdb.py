# ruff: noqa: E501  (a table of queries reads best one to a line)
"""Where DuckDB answers otherwise than Trino, or takes what Trino refuses: Trino's reference says what is right.

https://trino.io/docs/current/functions.html
"""

from __future__ import annotations

import pytest

from localaws.athena import results
from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from tests.localaws.athena.test_sql import OneTable


def _answered(engine: QueryEngine, sql: str) -> str:
    engine.catalog = OneTable()  # type: ignore[assignment]
    answer = engine.answer(f"SELECT {sql}", "db")
    rows = results.writer(answer.columns, answer.table.schema)(answer.table)
    return " ; ".join("|".join("NULL" if text is None else text for text in row) for row in rows)


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        # NaN is equal to, less and greater than nothing: https://trino.io/docs/current/functions/math.html
        ("nan() = nan(), nan() <> nan(), nan() > 1, nan() >= 1, 1 < nan(), 1 <= nan(), NOT (nan() > 1)", "false|true|false|false|false|false|true"),
        ("nan() BETWEEN 1 AND 2, 1 BETWEEN 0 AND nan(), infinity() > 1", "false|false|true"),
        ("nan() IN (nan(), 1e0), nan() NOT IN (nan(), 1e0), 1e0 IN (nan(), 1e0), count(*) FROM (VALUES nan(), 1e0) t(x) WHERE x IN (SELECT x FROM (VALUES nan(), 1e0) u(x))", "false|true|true|1"),
        ("count(*) FROM (VALUES nan(), 1e0) a(x) JOIN (VALUES nan(), 1e0) b(x) ON a.x = b.x", "1"),
        ("x FROM (VALUES nan(), 1e0, infinity()) t(x) ORDER BY x", "1.0 ; Infinity ; NaN"),
        # https://trino.io/docs/current/functions/datetime.html
        ("date_parse('05/01/69', '%d/%m/%y'), date_parse('05/01/70', '%d/%m/%y')", "2069-01-05 00:00:00.000|1970-01-05 00:00:00.000"),
        ("date_parse('1969 x%y', '%Y x%%y'), date_parse('69', '%y')", "1969-01-01 00:00:00.000|2069-01-01 00:00:00.000"),
        ("INTERVAL '-3' MONTH, INTERVAL '14' MONTH, INTERVAL '-14' MONTH", "-0-3|1-2|-1-2"),
        # https://trino.io/docs/current/functions/json.html
        ("json_extract('{\"a\":null}', '$.a'), json_extract('{\"a\":null}', '$.b')", "null|NULL"),
        ("json_extract_scalar('{\"a\":1e3}', '$.a'), json_extract_scalar('{\"a\":2.50}', '$.a'), json_extract_scalar('{\"a\":null}', '$.a')", "1e3|2.50|NULL"),
        ("json_parse('{\"b\":1,\"a\":{\"d\":1,\"c\":2}}')", '{"a":{"c":2,"d":1},"b":1}'),
        ("CAST(json_extract('{\"a\":\"x\"}', '$.a') AS varchar), CAST(json_parse('5') AS varchar), CAST(json_parse('null') AS varchar)", "x|5|NULL"),
        # https://trino.io/docs/current/functions/array.html
        ("any_match(ARRAY[NULL], x -> x > 1), any_match(ARRAY[NULL, 2], x -> x > 1), any_match(ARRAY[1], x -> x > 1)", "NULL|true|false"),
        ("all_match(ARRAY[NULL, 2], x -> x > 1), all_match(ARRAY[NULL, 1], x -> x > 1), all_match(ARRAY[], x -> x > 1)", "NULL|false|true"),
        ("none_match(ARRAY[1], x -> x > 1), none_match(ARRAY[NULL], x -> x > 1), none_match(ARRAY[2], x -> x > 1)", "true|NULL|false"),
        ("map_agg(k, v) FROM (VALUES ('a', 1), ('a', 2), ('b', NULL), (NULL, 3)) t(k, v)", "{a=1, b=null}"),
        ("array_union(ARRAY[1, 2, NULL], ARRAY[2, 3, NULL]), array_except(ARRAY[1, 2, 2, 3, NULL], ARRAY[3])", "[1, 2, null, 3]|[1, 2, null]"),
        ("array_intersect(ARRAY[1, 2, 2, NULL], ARRAY[2, 3, NULL]), array_intersect(ARRAY[1], NULL)", "[2, null]|NULL"),
        ("arrays_overlap(ARRAY[1, 2], ARRAY[2]), arrays_overlap(ARRAY[1, NULL], ARRAY[2]), arrays_overlap(ARRAY[1], ARRAY[2])", "true|NULL|false"),
        ("arrays_overlap(ARRAY[NULL], CAST(ARRAY[] AS array(integer))), arrays_overlap(CAST(ARRAY[] AS array(integer)), NULL)", "false|NULL"),
        ("repeat('x', 3), map(), cardinality(repeat(1, 0))", "[x, x, x]|{}|0"),
        ("CAST(json_parse('[1,null]') AS array(bigint)), CAST(json_parse('{\"a\":1.5}') AS map(varchar, double))", "[1, null]|{a=1.5}"),
        ("CAST(json_extract('{\"a\":5}', '$.a') AS bigint), CAST(json_extract('{\"a\":5}', '$.b') AS bigint), TRY_CAST(json_parse('\"x\"') AS bigint)", "5|NULL|NULL"),
        ("TRY_CAST(12345 AS varchar(3)), TRY_CAST(json_parse('[1]') AS varchar), TRY_CAST(json_parse('5') AS varchar), TRY_CAST(12 AS varchar(2))", "NULL|NULL|5|12"),
        ("n FROM UNNEST(CAST(json_parse('[\"a\",\"b\"]') AS array(varchar))) AS t(n)", "a ; b"),
        # https://trino.io/docs/current/functions/bitwise.html, …/conversion.html, …/binary.html
        ("bitwise_and(12, 10), bitwise_or(12, 10), bitwise_xor(12, 10), bitwise_not(1), bitwise_and(7, 3) + 1", "8|14|6|-2|4"),
        ("bitwise_and_agg(x), bitwise_or_agg(x), geometric_mean(x) FROM (VALUES 1, 4) t(x)", "0|5|2.0"),
        ("to_base64(to_utf8('ab')), from_utf8(from_base64('YWI=')), crc32(to_utf8('a')), concat(to_utf8('a'), to_utf8('b'))", "YWI=|ab|3904355907|61 62"),
        ("to_hex(sha1(to_utf8('a'))), substr(to_hex(sha512(to_utf8('a'))), 1, 8)", "86F7E437FAA5A7FCE15D1DDCB9EAEAEA377667B8|1F40FC92"),
        ("last_day_of_month(DATE '2024-02-10'), last_day_of_month(TIMESTAMP '2024-12-10 10:00:00'), yow(DATE '2024-12-30')", "2024-02-29|2024-12-31|2025"),
        ("to_iso8601(DATE '2024-01-05'), to_iso8601(TIMESTAMP '2024-01-05 10:00:00.123'), to_iso8601(TIMESTAMP '2024-01-05 10:00:00.000 UTC')", "2024-01-05|2024-01-05T10:00:00.123|2024-01-05T10:00:00.000Z"),
        ("approx_percentile(x, ARRAY[0.25, 0.75]), approx_percentile(x, 0.5) FROM (VALUES 1, 2, 3, 4) t(x)", "[1, 3]|2"),
        # https://trino.io/docs/current/functions/regexp.html, …/url.html: an address is Java's URI, its parts are decoded
        ("regexp_extract_all('1a 2b 14m', '\\d+'), regexp_extract_all('1a 2b 14m', '(\\d+)([a-z]+)', 2), regexp_split('1a 2b 14m', '\\s*[a-z]+\\s*')", "[1, 2, 14]|[a, b, m]|[1, 2, 14, ]"),
        ("url_extract_port('https://a.b:80/p'), url_extract_fragment('https://a.b/p#f'), url_extract_path('https://a.b/p%20x'), url_extract_host('https://a b/p'), url_extract_query('https://a.b/?a=b%20c')", "80|f|/p x|NULL|a=b c"),
        # What an address has not is an empty text; what is no address has nothing.
        ("url_extract_query('http://a.b/p'), url_extract_fragment('http://a.b/p?'), url_extract_host('foo'), url_extract_path('mailto:x@a.b'), url_extract_path('foo'), url_extract_query('http://a.b/^')", "||||foo|NULL"),
        ("url_encode('ä/ ~*-._'), url_decode('%C3%A4%2F+%7E')", "%C3%A4%2F+%7E*-._|ä/ ~"),
        ("hamming_distance('abc', 'abd'), e(), sinh(0), cosh(0), tanh(0)", "1|2.718281828459045|0.0|1.0|0.0"),
        ("typeof(sum(k)), typeof(avg(p)), typeof(k + 1.5) FROM t GROUP BY k + 1.5 ORDER BY 1 LIMIT 1", "bigint|decimal(10,2)|double"),
        ("typeof(sum(k)) FROM t", "bigint"),
        ("typeof(max(k)) FROM t WHERE false", "integer"),
        ("typeof(sum(k) OVER ()) FROM t", "bigint ; bigint"),
        ("DISTINCT k, s AS n FROM t ORDER BY n DESC, t.k, 1", "2|xyz ; 1|abc"),
        ("DISTINCT upper(s) FROM t ORDER BY upper(s)", "ABC ; XYZ"),
        ("DISTINCT k + 1 AS n, s FROM t AS u ORDER BY u.k + 1 DESC, 2, n", "3|xyz ; 2|abc"),
        ("DISTINCT s, count(*) AS c FROM t GROUP BY s ORDER BY count(*), 1", "abc|1 ; xyz|1"),
        # https://trino.io/docs/current/functions/comparison.html
        ("k FROM t WHERE k = ANY (SELECT 1) AND k <= ALL (SELECT k FROM t) AND x <= ALL (SELECT x FROM t)", "1"),
        ("'tea' = ANY (VALUES 'jam', 'tea'), 3 < ALL (VALUES 1, 2, 3), 9 >= SOME (SELECT 8 UNION ALL SELECT 10)", "true|false|true"),
        ("count(*) FROM t WHERE k = ANY (VALUES 1, 3) AND k <> ALL (VALUES 7)", "1"),
    ],
)  # fmt: skip
def test_the_answer_is_trinos(opened: QueryEngine, sql: str, written: str) -> None:
    assert _answered(opened, sql) == written


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("split_part('a,b', ',', 0)", "INVALID_FUNCTION_ARGUMENT: Index must be greater than zero"),
        ("date_trunc('hour', DATE '2024-01-01')", "INVALID_FUNCTION_ARGUMENT: 'hour' is not a valid DATE field"),
        ("date_trunc('decade', d) FROM t", "INVALID_FUNCTION_ARGUMENT: 'decade' is not a valid DATE field"),
        ("date_diff('hour', d, d) FROM t", "INVALID_FUNCTION_ARGUMENT: 'hour' is not a valid DATE field"),
        ("date_diff('century', ts, ts) FROM t", "INVALID_FUNCTION_ARGUMENT: 'century' is not a valid TIMESTAMP field"),
        ("DATE '2024-01-31' + INTERVAL '1' HOUR", "Cannot add hour, minutes or seconds to a date"),
        ("d - INTERVAL '90' MINUTE FROM t", "Cannot add hour, minutes or seconds to a date"),
        ("CAST('yes' AS boolean)", "INVALID_CAST_ARGUMENT: Cannot cast 'yes' to boolean"),
        ("CAST('2024-01-31T10:00:00' AS timestamp)", "INVALID_CAST_ARGUMENT: Cannot cast '2024-01-31T10:00:00'"),
        ("date('2024-01-31 10:00:00')", "INVALID_CAST_ARGUMENT: Cannot cast '2024-01-31 10:00:00' to date"),
        ("CAST(12345 AS varchar(3))", "INVALID_CAST_ARGUMENT: Value 12345 cannot be represented as varchar(3)"),
        ("CAST(d AS varchar(4)) FROM t", "cannot be represented as varchar(4)"),
        ("CAST(json_parse('[1]') AS varchar)", "INVALID_CAST_ARGUMENT: Cannot cast '[1]"),
        ("DISTINCT k FROM t ORDER BY s", "EXPRESSION_NOT_IN_DISTINCT: line 1:35: For SELECT DISTINCT, ORDER BY"),
        ("repeat('x', -1)", "INVALID_FUNCTION_ARGUMENT: count argument of repeat function must be"),
        ("DISTINCT k FROM t ORDER BY k + 1", "For SELECT DISTINCT, ORDER BY expressions must appear in select list"),
        ("regexp_extract_all('abc', 'b', 1)", "INVALID_FUNCTION_ARGUMENT: Pattern has 0 groups. Cannot access group 1"),
        ("regexp_extract('abc', 'b', -1)", "INVALID_FUNCTION_ARGUMENT: Group cannot be negative"),
        ("from_base64('%')", "INVALID_FUNCTION_ARGUMENT: '%' is no text in base 64"),
        ("CAST(json_parse('\"x\"') AS bigint)", "INVALID_CAST_ARGUMENT"),
        ("hamming_distance('ab', 'abc')", "INVALID_FUNCTION_ARGUMENT"),
        ("json_parse('NaN')", "INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: 'NaN'"),
        ("json_extract(s, '$.a[*].b') FROM t", "NOT_SUPPORTED: a JSON path of more than names and numbers"),
        ("json_extract(s, '$..b') FROM t", "NOT_SUPPORTED: a JSON path of more than names and numbers"),
        ("map(ARRAY[1, 1], ARRAY['a', 'b'])", "INVALID_FUNCTION_ARGUMENT: Duplicate map keys"),
        ("map(ARRAY[1, 2], ARRAY['a'])", "INVALID_FUNCTION_ARGUMENT: Key and value arrays must be the same length"),
        ("sum(x) FROM (VALUES 9223372036854775807, 1) t(x)", "NUMERIC_VALUE_OUT_OF_RANGE"),
        ("(SELECT k FROM t)", "SUBQUERY_MULTIPLE_ROWS: Scalar sub-query has returned multiple rows"),
        (
            "k FROM t WHERE k = ANY (SELECT s FROM t)",
            "TYPE_MISMATCH: line 1:23: Cannot apply operator: integer = varchar",
        ),
        ("k FROM t ORDER BY k FETCH FIRST 1 ROW WITH TIES", "NOT_SUPPORTED: FETCH FIRST … WITH TIES"),
        ("* FROM t NATURAL JOIN t AS u", "NOT_SUPPORTED: line 1:1: Natural join not supported"),
        ("1_000", "SYNTAX_ERROR: line 1:1: the number 1_000"),
        ("0xFF", "SYNTAX_ERROR: line 1:1: the number 0xFF"),
        ("'a' 'b'", "SYNTAX_ERROR: line 1:1: a text behind a text"),
        ("k FROM t WHERE k BETWEEN SYMMETRIC 2 AND 1", "SYNTAX_ERROR: line 1:1: Between with symmetric"),
    ],
)
def test_what_trino_refuses_is_refused(opened: QueryEngine, sql: str, said: str) -> None:
    with pytest.raises(QueryFailed) as refused:
        _answered(opened, sql)
    assert said in str(refused.value)
