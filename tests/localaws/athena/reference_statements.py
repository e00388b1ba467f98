"""Each kind of statement in Athena's SQL reference: one that is run, and what it answers.

The cases run in this order, each module's test in a database of its own: later ones use what earlier ones made. In the
SQL, ``{at}`` is the database's folder in S3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: What a statement answers if no row is compared: it is done, and has no rows or rows of no interest.
DONE: Final = "done"


@dataclass(frozen=True)
class Case:
    """A statement of the reference: ``answer`` is `DONE`, the first row's cells, or the error's beginning."""

    kind: str
    sql: str
    answer: str = DONE
    fails: bool = False


def _fails(kind: str, sql: str, error: str) -> Case:
    return Case(kind, sql, error, fails=True)


_TEXT = "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
_ICEBERG = "TBLPROPERTIES ('table_type' = 'ICEBERG')"

DDL: Final = (
    Case("CREATE DATABASE", "CREATE DATABASE IF NOT EXISTS extra COMMENT 'c' WITH DBPROPERTIES ('k' = 'v')"),
    Case("ALTER DATABASE SET DBPROPERTIES", "ALTER DATABASE extra SET DBPROPERTIES ('k' = 'w')"),
    Case("SHOW DATABASES", "SHOW DATABASES LIKE 'ex*'", "extra"),
    Case("DROP DATABASE", "DROP DATABASE IF EXISTS extra CASCADE"),
    Case("CREATE TABLE", f"CREATE EXTERNAL TABLE lines (id int, v string) {_TEXT} LOCATION '{{at}}/lines/'"),
    Case(
        "CREATE TABLE (partitions)",
        f"CREATE EXTERNAL TABLE days (id int) PARTITIONED BY (day date) {_TEXT} LOCATION '{{at}}/days/'",
    ),
    Case(
        "CREATE TABLE (Iceberg)",
        f"CREATE TABLE ice (id int, v string, at timestamp) PARTITIONED BY (day(at)) LOCATION '{{at}}/ice' {_ICEBERG}",
    ),
    _fails(
        "CREATE TABLE (neither external nor Iceberg)",
        "CREATE TABLE own (id int) LOCATION '{at}/own/'",
        "FAILED: SemanticException only external tables and Iceberg tables can be created",
    ),
    Case(
        "CREATE TABLE AS",
        "CREATE TABLE made WITH (format = 'ORC', write_compression = 'ZLIB', external_location = '{at}/made/', "
        "partitioned_by = ARRAY['p']) AS SELECT 1 AS id, 'a' AS p",
    ),
    Case(
        "CREATE TABLE AS (buckets)",
        "CREATE TABLE held WITH (bucketed_by = ARRAY['id'], bucket_count = 2) AS SELECT 1 AS id",
    ),
    Case("CREATE TABLE AS (no data)", "CREATE TABLE bare AS SELECT 1 AS id WITH NO DATA"),
    Case(
        "CREATE TABLE AS (Iceberg)",
        "CREATE TABLE ctas WITH (table_type = 'ICEBERG', is_external = false, location = '{at}/ctas') "
        "AS SELECT 1 AS id",
    ),
    Case("CREATE VIEW", "CREATE OR REPLACE VIEW seen AS SELECT id FROM made"),
    _fails("ALTER VIEW DIALECT", "ALTER VIEW seen DROP DIALECT", "NOT_SUPPORTED: ALTER VIEW … DIALECT"),
    Case("ALTER TABLE ADD PARTITION", "ALTER TABLE days ADD IF NOT EXISTS PARTITION (day = '2024-01-01')"),
    Case(
        "ALTER TABLE RENAME PARTITION",
        "ALTER TABLE days PARTITION (day = '2024-01-01') RENAME TO PARTITION (day = '2024-01-02')",
    ),
    Case(
        "ALTER TABLE SET LOCATION", "ALTER TABLE days PARTITION (day = '2024-01-02') SET LOCATION '{at}/days/elsewhere'"
    ),
    Case("SHOW PARTITIONS", "SHOW PARTITIONS days", "day=2024-01-02"),
    Case("ALTER TABLE DROP PARTITION", "ALTER TABLE days DROP PARTITION (day = '2024-01-02')"),
    Case("MSCK REPAIR TABLE", "MSCK REPAIR TABLE days"),
    Case("ALTER TABLE ADD COLUMNS", "ALTER TABLE lines ADD COLUMNS (w double)"),
    Case("ALTER TABLE CHANGE COLUMN", "ALTER TABLE ice CHANGE COLUMN id id bigint"),
    Case("ALTER TABLE REPLACE COLUMNS", "ALTER TABLE lines REPLACE COLUMNS (id int, v string)"),
    Case("ALTER TABLE DROP COLUMN", "ALTER TABLE ctas ADD COLUMNS (gone string)"),
    Case("ALTER TABLE DROP COLUMN", "ALTER TABLE ctas DROP COLUMN gone"),
    Case("ALTER TABLE RENAME TO (Iceberg)", "ALTER TABLE ctas RENAME TO moved"),
    _fails(
        "ALTER TABLE RENAME TO (Hive)",
        "ALTER TABLE lines RENAME TO moved_lines",
        "FAILED: SemanticException RENAME TO is for Iceberg tables alone",
    ),
    Case("ALTER TABLE SET TBLPROPERTIES", "ALTER TABLE lines SET TBLPROPERTIES ('note' = 'n')"),
    Case("SHOW TBLPROPERTIES", "SHOW TBLPROPERTIES lines ('note')", "n"),
    Case("ALTER TABLE UNSET TBLPROPERTIES", "ALTER TABLE ice UNSET TBLPROPERTIES ('nothing')"),
    Case("SHOW TABLES", "SHOW TABLES 'da*'", "days"),
    Case("SHOW VIEWS", "SHOW VIEWS", "seen"),
    Case("SHOW COLUMNS", "SHOW COLUMNS IN lines", "id"),
    Case("SHOW CREATE TABLE", "SHOW CREATE TABLE lines", "CREATE EXTERNAL TABLE"),
    Case("SHOW CREATE VIEW", "SHOW CREATE VIEW seen", "CREATE VIEW"),
    Case("DESCRIBE", "DESCRIBE lines", "id"),
    Case("DESCRIBE VIEW", "DESCRIBE seen", "id"),
)
DML: Final = (
    Case("INSERT INTO", "INSERT INTO made VALUES (2, 'b')"),
    Case("INSERT INTO (text)", "INSERT INTO lines SELECT id, p FROM made"),
    Case("INSERT INTO (Iceberg)", "INSERT INTO ice VALUES (1, 'a', TIMESTAMP '2024-01-31 10:00:00')"),
    _fails(
        "INSERT INTO (buckets)",
        "INSERT INTO held VALUES (2)",
        "NOT_SUPPORTED: INSERT INTO is not supported on bucketed tables",
    ),
    _fails("INSERT OVERWRITE", "INSERT OVERWRITE made VALUES (2, 'b')", "SYNTAX_ERROR: line 1:8"),
    Case("SELECT", "SELECT count(*), sum(id) FROM made", "2, 3"),
    Case(
        "SELECT (WITH, GROUP BY, HAVING, ORDER BY, LIMIT)",
        "WITH m AS (SELECT * FROM made) SELECT p, count(*) FROM m GROUP BY p HAVING count(*) > 0 ORDER BY p LIMIT 1",
        "a, 1",
    ),
    Case("SELECT (UNION, INTERSECT, EXCEPT)", "SELECT 1 UNION SELECT 1 EXCEPT SELECT 2", "1"),
    Case("SELECT (JOIN, UNNEST)", "SELECT t.x FROM made CROSS JOIN UNNEST(ARRAY[7]) AS t (x) LIMIT 1", "7"),
    Case('SELECT ("$path")', 'SELECT count("$path") FROM made', "2"),
    Case("VALUES", "VALUES (1, 'a')", "1, a"),
    Case("UPDATE", "UPDATE ice SET v = 'b' WHERE id = 1"),
    Case(
        "MERGE INTO",
        "MERGE INTO ice USING (SELECT 2 AS n) AS s ON ice.id = s.n WHEN NOT MATCHED THEN INSERT (id, v) "
        "VALUES (s.n, 'm')",
    ),
    Case("SELECT (time travel)", "SELECT count(*) FROM ice FOR TIMESTAMP AS OF current_timestamp", "2"),
    Case("SELECT (metadata table)", 'SELECT count(*) > 0 FROM "ice$snapshots"', "true"),
    Case("DELETE", "DELETE FROM ice WHERE id = 2"),
    _fails("UPDATE (Hive)", "UPDATE made SET id = 3", "NOT_SUPPORTED"),
    Case("OPTIMIZE", "OPTIMIZE ice REWRITE DATA USING BIN_PACK"),
    Case("VACUUM", "VACUUM ice"),
    Case("UNLOAD", "UNLOAD (SELECT * FROM made) TO '{at}/out/' WITH (format = 'JSON', partitioned_by = ARRAY['p'])"),
    Case("PREPARE", "PREPARE one FROM SELECT ? + 1"),
    Case("EXECUTE", "EXECUTE one USING 2", "3"),
    Case("DEALLOCATE PREPARE", "DEALLOCATE PREPARE one"),
    Case("EXPLAIN", "EXPLAIN SELECT id FROM made"),
    Case("EXPLAIN (FORMAT JSON)", "EXPLAIN (FORMAT JSON) SELECT id FROM made", "["),
    Case("EXPLAIN (TYPE IO)", "EXPLAIN (TYPE IO) INSERT INTO made SELECT id, p FROM made", "{"),
    _fails(
        "EXPLAIN (INSERT INTO a table that is not there)",
        "EXPLAIN INSERT INTO nowhere SELECT 1",
        "TABLE_NOT_FOUND: line 1:1: Table 'awsdatacatalog.",
    ),
    Case("EXPLAIN (TYPE VALIDATE)", "EXPLAIN (TYPE VALIDATE) SELECT id FROM made", "Valid"),
    Case("EXPLAIN ANALYZE", "EXPLAIN ANALYZE SELECT id FROM made"),
    _fails(
        "EXPLAIN ANALYZE (a statement that writes)",
        "EXPLAIN ANALYZE INSERT INTO made VALUES (9, 'z')",
        "NOT_SUPPORTED: EXPLAIN ANALYZE of INSERT INTO",
    ),
)
REFUSED: Final = (
    _fails("CREATE FUNCTION", "CREATE FUNCTION f(x int) RETURNS int RETURN x", "SYNTAX_ERROR: line 1:8"),
    _fails("CREATE INDEX", "CREATE INDEX i ON TABLE made (id)", "SYNTAX_ERROR: line 1:8"),
    _fails("CREATE ROLE", "CREATE ROLE r", "SYNTAX_ERROR: line 1:8"),
    _fails("CREATE TABLE LIKE", "CREATE TABLE other LIKE made", "SYNTAX_ERROR: line 1:20"),
    _fails("DESCRIBE INPUT", "DESCRIBE INPUT one", "TABLE_NOT_FOUND"),
    _fails("EXPORT TABLE", "EXPORT TABLE made TO '{at}/x'", "SYNTAX_ERROR: line 1:1"),
    _fails("GRANT ROLE", "GRANT r TO USER u", "SYNTAX_ERROR: line 1:1"),
    _fails("IMPORT TABLE", "IMPORT TABLE made FROM '{at}/x'", "SYNTAX_ERROR: line 1:1"),
    _fails("LOCK TABLE", "LOCK TABLE made SHARED", "SYNTAX_ERROR: line 1:1"),
    _fails("SHOW CURRENT ROLES", "SHOW CURRENT ROLES", "SYNTAX_ERROR: line 1:6"),
    _fails("START TRANSACTION", "START TRANSACTION", "SYNTAX_ERROR: line 1:1"),
    _fails("TRUNCATE", "TRUNCATE TABLE made", "SYNTAX_ERROR: line 1:1"),
    _fails("ALTER TABLE SET FILEFORMAT", "ALTER TABLE made SET FILEFORMAT ORC", "SYNTAX_ERROR: line 1:18"),
    _fails("ALTER TABLE CLUSTERED BY", "ALTER TABLE made CLUSTERED BY (id) INTO 2 BUCKETS", "SYNTAX_ERROR: line 1:18"),
    _fails("DFS", "dfs -ls /", "SYNTAX_ERROR: line 1:1"),
    _fails("SET", "SET a = 1", "SYNTAX_ERROR: line 1:1"),
    _fails("two statements", "SELECT 1; SELECT 2", "SYNTAX_ERROR: line 1:1: Only one sql statement is allowed"),
)
GONE: Final = (
    Case("DROP VIEW", "DROP VIEW seen"),
    Case("DROP TABLE", "DROP TABLE IF EXISTS made"),
    Case("DROP TABLE (Iceberg)", "DROP TABLE ice"),
)
#: The cases by the heading of the page that lists them.
SECTIONS: Final = {
    "Statements that define": (*DDL, *GONE),
    "Statements that read and write rows": DML,
    "Statements that Athena does not have": REFUSED,
}
IN_ORDER: Final = (*DDL, *DML, *REFUSED, *GONE)
