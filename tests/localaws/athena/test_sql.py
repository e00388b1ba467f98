# ruff: noqa: E501  (a table of queries reads best one to a line)
"""Athena's SQL gives what Trino's documentation says, and refuses what it would get wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

import pyarrow as pa
import pytest
from sqlglot import exp

from localaws.athena import results, typing
from localaws.athena.computing import Computer
from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from localaws.athena.hive.pruning import Pruning
from localaws.athena.plan import TableName
from localaws.athena.sources import Rows
from localaws.context import Context

COLUMNS = {
    "k": "int", "big": "bigint", "s": "string", "d": "date", "ts": "timestamp", "p": "decimal(10,2)", "x": "double",
    "arr": "array<int>", "m": "map<string,int>", "r": "struct<a:int,b:string>",
}  # fmt: skip


class Sample:
    """Two rows with every type."""

    columns: ClassVar = {name: typing.hive_type(kind) for name, kind in COLUMNS.items()}

    def rows(self, wanted: set[str]) -> Rows:
        data = [
            {"k": 1, "big": 10, "s": "abc", "d": date(2024, 1, 31), "ts": datetime(2024, 1, 31, 10, 30), "p": Decimal("1.25"),
             "x": 2.5, "arr": [1, 2, 3], "m": [("a", 1), ("b", 2)], "r": {"a": 1, "b": "z"}},
            {"k": 2, "big": 20, "s": "xyz", "d": date(2024, 2, 29), "ts": datetime(2024, 2, 29, 9), "p": Decimal("2.26"),
             "x": 1e10, "arr": [], "m": [], "r": None},
        ]  # fmt: skip
        schema = pa.schema([(name, typing.arrow_type(kind)) for name, kind in self.columns.items()])
        return Rows(pa.Table.from_pylist(data, schema), 0, {name: name for name in COLUMNS})


class OneTable:
    """A catalog with the sample as ``t``."""

    def view_of(self, database: str, name: str, position: str) -> None:
        """Nothing here is a view."""

    def rows(self, name: TableName, wanted: set[str], pruning: Pruning) -> Rows:
        return self.open(name).rows(wanted)

    def readable(self, name: TableName, position: str) -> tuple[dict[str, exp.DataType], dict[str, exp.DataType]]:
        return Sample.columns, {}

    def open(self, name: TableName) -> Sample:
        return Sample()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryEngine]:
    scratch = tmp_path_factory.mktemp("athena")
    found = QueryEngine(
        Context(endpoint="http://127.0.0.1:1", scratch=scratch), account="123456789012", region="us-east-1"
    )
    yield found
    found.close()


@pytest.fixture
def engine(opened: QueryEngine) -> QueryEngine:
    """The sample table, and nothing of a query before; to open one and make its macros takes longer than a query."""
    opened.catalog = OneTable()  # type: ignore[assignment]
    return opened


def text(engine: QueryEngine, sql: str) -> tuple[str, str]:
    """Return types and rows, written as Athena writes them."""
    answer = engine.answer(sql, "db")
    rows = results.writer(answer.columns, answer.table.schema)(answer.table)
    types = ", ".join(
        typing.trino_name(c.type).replace("(3)", "") if c.type.this in typing.TIMESTAMPS else typing.trino_name(c.type)
        for c in answer.columns
    )
    return types, " / ".join(", ".join("NULL" if v is None else v for v in row) for row in rows)


CASES = [
    # numbers
    ("SELECT 7/2, -7/2, 7%3, -7%3", "integer, integer, integer, integer", "3, -3, 1, -1"),
    ("SELECT DECIMAL '7.0'/2, DECIMAL '1.00'/3, DECIMAL '2.00'/3, 7e0/2", "decimal(2,1), decimal(3,2), decimal(3,2), double", "3.5, 0.33, 0.67, 3.5"),
    ("SELECT p*p, p+1, p/3, sum(p) OVER () FROM t WHERE k=1", "decimal(20,4), decimal(13,2), decimal(10,2), decimal(38,2)", "1.5625, 2.25, 0.42, 1.25"),
    ("SELECT cast(99999999.99 AS decimal(10,2)) * cast(99999999.99 AS decimal(10,2))", "decimal(20,4)", "9999999998000000.0001"),
    ("SELECT avg(p), avg(k), sum(k), sum(p), count(*) FROM t", "decimal(10,2), double, bigint, decimal(38,2), bigint", "1.76, 1.5, 3, 3.51, 2"),
    ("SELECT sum(p)/count(*), avg(p) FILTER (WHERE k=2), sum(k) FILTER (WHERE k>5) FROM t", "decimal(38,2), decimal(10,2), bigint", "1.76, 2.26, NULL"),
    ("SELECT k, avg(p) OVER (PARTITION BY k) FROM t ORDER BY k", "integer, decimal(10,2)", "1, 1.25 / 2, 2.26"),
    ("SELECT round(DECIMAL '2.5'), round(DECIMAL '-2.5'), round(2.5e0), round(DECIMAL '2.345', 2)", "decimal(2,0), decimal(2,0), double, decimal(5,3)", "3, -3, 3.0, 2.350"),
    ("SELECT cast(2.5e0 AS integer), cast(2.5 AS integer), cast(-0.5e0 AS bigint)", "integer, integer, bigint", "3, 3, -1"),
    ("SELECT cast(x AS varchar), x, 1e-5, 1e0/0, cast(0.1 AS double) FROM t ORDER BY k", "varchar, double, double, double, double", "2.5, 2.5, 1.0E-5, Infinity, 0.1 / 1.0E10, 1.0E10, 1.0E-5, Infinity, 0.1"),
    ("SELECT try_cast('12.7' AS integer), try_cast('x' AS date), try(1/0), try(cast('x' AS integer))", "integer, date, integer, integer", "NULL, NULL, NULL, NULL"),
    ("SELECT greatest(1, NULL), least(3, 2), coalesce(NULL, 4), nullif(1, 1)", "integer, integer, integer, integer", "NULL, 2, 4, NULL"),
    ("SELECT ceil(p), floor(p), abs(-3), power(2, 3), sqrt(4), mod(7, 3) FROM t WHERE k=1", "decimal(9,0), decimal(9,0), integer, double, double, integer", "2, 1, 3, 8.0, 2.0, 1"),
    # intervals
    ("SELECT typeof(INTERVAL '1' DAY), typeof(2 * INTERVAL '1' YEAR), typeof(DATE '2020-01-02' - DATE '2020-01-01')", "varchar, varchar, varchar", "interval day to second, interval year to month, interval day to second"),
    ("SELECT INTERVAL '1-2' YEAR TO MONTH, INTERVAL '-1-2' YEAR TO MONTH, INTERVAL '1 2:03:04.5' DAY TO SECOND, INTERVAL '2:03' HOUR TO MINUTE", "interval, interval, interval, interval", "1-2, -1-2, 1 02:03:04.500, 0 02:03:00.000"),
    ("SELECT INTERVAL -'1' DAY, INTERVAL '25' HOUR TO MINUTE, INTERVAL '1' DAY TO SECOND, INTERVAL -'1 2:03' DAY TO MINUTE", "interval, interval, interval, interval", "-1 00:00:00.000, 1 01:00:00.000, 1 00:00:00.000, -1 02:03:00.000"),
    # names
    ("SELECT -x AS x FROM (VALUES 1, 2) v(x) ORDER BY x + 0", "integer", "-2 / -1"),
    ("SELECT -a AS b, b AS a FROM (VALUES (1, 1), (2, 0)) v(a, b) ORDER BY a + 0", "integer, integer", "-2, 0 / -1, 1"),
    ("SELECT -x AS x FROM (VALUES 1, 2) v(x) ORDER BY v.x + 0", "integer", "-1 / -2"),
    ("SELECT sum(x) AS x FROM (VALUES 1, 2) v(x) ORDER BY x + 0", "bigint", "3"),
    ("SELECT x AS y, sum(z) AS x FROM (VALUES (1, 5), (2, 4)) v(x, z) GROUP BY x ORDER BY x * 1", "integer, bigint", "2, 4 / 1, 5"),
    ("SELECT max(x) AS x, y FROM (VALUES (1, 5), (2, 4)) v(x, y) GROUP BY y ORDER BY -max(v.x)", "integer, integer", "2, 4 / 1, 5"),
    ("SELECT split_to_map('', ',', '=')", "map(varchar, varchar)", "{}"),
    # dates
    ("SELECT date_diff('day', TIMESTAMP '2024-01-01 23:00:00', TIMESTAMP '2024-01-02 01:00:00'), date_diff('month', DATE '2024-01-31', DATE '2024-02-29')", "bigint, bigint", "0, 1"),
    ("SELECT date_diff('hour', TIMESTAMP '2024-01-01 00:59:00', TIMESTAMP '2024-01-01 02:00:00'), date_diff('day', DATE '2024-03-01', DATE '2024-02-01')", "bigint, bigint", "1, -29"),
    ("SELECT date_add('month', 1, d), date_add('day', -1, d), date_add('quarter', 1, d) FROM t WHERE k=1", "date, date, date", "2024-02-29, 2024-01-30, 2024-04-30"),
    ("SELECT d + INTERVAL '1' DAY, ts - INTERVAL '3' HOUR, date_trunc('month', d), date_trunc('hour', ts) FROM t WHERE k=1", "date, timestamp, date, timestamp", "2024-02-01, 2024-01-31 07:30:00.000, 2024-01-01, 2024-01-31 10:00:00.000"),
    ("SELECT DATE '2024-03-01' - DATE '2024-02-01'", "interval", "29 00:00:00.000"),
    ("SELECT format_datetime(ts, 'yyyy-MM-dd''T''HH:mm:ss.SSS EEE'), date_format(ts, '%Y/%m/%d %H:%i %W') FROM t WHERE k=1", "varchar, varchar", "2024-01-31T10:30:00.000 Wed, 2024/01/31 10:30 Wednesday"),
    ("SELECT date_parse('31/12/2024 23:59', '%d/%m/%Y %H:%i'), date('2024-01-02'), from_iso8601_date('2024-01-03')", "timestamp, date, date", "2024-12-31 23:59:00.000, 2024-01-02, 2024-01-03"),
    ("SELECT year(d), month(d), day(d), hour(ts), day_of_week(d), week(d), quarter(d), day_of_year(d), extract(dow FROM d) FROM t WHERE k=1", "bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint", "2024, 1, 31, 10, 3, 5, 1, 31, 3"),
    ("SELECT cast(ts AT TIME ZONE 'America/New_York' AS timestamp), format_datetime(at_timezone(from_unixtime(0), 'Asia/Tokyo'), 'HH') FROM t WHERE k=1", "timestamp, varchar", "2024-01-31 05:30:00.000, 09"),
    ("SELECT from_unixtime(0), to_unixtime(TIMESTAMP '1970-01-01 00:00:01'), cast(ts AS varchar), cast(d AS timestamp) FROM t WHERE k=1", "timestamp(3) with time zone, double, varchar, timestamp", "1970-01-01 00:00:00.000 UTC, 1.0, 2024-01-31 10:30:00.000, 2024-01-31 00:00:00.000"),
    # text
    ("SELECT regexp_extract('abc', 'z'), regexp_extract('abc', '(z)?b', 1), regexp_extract('abc', 'b(c)', 1), regexp_like('abc', '^a')", "varchar, varchar, varchar, boolean", "NULL, NULL, c, true"),
    ("SELECT regexp_replace('a-b-c', '-'), regexp_replace('ab', '(a)(b)', '$2$1'), regexp_like('abc', 'a(?:b)')", "varchar, varchar, boolean", "abc, ba, true"),
    ("SELECT substr('hello', 0), substr('hello', -3), substr('hello', 2, 3), strpos('hello', 'l'), length('Zoë')", "varchar, varchar, varchar, bigint, bigint", ", llo, ell, 3, 3"),
    ("SELECT 'a' || NULL, concat('a', NULL), split('a,b', ',')[2], split_part('a,b', ',', 3)", "varchar, varchar, varchar, varchar", "NULL, NULL, b, NULL"),
    ("SELECT from_utf8(from_hex('61FF62')), from_utf8(from_hex('C3A9')), from_utf8(NULL)", "varchar, varchar, varchar", "a\ufffdb, é, NULL"),
    ("SELECT lpad('7', 3, '0'), upper('ä'), trim(' a '), reverse('ab'), replace('aba', 'a', 'x'), to_hex(md5(to_utf8('a')))", "varchar, varchar, varchar, varchar, varchar, varchar", "007, Ä, a, ba, xbx, 0CC175B9C0F1B6A831C399E269772661"),
    ("SELECT to_utf8('ab'), true, url_extract_host('https://x.org/a?b=1'), url_extract_parameter('https://x.org/a?b=1&c=%20', 'b')", "varbinary, boolean, varchar, varchar", "61 62, true, x.org, 1"),
    ("SELECT trim('\t a \n'), ltrim(' a'), rtrim('a '), trim(BOTH 'x' FROM 'xax')", "varchar, varchar, varchar, varchar", "a, a, a, a"),
    # json
    ("SELECT json_extract_scalar('{\"a\":{\"b\":[1,2]}}', '$.a.b[1]'), json_extract_scalar('bad', '$.a'), json_extract_scalar('{\"a\":{}}', '$.a')", "varchar, varchar, varchar", "2, NULL, NULL"),
    ("SELECT json_extract('{\"a\": {\"b\": 1}}', '$.a'), json_array_length('[1,2]')", "json, bigint", '{"b":1}, 2'),
    # arrays, maps, rows
    ("SELECT arr[1], element_at(arr, 9), element_at(m, 'zz'), m['a'], cardinality(arr), cardinality(m) FROM t WHERE k=1", "integer, integer, integer, integer, bigint, bigint", "1, NULL, NULL, 1, 3, 2"),
    ("SELECT slice(arr, 2, 2), slice(arr, -2, 2), filter(arr, e -> e > 1), transform(arr, e -> e / 2), contains(arr, 3) FROM t WHERE k=1", "array(integer), array(integer), array(integer), array(integer), boolean", "[2, 3], [2, 3], [2, 3], [0, 1, 1], true"),
    ("SELECT array_join(ARRAY['a', NULL, 'b'], '-'), array_join(ARRAY['a', NULL], '-', '?'), array_sort(ARRAY[2, NULL, 1]), array_position(ARRAY[1], 9)", "varchar, varchar, array(integer), bigint", "a-b, a-?, [1, 2, null], 0"),
    ("SELECT map_agg(s, k), r.a, r FROM t WHERE k=1 GROUP BY r", "map(varchar, integer), integer, row(a integer, b varchar)", "{abc=1}, 1, {a=1, b=z}"),
    ("SELECT k, key, value FROM t CROSS JOIN UNNEST(m) AS u(key, value) ORDER BY key", "integer, varchar, integer", "1, a, 1 / 1, b, 2"),
    ("SELECT e, n FROM t CROSS JOIN UNNEST(arr) WITH ORDINALITY AS u(e, n) ORDER BY n DESC", "integer, bigint", "3, 3 / 2, 2 / 1, 1"),
    ("SELECT a, b FROM UNNEST(ARRAY[1,2], ARRAY['x']) AS u(a, b) ORDER BY a", "integer, varchar", "1, x / 2, NULL"),
    ("SELECT t.k, u.e FROM t LEFT JOIN UNNEST(arr) AS u(e) ON true WHERE k=2", "integer, integer", "2, NULL"),
    # aggregates and windows
    ("SELECT approx_distinct(s), max_by(s, k), min_by(k, s), arbitrary(1), count_if(k > 1), bool_and(k > 0) FROM t", "bigint, varchar, integer, integer, bigint, boolean", "2, xyz, 1, 1, 1, true"),
    ("SELECT max_by(v, o) FROM (VALUES (1, 1), (NULL, 2)) AS q(v, o)", "integer", "NULL"),
    ("SELECT array_agg(k ORDER BY k DESC), listagg(s, ',') WITHIN GROUP (ORDER BY s DESC), approx_percentile(k, 0.5) FROM t", "array(integer), varchar, bigint", "[2, 1], xyz,abc, 1"),
    ("SELECT k, row_number() OVER (ORDER BY k DESC), lag(k) OVER (ORDER BY k) FROM t ORDER BY k", "integer, bigint, integer", "1, 2, NULL / 2, 1, 1"),
    ("SELECT x FROM (VALUES 1, 2) t(x) GROUP BY x HAVING x > 1", "integer", "2"),
    ("SELECT x, n FROM UNNEST(ARRAY[7, 8]) WITH ORDINALITY u(x, n) GROUP BY x, n HAVING n > 1 AND x > 1", "integer, bigint", "8, 2"),
    ("SELECT k, sum(p) FROM t GROUP BY ROLLUP(k) HAVING sum(p) > 1.5 ORDER BY k", "integer, decimal(38,2)", "2, 2.26 / NULL, 3.51"),
    # shapes
    ("WITH a AS (SELECT k + 1 AS q FROM t) SELECT Q AS Big, max(q) OVER () FROM a ORDER BY 1", "integer, integer", "2, 3 / 3, 3"),
    ("SELECT _col0 FROM (SELECT count(*) FROM T)", "bigint", "2"),
    ("SELECT a.k FROM t a JOIN t b ON a.k = b.k WHERE a.k IN (SELECT k FROM t WHERE s LIKE 'a%') AND EXISTS (SELECT 1 FROM t z WHERE z.k = a.k)", "integer", "1"),
    ("SELECT k FROM t UNION ALL SELECT 9 ORDER BY 1 DESC LIMIT 1", "integer", "9"),
    ("VALUES (1, 'a')", "integer, varchar", "1, a"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "types", "rows"), CASES, ids=[case[0][:60] for case in CASES])
def test_a_query_gives_what_trino_gives(engine: QueryEngine, sql: str, types: str, rows: str) -> None:
    assert text(engine, sql) == (types, rows)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT cast('12.7' AS integer)", "INVALID_CAST_ARGUMENT: Cannot cast '12.7' to integer"),
        (
            "SELECT * FROM t WHERE d = '2024-01-01'",
            "TYPE_MISMATCH: line 1:23: Cannot apply operator: date = varchar(10)",
        ),
        ("SELECT s + 1 FROM t", "TYPE_MISMATCH"),
        (
            "SELECT s || 1 FROM t",
            "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (varchar, integer) for function concat",
        ),
        ("SELECT arr[9] FROM t", "INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal"),
        ("SELECT m['zz'] FROM t", "INVALID_FUNCTION_ARGUMENT: Key not present in map"),
        ("SELECT word_stem('a')", "NOT_SUPPORTED: the function 'word_stem'"),
        ("SELECT k FROM t LIMIT 1 OFFSET 2", "SYNTAX_ERROR: line 1:25: mismatched input 'OFFSET'"),
        ("SELECT k FROM (SELECT k FROM t\nLIMIT (1) OFFSET (0))", "SYNTAX_ERROR: line 2:11: mismatched input 'OFFSET'"),
        (
            "SELECT * FROM t MATCH_RECOGNIZE (MEASURES A.k AS s PATTERN (A) DEFINE A AS A.k > 1)",
            "NOT_SUPPORTED: MATCH_RECOGNIZE",
        ),
        ("SELECT nope FROM t", "COLUMN_NOT_FOUND: line 1:8: Column 'nope'"),
        ("SELECT k FROM t a JOIN t b ON a.k = b.k", "AMBIGUOUS"),
        ("SELECT a FROM (SELECT 1 a, 2 a) v", "AMBIGUOUS_NAME: line 1:8: Column 'a' is ambiguous"),
        ("WITH v AS (SELECT 1 a, 2 A) SELECT v.a FROM v", "AMBIGUOUS_NAME"),
        ("SELECT * FROM (SELECT 1 a, 2 a)", "NOT_SUPPORTED"),
        ("SELECT date_parse('x', '%Y')", 'INVALID_FUNCTION_ARGUMENT: Invalid format: "x"'),
        ("SELECT CASE WHEN k = 1 THEN 1 ELSE 'x' END FROM t", "TYPE_MISMATCH"),
        ("SELECT coalesce(k, 'x') FROM t", "TYPE_MISMATCH"),
        ("SELECT k FROM t UNION SELECT s FROM t", "TYPE_MISMATCH"),
        ("SELECT k AS z FROM t GROUP BY z", "COLUMN_NOT_FOUND"),
        ("SELECT 1 % 0", "DIVISION_BY_ZERO"),
        ("SELECT 2147483647 + 1", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ],
)
def test_what_would_be_wrong_is_refused(engine: QueryEngine, sql: str, reason: str) -> None:
    with pytest.raises(QueryFailed) as refused:
        engine.answer(sql, "db")
    assert reason in str(refused.value)


def test_labels_are_as_written_and_numbered_by_position(engine: QueryEngine) -> None:
    found = engine.answer("SELECT t.k, k AS Foo, count(*), cast(k AS varchar), 1 FROM t GROUP BY k", "db")
    assert [c.name for c in found.columns] == ["k", "Foo", "_col2", "_col3", "_col4"]
    assert [c.name for c in engine.answer("SELECT 1 AS A, 2 AS a", "db").columns] == ["A", "a"]
    assert [c.name for c in engine.answer("SELECT b FROM (SELECT 1 AS A, 2 AS a, 3 AS B)", "db").columns] == ["b"]


@pytest.mark.parametrize(
    "sql", ["COPY (SELECT 1) TO '/tmp/x.csv'", "ATTACH '/tmp/x.db'", "SELECT * FROM '/etc/passwd'"]
)
def test_duckdb_cannot_reach_files(engine: QueryEngine, sql: str) -> None:
    assert isinstance(engine.computing, Computer)
    connection = engine.computing.connection.cursor()
    with pytest.raises(Exception, match=r"disabled by configuration|does not exist"):
        connection.execute(sql)


@pytest.mark.parametrize("method", ["BERNOULLI", "SYSTEM"])
def test_a_sample_has_its_share_of_the_rows(engine: QueryEngine, method: str) -> None:
    """All, none, and of many rows about as many as are asked for."""
    engine.catalog = OneTable()  # type: ignore[assignment]

    def count(source: str) -> int:
        return int(engine.answer(f"SELECT count(*) FROM {source}", "db").table.column(0)[0].as_py())

    assert count(f"t TABLESAMPLE {method} (100)") == count("t")
    assert count(f"t AS u TABLESAMPLE {method} (0)") == 0
    many = "(SELECT x FROM UNNEST(sequence(1, 10000)) AS n (x)) AS s"
    if method == "BERNOULLI":  # SYSTEM takes whole blocks of rows
        assert 1500 < count(f"{many} TABLESAMPLE {method} (20)") < 2500
