# ruff: noqa: E501  (a table of queries reads best one to a line)
"""What only other engines have is refused by its name: what passes here passes on Athena."""

from __future__ import annotations

import re

import pytest
from sqlglot import exp

from localaws.athena.errors import QueryFailed
from localaws.athena.parameters import with_parameters
from localaws.athena.plan import plan

FOREIGN = {
    "SELECT * FROM t USING SAMPLE 1": "sample", "SELECT * FROM t USING SAMPLE 10%": "sample",
    "SELECT * FROM (SELECT * FROM t USING SAMPLE 1) q": "sample",
    "SELECT 1 WHERE EXISTS (SELECT * FROM t USING SAMPLE 1)": "sample",
    "SELECT * EXCLUDE (a) FROM t": "Star with except", "SELECT * REPLACE (1 AS a) FROM t": "Star with replace",
    "FROM t": "FROM without SELECT", "FROM t SELECT a": "FROM without SELECT", "SELECT a::varchar FROM t": "::",
    "SELECT * FROM t ASOF JOIN t u ON t.a = u.a": "ASOF", "SELECT * FROM t SEMI JOIN t u ON t.a = u.a": "SEMI",
    "SELECT * FROM t ANTI JOIN t u ON t.a = u.a": "ANTI", "SELECT * FROM t LEFT SEMI JOIN t u ON t.a = u.a": "SEMI",
    "SELECT a FROM t GROUP BY ALL": "GROUP BY ALL", "SELECT DISTINCT ON (a) a FROM t": "Distinct with on",
    "SELECT a FROM t LIMIT 10%": "Limit with percent|Limit",
    "SELECT [1, 2]": r"\[…\]", "SELECT ARRAY[[1], [2]]": r"\[…\]",
    "SELECT a FROM t WHERE a GLOB 'x'": "Glob", "SELECT a FROM t WHERE a ILIKE 'x'": "ILike",
    "SELECT a FROM t WHERE a SIMILAR TO 'x'": "SimilarTo", "SELECT a FROM t UNION BY NAME SELECT a FROM t": "by_name",
    "SELECT a FROM t CLUSTER BY a": "cluster", "SELECT a FROM t SORT BY a": "sort",
    "SELECT a FROM t DISTRIBUTE BY a": "distribute", "SELECT a FROM t FOR UPDATE": "locks",
    "SELECT AS STRUCT a FROM t": "kind", "SELECT a INTO x FROM t": "into",
    "SELECT 2 ^ 3": r"\^", "SELECT 2 & 3": "&", "SELECT 2 | 3": r"\|", "SELECT a FROM t WHERE a RLIKE 'x'": "RLIKE",
    "SELECT a FROM t WHERE a == 'x'": "==", "SELECT a FROM t WHERE a <=> 'x'": "<=>",
    "SELECT CASE WHEN true THEN [1] END": r"\[…\]", "SELECT ARRAY[1] || [2]": r"\[…\]",
    "SELECT * FROM (FROM t)": "FROM without SELECT", "SELECT a, FROM t": "a comma before FROM",
    "SELECT a FROM t UNPIVOT (x FOR y IN (a))": "Pivot|pivots",
    **dict.fromkeys(("SELECT * FROM t JOIN t u", "SELECT * FROM t LEFT JOIN t u"), "JOIN without ON or USING"),
    "SELECT a FROM t LIMIT 1, 2": "LIMIT with a comma", "SELECT a FROM t LIMIT 1 + 1": "LIMIT of other than a number",
    "SELECT a FROM t LIMIT '1'": "LIMIT of other", "SELECT a FROM t OFFSET 1 + 1": "OFFSET of other",
    "SELECT a LIKE ANY ('a', 'b') FROM t": "LIKE with ANY", "SELECT a ~~ 'a' FROM t": "~~",
    "WITH q AS MATERIALIZED (SELECT 1) SELECT * FROM q": "CTE with materialized",
    "WITH q AS NOT MATERIALIZED (SELECT 1) SELECT * FROM q": "AS NOT",
    "WITH q AS (SELECT 1 x) FROM q": "FROM without SELECT",
    "SELECT ~1": "~", "SELECT !true": "!", "SELECT 1 << 1": "BitwiseLeftShift", "SELECT 1 >> 1": "BitwiseRightShift",
    "SELECT 5 DIV 2": "IntDiv", "SELECT a -> 'b' FROM t": "JSONExtract", "SELECT a ->> 'b' FROM t": "->>",
    "SELECT N'a'": "N'a'", "SELECT true IS TRUE": "IS TRUE", "SELECT true IS NOT FALSE": "IS FALSE",
    "SELECT true IS UNKNOWN": "IS UNKNOWN", "SELECT 1 NOT NULL": "NOT NULL",
    "SELECT 1 IS NULL IS NULL": "comparison of a comparison", "SELECT 1 = 1 = true": "comparison of a comparison",
    "SELECT 1 IN ARRAY[1]": "In with|IN without", "SELECT 1 IN ()": "IN without",
    "SELECT 1 BETWEEN ASYMMETRIC 0 AND 2": "ASYMMETRIC", "SELECT IF true THEN 1 END": "IF",
    "SELECT a AS 'b' FROM t": "a text for a name",
    "SELECT * FROM UNNEST(ARRAY[1]) WITH OFFSET": "WITH OFFSET", "SELECT 1,": "a comma at the end",
    "SELECT ARRAY[1,]": ", ]", "SELECT * FROM (VALUES (1,), (2))": r", \)",
    "SELECT TIMESTAMP WITH TIME ZONE '2020-01-01 00:00:00 UTC'": "before a text",
    "SELECT count(a) FILTER (a = 'x') FROM t": "FILTER without WHERE",
    "SELECT first_value(a IGNORE NULLS) OVER (ORDER BY a) FROM t": "IGNORE NULLS inside",
    "SELECT array_agg(a) WITHIN GROUP (ORDER BY a) FROM t": "WITHIN GROUP",
    "SELECT sum(1) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) FROM t": "WindowSpec",
}  # fmt: skip
ATHENAS = [
    'SELECT a AS "not", a AS "unknown", a AS "case", a AS "from" FROM t', 'SELECT a AS "null" FROM t WHERE a IS NOT NULL',
    "SELECT * FROM t", "SELECT DISTINCT a FROM t", "SELECT a FROM t ORDER BY a LIMIT 1", "SELECT * FROM t, t u",
    "SELECT * FROM t LEFT OUTER JOIN t u ON t.a = u.a", "SELECT ARRAY[1, 2][1]",
    "SELECT * FROM t CROSS JOIN t u", "SELECT * FROM t FULL JOIN t u USING (a)",
    "SELECT a FROM t UNION ALL SELECT a FROM t",
    "WITH q AS (SELECT a FROM t) SELECT a FROM q", "SELECT a, count(*) FROM t GROUP BY 1 HAVING count(*) > 1",
    "SELECT sum(1) OVER w FROM t WINDOW w AS (ORDER BY a)", "SELECT a FROM t GROUP BY ROLLUP (a)",
    "SELECT regexp_like(a, 'x') FROM t WHERE a = 'x' AND a IS NOT DISTINCT FROM 'x'",
    "SELECT trim(BOTH 'a' FROM a), a || 'x' FROM t", "SELECT ARRAY[1][1]",
    "SELECT CAST(a AS varchar) FROM t", "SELECT a FROM t OFFSET 1 LIMIT 2",
    "SELECT extract(year FROM date '2026-01-01')",
    "SELECT a FROM t EXCEPT SELECT a FROM t", "SELECT x FROM UNNEST(ARRAY[1, 2]) AS u(x)",
    "SELECT * FROM (VALUES (1)) v(x)",
    "SELECT * FROM t JOIN (t u JOIN t v ON u.a = v.a) ON t.a = u.a", "SELECT * FROM t JOIN UNNEST(ARRAY[1]) u(x) ON true",
    "SELECT CASE (a) WHEN 'x' THEN 1 END FROM t", "SELECT NOT NULL", "SELECT '~~', '!', '@', '`', \"a\" FROM t",
    "SELECT true AND NOT NULL", "SELECT a IS NOT NULL AND NOT a = 'x' FROM t", "SELECT (1 = 1) = true",
    "SELECT EXISTS (SELECT 1) = true", "SELECT a FROM t LIMIT ALL", "SELECT count(*) FILTER (WHERE a = 'x') FROM t",
    "SELECT filter(ARRAY[1], x -> x = 1)", "SELECT bitwise_not(1), bitwise_left_shift(1, 1)",
    "SELECT lag(a) IGNORE NULLS OVER (ORDER BY a) FROM t", "SELECT substring(a FROM 2 FOR 1) FROM t",
    "SELECT transform(ARRAY[1], (x) -> x + 1)", "SELECT json_object('a' : 1)", "SELECT a.a FROM t AS a",
    "SELECT CAST(a AS varchar(3)), CAST(ROW(1) AS ROW(x int)), CAST(ARRAY[1] AS array(bigint)) FROM t",
    "SELECT CAST(DATE '2020-01-01' AS timestamp(3) with time zone), TRY_CAST(a AS double) FROM t", "SELECT CAST(NULL AS int ARRAY)",
    "SELECT '::', \"a\" FROM t -- FROM [1] :: x",
]  # fmt: skip


def planned(sql: str) -> str:
    return plan(sql, "db", lambda *_: ({"a": exp.DataType.build("varchar")}, {})).sql


@pytest.mark.parametrize("sql", FOREIGN)
def test_a_clause_of_other_engines_is_refused_by_its_name(sql: str) -> None:
    with pytest.raises(QueryFailed, match=f"({FOREIGN[sql]}).* is no syntax of Athena"):
        planned(sql)


@pytest.mark.parametrize("sql", ATHENAS)
def test_a_clause_of_athenas_is_not(sql: str) -> None:
    assert planned(sql)


def test_a_sample_as_athena_writes_it_is_not_refused() -> None:
    assert planned("SELECT * FROM t TABLESAMPLE SYSTEM (50)")


#: What Trino 435 says of each.
REFUSED = {
    **{f"SELECT CAST(NULL AS {name})": f"TYPE_MISMATCH: line 1:21: Unknown type: {name}" for name in (
        "TEXT", "STRING", "BLOB", "FLOAT", "BOOL", "INT2", "INT4", "INT8", "LONG", "NUMERIC", "DEC", "NUMBER", "FLOAT4",
        "FLOAT8", "SHORT", "CHARACTER", "BINARY", "BYTEA", "DATETIME", "TIMESTAMPTZ", "TIMESTAMP_NTZ", "BIT",
    )},
    "SELECT TRY_CAST(NULL AS string)": "TYPE_MISMATCH: line 1:25: Unknown type: STRING",
    "SELECT CAST(NULL AS row(x string))": "TYPE_MISMATCH: line 1:27: Unknown type: STRING",
    "SELECT CAST(NULL AS array(float))": "TYPE_MISMATCH: line 1:27: Unknown type: FLOAT",
    "SELECT STRING 'a'": "TYPE_NOT_FOUND: line 1:8: Unknown type: STRING",
    **{f"SELECT CAST(NULL AS {name})": "SYNTAX_ERROR: line 1:21:" for name in (
        "INT[]", "TIMESTAMP WITH LOCAL TIME ZONE", "VARCHAR(MAX)",
    )},
    **{f"SELECT INTERVAL {text}": "SYNTAX_ERROR" for text in (
        "1 DAY", "'1 day'", "'1' MILLISECOND", "'1' QUARTER", "'1' WEEK", "'1' DAYS", "'1' CENTURY",
    )},
    **{f"SELECT INTERVAL {text}": "INVALID_LITERAL: line 1:8:" for text in (
        "'1.5' DAY", "' 1' DAY", "'x' MONTH", "'1' MONTH TO DAY", "'1:2' DAY TO SECOND",
    )},
    **{f"SELECT extract({name} FROM DATE '2020-01-01')": f"SYNTAX_ERROR: .*Invalid EXTRACT field: {name}" for name in (
        "EPOCH", "ISODOW", "CENTURY", "DECADE", "YEARS", "MILLISECOND", "DAYOFWEEK",
    )},
    "SELECT extract('year' FROM DATE '2020-01-01')": "SYNTAX_ERROR: .*Expecting: <identifier>",
    "SELECT extract(year, DATE '2020-01-01')": "SYNTAX_ERROR: .*Expecting: 'FROM'",
    "SELECT extract(HOUR FROM DATE '2020-01-01')": "TYPE_MISMATCH: .*Cannot extract HOUR from date",
    "SELECT 1 FROM t WHERE 1": "TYPE_MISMATCH: line 1:23: WHERE clause must evaluate to a boolean: actual type integer",
    "SELECT NOT 1": r"TYPE_MISMATCH: .*Value of logical NOT expression must evaluate to a boolean \(actual: integer\)",
    "SELECT CASE WHEN 1 THEN 2 END": "TYPE_MISMATCH: .*CASE WHEN clause must evaluate to a boolean",
    "SELECT 1 AND true": "TYPE_MISMATCH: .*Logical expression term must", "SELECT true OR 'a'": "TYPE_MISMATCH",
    "SELECT count(*) FILTER (WHERE 1) FROM t": "TYPE_MISMATCH: .*Filter expression must evaluate to a boolean",
    "SELECT * FROM t JOIN t u ON 1": "TYPE_MISMATCH: .*JOIN ON clause must evaluate to a boolean: actual type integer",
    "SELECT 1 FROM (VALUES 1) v(x) GROUP BY x HAVING x": "TYPE_MISMATCH: .*HAVING clause must evaluate",
    **{f"SELECT {name}(ARRAY[1], x -> x)": f"FUNCTION_NOT_FOUND: .*for function {name}" for name in (
        "filter", "any_match", "all_match", "none_match",
    )},
    "SELECT a FROM t ORDER BY 0": "INVALID_COLUMN_REFERENCE: .*ORDER BY position 0 is not in select list",
    "SELECT a FROM t GROUP BY 0": "INVALID_COLUMN_REFERENCE: .*GROUP BY position 0 is not in select list",
    "SELECT count(DISTINCT a) OVER () FROM t": "NOT_SUPPORTED: .*DISTINCT in window function parameters",
    "SELECT t.a FROM t JOIN t u USING (a)": "COLUMN_NOT_FOUND: line 1:8: Column 't.a' cannot be resolved",
    "SELECT sum(1) IGNORE NULLS OVER () FROM t": "NULL_TREATMENT_NOT_ALLOWED",
    "SELECT count(t.*) FROM t": "INVALID_FUNCTION_ARGUMENT: .*label",
    "SELECT sum(true)": r"FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters \(boolean\) for function sum",
    "SELECT avg('a')": "FUNCTION_NOT_FOUND: .*for function avg",
    **{f"SELECT {name}({of})": f"FUNCTION_NOT_FOUND: .*for function {name}" for name in ("max", "min", "greatest")
       for of in ("MAP(ARRAY[1], ARRAY[1])", "json_parse('1')", "ARRAY[MAP(ARRAY[1], ARRAY[1])]")},
    "SELECT max_by(1, MAP(ARRAY[1], ARRAY[1]))": "FUNCTION_NOT_FOUND: .*for function max_by",
    "SELECT array_sort(ARRAY[json_parse('1')])": "FUNCTION_NOT_FOUND: .*for function array_sort",
    "SELECT MAP(ARRAY[1], ARRAY[1]) < MAP(ARRAY[1], ARRAY[1])":
        r"TYPE_MISMATCH: .*Cannot apply operator: map\(integer, integer\) < map\(integer, integer\)",
    **{f"SELECT INTERVAL '1' DAY {sign} INTERVAL '1' MONTH":
       f"TYPE_MISMATCH: .*Cannot apply operator: interval day to second {re.escape(sign)} interval year to month"
       for sign in ("+", "-", "=", "<>", "<", ">=")},
    **{f"SELECT {one}": "TYPE_MISMATCH: .*Cannot find common type between interval day to second and interval year to month"
       for one in ("coalesce(INTERVAL '1' DAY, INTERVAL '1' MONTH)", "ARRAY[INTERVAL '1' DAY, INTERVAL '1' MONTH]",
                   "CASE WHEN true THEN INTERVAL '1' DAY ELSE INTERVAL '1' MONTH END",
                   "if(true, INTERVAL '1' DAY, INTERVAL '1' MONTH)", "INTERVAL '1' DAY UNION SELECT INTERVAL '1' MONTH")},
    "SELECT json_parse('1') >= json_parse('2')": "TYPE_MISMATCH: .*Cannot apply operator: json >= json",
    "SELECT json_parse('1') BETWEEN json_parse('1') AND json_parse('2')": "TYPE_MISMATCH: .*is BETWEEN",
    "SELECT x FROM (VALUES MAP(ARRAY[1], ARRAY[1])) v(x) ORDER BY x": "TYPE_MISMATCH: .*is not orderable",
    "SELECT rank() OVER (ORDER BY x) FROM (VALUES json_parse('1')) v(x)": "TYPE_MISMATCH: .*in window function ORDER BY",
}  # fmt: skip
TAKEN = [
    "SELECT if(NULL, 1, 2), CASE WHEN NULL THEN 1 END, NOT NULL, NULL AND true",
    "SELECT 1 FROM t WHERE NULL",
    "SELECT max(true), max(a), min(ROW(1)), max(ARRAY[1]), array_agg(a ORDER BY a) FROM t",
    "SELECT true < false",
    "SELECT count(DISTINCT a), sum(DISTINCT 1) FROM t",
    "SELECT a FROM t JOIN t u USING (a)",
    "SELECT array_sort(ARRAY[MAP(ARRAY[1], ARRAY[1])], (x, y) -> 1)",
    "SELECT extract(HOUR FROM timestamp '2020-01-01')",
    "SELECT DISTINCT x FROM (VALUES MAP(ARRAY[1], ARRAY[1])) v(x)",
    "SELECT a FROM t ORDER BY 1",
    "SELECT INTERVAL '1' DAY, INTERVAL -'2' MONTH, INTERVAL '1-2' YEAR TO MONTH, INTERVAL '1 2:03' DAY TO MINUTE",
    "SELECT interval, date, text FROM (VALUES (1, 2, 3)) v(interval, date, text)",
    "SELECT avg(1), sum(1.5e0) FROM t",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_what_trino_refuses_is_refused_in_its_words(sql: str) -> None:
    with pytest.raises(QueryFailed, match=REFUSED[sql]):
        planned(sql)


@pytest.mark.parametrize("sql", TAKEN)
def test_what_trino_takes_is_taken(sql: str) -> None:
    assert planned(sql)


def test_a_count_of_rows_is_a_number_or_a_parameter() -> None:
    assert planned(with_parameters("SELECT a FROM t WHERE a = ? OFFSET ? LIMIT ?", ["'x'", "1", "2"]))
    assert planned(with_parameters("SELECT a FROM t FETCH FIRST ? ROWS ONLY", ["5"]))
    for written in ("SELECT a FROM t LIMIT (1)", with_parameters("SELECT a FROM t LIMIT ?", ["1 + 1"])):
        with pytest.raises(QueryFailed, match="LIMIT of other than a number"):
            planned(written)
