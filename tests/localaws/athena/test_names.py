"""Reserved words are names in quotes only, as in Athena."""

from __future__ import annotations

import pytest

from localaws.athena.errors import QueryFailed
from localaws.athena.plan import parse
from localaws.athena.reserved import DDL, QUERY
from localaws.athena.statements import read

DEFINING = [
    "CREATE EXTERNAL TABLE t ({} int) LOCATION 's3://b/t/'",
    "CREATE EXTERNAL TABLE t (a int, {} date) LOCATION 's3://b/t/'",
    "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY ({} string) LOCATION 's3://b/t/'",
    "CREATE EXTERNAL TABLE t (a int) CLUSTERED BY ({}) INTO 2 BUCKETS LOCATION 's3://b/t/'",
    "CREATE EXTERNAL TABLE db.{} (a int) LOCATION 's3://b/t/'",
    "CREATE TABLE {}.t (a int) LOCATION 's3://b/t/' TBLPROPERTIES ('table_type' = 'ICEBERG')",
    "CREATE TABLE t (a int) PARTITIONED BY (bucket(2, {})) LOCATION 's3://b/t/'",
    "CREATE DATABASE {}",
    "DROP DATABASE {}",
    "DROP TABLE {}",
    "ALTER TABLE {} ADD COLUMNS (a int)",
    "ALTER TABLE t ADD COLUMNS ({} int)",
    "ALTER TABLE t REPLACE COLUMNS (a int, {} int)",
    "ALTER TABLE t CHANGE {} a int",
    "ALTER TABLE t CHANGE COLUMN a {} int",
    "ALTER TABLE t DROP COLUMN {}",
    "ALTER TABLE t ADD PARTITION ({} = '1')",
    "ALTER TABLE t DROP PARTITION ({} = '1')",
    "MSCK REPAIR TABLE {}",
    "SHOW PARTITIONS {}",
]
ASKING = [
    "SELECT t.{} FROM t",
    "SELECT a AS {} FROM t",
    "SELECT a FROM t AS {}",
    "SELECT a FROM (SELECT 1 AS a) AS t({})",
    "WITH {} AS (SELECT 1 AS a) SELECT a FROM t",
    "SELECT a FROM db.{}",
]
SPEAKING = [
    "CREATE VIEW {} AS SELECT 1 AS a",
    "CREATE VIEW v ({}) AS SELECT 1",
    "DROP VIEW {}",
    "CREATE TABLE {} AS SELECT 1 AS a",
    "INSERT INTO {} VALUES (1)",
    "INSERT INTO t (a, {}) VALUES (1, 2)",
    "PREPARE {} FROM SELECT 1",
]


@pytest.mark.parametrize("form", DEFINING)
def test_a_reserved_word_is_no_name_where_tables_are_defined(form: str) -> None:
    for word in sorted(DDL):
        for written in (word, word.lower()):
            with pytest.raises(QueryFailed, match=r"^SYNTAX_ERROR: line 1:"):
                read(form.format(written))
        read(form.format(f"`{word.lower()}`"))


@pytest.mark.parametrize("form", ASKING)
def test_a_reserved_word_is_no_name_in_a_query(form: str) -> None:
    for word in sorted(QUERY):
        with pytest.raises(QueryFailed, match=r"^SYNTAX_ERROR: line 1:"):
            parse(form.format(word.lower()))
        parse(form.format(f'"{word.lower()}"'))


@pytest.mark.parametrize("form", SPEAKING)
def test_a_reserved_word_of_queries_is_no_name_of_a_view(form: str) -> None:
    for word in sorted(QUERY):
        with pytest.raises(QueryFailed, match=r"^SYNTAX_ERROR: line 1:"):
            read(form.format(word.lower()))
        read(form.format(f'"{word.lower()}"'))


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE EXTERNAL TABLE first (last int) PARTITIONED BY (skip string) LOCATION 's3://b/t/'",
        "CREATE TABLE t (a string) PARTITIONED BY (truncate(2, a)) LOCATION 's3://b/t/'",
        "ALTER TABLE t CHANGE COLUMN a a int FIRST",
        "DESCRIBE FORMATTED t PARTITION (a = '1')",
    ],
)
def test_words_that_are_reserved_elsewhere_are_read(sql: str) -> None:
    read(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT date, row, interval, map FROM t",
        "SELECT current_date, current_timestamp, localtimestamp, current_schema",
        "SELECT listagg(a, ',') WITHIN GROUP (ORDER BY a NULLS FIRST) FROM t",
        "SELECT trim(LEADING 'a' FROM b), normalize(b, NFD) FROM t",
        "SELECT a FROM t ORDER BY a DESC NULLS LAST FETCH FIRST 2 ROWS ONLY",
        "SELECT last_value(a) OVER (PARTITION BY b ORDER BY c), grouping(b) FROM t GROUP BY GROUPING SETS ((b), ())",
        "SELECT json_object('a' VALUE 1), json_array(1), json_value(b, 'lax $.a'), extract(year FROM c) FROM t",
        "SELECT a FROM t LEFT JOIN u USING (a) CROSS JOIN UNNEST(c) AS e(d) WHERE a LIKE 'x' ESCAPE 'y'",
    ],
)
def test_reserved_words_are_read_where_they_belong(sql: str) -> None:
    parse(sql)


@pytest.mark.parametrize(
    "columns",
    [
        "type string, time string, elb string",  # an application load balancer's log
        "version int, start bigint, `end` bigint",  # a VPC's flow log
        "timestamp string, elb_name string",  # a classic load balancer's log
    ],
)
def test_the_tables_on_aws_own_pages_are_taken(columns: str) -> None:
    assert read(f"CREATE EXTERNAL TABLE logs ({columns}) LOCATION 's3://b/logs/'")
