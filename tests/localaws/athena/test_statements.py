# ruff: noqa: E501  (a table of statements reads best one to a line)
"""What each statement of Athena's reference does, through the API, and what it leaves in catalog and S3."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from pyiceberg.transforms import BucketTransform, MonthTransform

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.server import iceberg_catalog, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        for bucket in ("stored", "out"):
            ctx.client("s3").create_bucket(Bucket=bucket)
        ctx.client("athena").create_work_group(
            Name="statements", Configuration={"ResultConfiguration": {"OutputLocation": "s3://out/results/"}}
        )
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client in an empty database of the test's own."""
    return Client.in_own_database(ctx, request.node.nodeid, "statements")


def put(ctx: Context, key: str, text: str) -> None:
    ctx.client("s3").put_object(Bucket="stored", Key=key, Body=text.encode())


def test_a_database_is_created_described_and_dropped(ctx: Context, client: Client) -> None:
    assert (
        client.rows(
            "CREATE DATABASE `made-up` COMMENT 'it\\'s' LOCATION 's3://stored/made' WITH DBPROPERTIES ('a'='b')"
        )
        == []
    )
    found = ctx.client("glue").get_database(Name="made-up")["Database"]
    assert (found["Description"], found["LocationUri"], found["Parameters"]) == ("it's", "s3://stored/made", {"a": "b"})
    assert "Database made-up already exists" in client.fails("CREATE SCHEMA `made-up`")
    client.rows("CREATE SCHEMA IF NOT EXISTS `made-up`")
    client.rows("ALTER DATABASE `made-up` SET DBPROPERTIES ('c'='d')")
    assert ctx.client("glue").get_database(Name="made-up")["Database"]["Parameters"] == {"a": "b", "c": "d"}
    client.rows("CREATE EXTERNAL TABLE `made-up`.t (a int) LOCATION 's3://stored/x/'")
    assert "is not empty" in client.fails("DROP DATABASE `made-up`")
    client.rows("DROP DATABASE `made-up` CASCADE")
    assert "Database does not exist: made-up" in client.fails("DROP DATABASE `made-up`")
    client.rows("DROP SCHEMA IF EXISTS `made-up`")


def test_an_external_table_over_a_file_is_read_changed_and_dropped(ctx: Context, client: Client) -> None:
    put(ctx, "people/a.csv", "id;name\n1;Ada\n2;Zoë\n")
    client.rows(
        f"CREATE EXTERNAL TABLE IF NOT EXISTS awsdatacatalog.{client.database}.people "
        "(id int COMMENT 'who', name string) COMMENT 'all' ROW FORMAT DELIMITED FIELDS TERMINATED BY ';' "
        "LOCATION 's3://stored/people/' "
        "TBLPROPERTIES ('skip.header.line.count'='1')"
    )
    assert client.rows("SELECT id, name FROM people ORDER BY id") == [["1", "Ada"], ["2", "Zoë"]]
    assert client.rows(f'SELECT count(*) FROM "AwsDataCatalog"."{client.database}"."people"') == [["2"]]
    assert "CATALOG_NOT_FOUND" in client.fails(f"SELECT 1 FROM other.{client.database}.people")
    assert "Table people already exists" in client.fails(
        "CREATE EXTERNAL TABLE people (a int) LOCATION 's3://stored/y/'"
    )
    assert client.rows("SHOW TBLPROPERTIES people ('comment')") == [["comment\tall"]]
    client.rows("ALTER TABLE people SET TBLPROPERTIES ('comment'='some')")
    client.rows("ALTER TABLE people ADD COLUMNS (age int)")
    client.rows("ALTER TABLE people CHANGE COLUMN name full_name string COMMENT 'said' FIRST")
    assert [str(row[0]).split() for row in client.rows("DESCRIBE people")] == [
        ["full_name", "string", "said"], ["id", "int", "who"], ["age", "int"],
    ]  # fmt: skip
    assert "Duplicate column name: id" in client.fails("ALTER TABLE people ADD COLUMNS (id int)")
    client.rows("DROP TABLE people")
    assert ctx.client("s3").list_objects_v2(Bucket="stored", Prefix="people/")["KeyCount"] == 1
    assert "Table not found" in client.fails("DROP TABLE people")
    client.rows("DROP TABLE IF EXISTS people")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE TABLE t (a int) LOCATION 's3://stored/x'", "only external tables and Iceberg tables"),
        ("CREATE EXTERNAL TABLE t (a int)", "needs a LOCATION"),
        ("CREATE EXTERNAL TABLE t (a int) LOCATION '/etc'", "no location in S3"),
        ("CREATE EXTERNAL TABLE t (a frob) LOCATION 's3://stored/x'", "the type frob"),
        ("CREATE EXTERNAL TABLE t (a int, A int) LOCATION 's3://stored/x'", "Duplicate column name: a"),
        ("CREATE EXTERNAL TABLE t (a int) STORED AS FROB LOCATION 's3://stored/x'", "Unrecognized file format"),
        ("CREATE EXTERNAL TABLE t (a int LOCATION 's3://stored/x'", "line 1:32: mismatched input 'LOCATION'"),
        ('DROP TABLE "t"', "mismatched input"),
        ("CREATE TABLE t (a int) TBLPROPERTIES ('table_type'='ICEBERG')", "needs a LOCATION"),
        ("CREATE TABLE t (a tinyint) LOCATION 's3://stored/x' TBLPROPERTIES ('table_type'='ICEBERG')", "none of Ic"),
        ("CREATE TABLE t (a int) LOCATION 's3://stored/x' TBLPROPERTIES ('table_type'='ICEBERG', 'x'='y')", "key: x"),
        ("CREATE EXTERNAL TABLE nodb.t (a int) LOCATION 's3://stored/x'", "Database does not exist: nodb"),
        ("ALTER TABLE nope ADD COLUMNS (a int)", "Table not found"),
        ("ALTER TABLE nope RENAME TO other", "Table not found"),
        ("ALTER TABLE nope RENAME other", "mismatched input"),
        ("MSCK REPAIR TABLE nope", "Table not found"),
        ("CREATE VIEW v AS SELECT nope", "COLUMN_NOT_FOUND"),
        ("CREATE VIEW v AS SELECT 1 AS a, 2 AS a", "DUPLICATE_COLUMN_NAME: line 1:1: Column name 'a' specified more"),
        ("CREATE VIEW v AS SELECT 1, 2", "MISSING_COLUMN_NAME: line 1:1: Column name not specified at position 1"),
        ("CREATE VIEW v AS SELECT 1 AS a, upper('x')", "MISSING_COLUMN_NAME: line 1:1: Column name not specified at"),
        ("CREATE VIEW v (a) AS SELECT 1, 2", "MISMATCHED_COLUMN_ALIASES"),
        ("CREATE VIEW v (a, a) AS SELECT 1, 2", "DUPLICATE_COLUMN_NAME"),
        ("DROP VIEW nope", "does not exist"),
        ("SHOW PARTITIONS nope", "TABLE_NOT_FOUND"),
        ("INSERT INTO nope VALUES (1)", "TABLE_NOT_FOUND"),
        ("USE x", "mismatched input 'USE'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_changes_nothing(client: Client, sql: str, reason: str) -> None:
    assert reason in client.fails(sql)
    assert client.rows("SHOW TABLES") == []


def test_partitions_are_added_found_moved_and_dropped(ctx: Context, client: Client) -> None:
    for day in ("2024-01-01", "2024-01-02", "a%2Fb"):
        put(ctx, f"{client.database}/day={day}/a.csv", f"{day}\n")
    put(ctx, f"{client.database}/day=2024-01-01/deep/b.csv", "deeper\n")
    at = f"s3://stored/{client.database}"
    client.rows(f"CREATE EXTERNAL TABLE t (a string) PARTITIONED BY (day string) LOCATION '{at}'")
    client.rows("ALTER TABLE t ADD PARTITION (day='2024-01-01')")
    assert "Partition already exists" in client.fails("ALTER TABLE t ADD PARTITION (day='2024-01-01')")
    client.rows(
        "ALTER TABLE t ADD IF NOT EXISTS PARTITION (day='2024-01-01') PARTITION (day='x') LOCATION 's3://stored/none/'"
    )
    assert sorted(client.rows("SHOW PARTITIONS t")) == [["day=2024-01-01"], ["day=x"]]
    client.rows("MSCK REPAIR TABLE t")
    assert sorted(client.rows("SELECT a, day FROM t")) == [
        ["2024-01-01", "2024-01-01"], ["2024-01-02", "2024-01-02"], ["a%2Fb", "a/b"], ["deeper", "2024-01-01"],
    ]  # fmt: skip
    client.rows(f"ALTER TABLE t PARTITION (day='x') SET LOCATION '{at}/day=2024-01-02/'")
    assert client.rows("SELECT a FROM t WHERE day = 'x'") == [["2024-01-02"]]
    client.rows("ALTER TABLE t PARTITION (day='x') RENAME TO PARTITION (day='y')")
    client.rows("ALTER TABLE t DROP PARTITION (day='2024-01-01'), PARTITION (day='a/b')")
    assert "Partition not found" in client.fails("ALTER TABLE t DROP PARTITION (day='2024-01-01')")
    client.rows("ALTER TABLE t DROP IF EXISTS PARTITION (day='2024-01-01')")
    assert sorted(client.rows("SHOW PARTITIONS t")) == [["day=2024-01-02"], ["day=y"]]
    assert "Non-Partition column nope" in client.fails("ALTER TABLE t ADD PARTITION (nope='1')")


def test_an_iceberg_table_is_created_filled_evolved_and_dropped_with_its_files(ctx: Context, client: Client) -> None:
    at = f"s3://stored/iceberg/{client.database}"
    client.rows(
        "CREATE TABLE t (id bigint COMMENT 'key', at timestamp, price decimal(8,2), tags array<string>, "
        "`more` struct<a:int,b:map<string,double>>) "
        f"PARTITIONED BY (month(at), bucket(4, id)) LOCATION '{at}' "
        "TBLPROPERTIES ('table_type'='ICEBERG', 'format'='parquet', 'write_compression'='zstd')"
    )
    table = iceberg_catalog(ctx, "s3://stored/warehouse").load_table(f"{client.database}.t")
    assert [type(f.transform) for f in table.spec().fields] == [MonthTransform, BucketTransform]
    assert (table.format_version, table.schema().find_field("id").doc) == (2, "key")
    found = client.execution(
        "INSERT INTO t VALUES (1, TIMESTAMP '2024-01-31 10:00:00', DECIMAL '1.50', ARRAY['x'], NULL), "
        "(2, TIMESTAMP '2024-02-01 00:00:00', NULL, NULL, NULL)"
    )
    assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
    assert (found["StatementType"], found["SubstatementType"]) == ("DML", "INSERT_INTO")
    manifest = found["Statistics"]["DataManifestLocation"].removeprefix("s3://out/")
    listed = ctx.client("s3").get_object(Bucket="out", Key=manifest)["Body"].read().decode().split()
    assert len(listed) == 2
    assert all(each.startswith(at) for each in listed)
    client.rows("INSERT INTO t (at, id) SELECT TIMESTAMP '2024-02-02 00:00:00', 3")
    assert client.rows("SELECT id, price, tags FROM t ORDER BY id") == [
        ["1", "1.50", "[x]"],
        ["2", None, None],
        ["3", None, None],
    ]
    assert "mismatched column types" in client.fails("INSERT INTO t (id) VALUES ('x')")
    assert "Insert column name does not exist" in client.fails("INSERT INTO t (nope) VALUES (1)")
    client.rows("ALTER TABLE t ADD COLUMNS (note string COMMENT 'free')")
    client.rows("ALTER TABLE t CHANGE COLUMN price amount decimal(10,2) AFTER id")
    client.rows("ALTER TABLE t DROP COLUMN tags")
    client.rows("ALTER TABLE t SET TBLPROPERTIES ('vacuum_min_snapshots_to_keep'='3')")
    assert [row[0].split()[0] for row in client.rows("DESCRIBE t")] == ["id", "amount", "at", "more", "note"]
    assert client.rows("SELECT amount, note FROM t WHERE id = 1") == [["1.50", None]]
    assert "partitioned by" in client.fails("ALTER TABLE t DROP COLUMN at")
    client.rows("DROP TABLE t")
    assert ctx.client("s3").list_objects_v2(Bucket="stored", Prefix=f"iceberg/{client.database}/")["KeyCount"] == 0


def test_a_column_of_an_iceberg_table_gets_a_wider_type_alone(client: Client) -> None:
    """What Iceberg's specification has; of what is refused, nothing is done."""
    client.rows(
        "CREATE TABLE t (i int, b bigint, f float, d double, p decimal(5,2), s string, at date) "
        f"LOCATION 's3://stored/wider/{client.database}' TBLPROPERTIES ('table_type'='ICEBERG')"
    )
    client.rows("INSERT INTO t VALUES (1, 2, 3.5, 4.5, 1.25, 'x', DATE '2024-01-01')")
    described = client.rows("DESCRIBE t")
    for column, kind in [
        ("p", "decimal(10,4)"), ("p", "decimal(4,2)"), ("p", "decimal(10,1)"), ("p", "double"), ("b", "int"),
        ("d", "float"), ("i", "double"), ("i", "decimal(10,2)"), ("i", "string"), ("f", "decimal(10,2)"),
        ("s", "binary"), ("s", "int"), ("at", "timestamp"), ("b", "double"),
    ]:  # fmt: skip
        said = client.fails(f"ALTER TABLE t CHANGE COLUMN {column} renamed {kind}")
        assert "Cannot change the column" in said, (column, kind)
        assert client.rows("DESCRIBE t") == described
    for column, kind in [("p", "decimal(10,2)"), ("i", "bigint"), ("f", "double"), ("s", "string")]:
        client.rows(f"ALTER TABLE t CHANGE COLUMN {column} {column} {kind}")
    assert client.rows("SELECT i, b, f, d, p, s FROM t") == [["1", "2", "3.5", "4.5", "1.25", "x"]]


def test_what_is_shown_of_an_iceberg_table_makes_it_again(ctx: Context, client: Client) -> None:
    """With its columns, comments and partitions; information_schema has its types as Iceberg does."""
    at = f"s3://stored/again/{client.database}"
    client.rows(
        "CREATE TABLE t (id bigint COMMENT 'it\\'s the key', at timestamp, name string, kind string) "
        f"PARTITIONED BY (kind, month(at), bucket(4, id), truncate(3, name)) LOCATION '{at}' "
        "TBLPROPERTIES ('table_type'='ICEBERG')"
    )
    shown = "\n".join(row[0] or "" for row in client.rows("SHOW CREATE TABLE t"))
    assert "PARTITIONED BY (`kind`, month(`at`), bucket(4, `id`), truncate(3, `name`))" in shown
    client.rows(shown.replace(f"{client.database}.t(", "again(").replace(at, f"{at}-2"))
    catalog = iceberg_catalog(ctx, "s3://stored/warehouse")
    made, again = (catalog.load_table(f"{client.database}.{name}") for name in ("t", "again"))
    assert (again.spec(), again.schema()) == (made.spec(), made.schema())
    asked = f"SELECT data_type FROM information_schema.columns WHERE table_schema = '{client.database}'"
    assert client.rows(f"{asked} AND table_name = 't' AND column_name = 'at'") == [["timestamp(6)"]]
    client.rows("CREATE VIEW seen AS SELECT id FROM t")
    views = f"SELECT * FROM information_schema.views WHERE table_schema = '{client.database}'"
    assert client.rows(views) == [["awsdatacatalog", client.database, "seen", "SELECT id FROM t"]]


def test_tables_are_made_of_queries(ctx: Context, client: Client) -> None:
    client.rows("CREATE TABLE made WITH (format = 'PARQUET') AS SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'y'")
    assert client.rows("SELECT a, b FROM made ORDER BY a") == [["1", "x"], ["2", "y"]]
    assert "TABLE_ALREADY_EXISTS" in client.fails("CREATE TABLE made AS SELECT 1 AS a")
    client.rows("CREATE TABLE IF NOT EXISTS made AS SELECT 3 AS a")
    client.rows("INSERT INTO made SELECT 3, 'z'")
    assert client.rows("SELECT count(*), max(a) FROM made") == [["3", "3"]]
    client.rows("CREATE TABLE bare AS SELECT a FROM made WITH NO DATA")
    assert client.rows("SELECT count(*) FROM bare") == [["0"]]
    client.rows(
        "CREATE TABLE ice WITH (table_type = 'ICEBERG', is_external = false, "
        f"location = 's3://stored/ice/{client.database}/', partitioning = ARRAY['bucket(a, 2)', 'b']) "
        "AS SELECT a, b FROM made"
    )
    assert client.rows("SELECT a, b FROM ice ORDER BY a") == [["1", "x"], ["2", "y"], ["3", "z"]]
    table = iceberg_catalog(ctx, "s3://stored/warehouse").load_table(f"{client.database}.ice")
    assert sorted(table.scan().to_arrow()["a"].to_pylist()) == [1, 2, 3]
    assert len(table.snapshots()) == 1


def test_a_view_stands_for_its_query(ctx: Context, client: Client) -> None:
    client.rows("CREATE TABLE made AS SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'y'")
    client.rows("CREATE VIEW v AS SELECT a, upper(b) AS big FROM made WHERE a > 1")
    client.rows("CREATE VIEW w (one, two) AS SELECT v.a + 1, big FROM v")
    kept = ctx.client("glue").get_table(DatabaseName=client.database, Name="w")["Table"]
    assert (kept["TableType"], kept["ViewExpandedText"]) == ("VIRTUAL_VIEW", "/* Presto View */")
    other = Client(ctx, "default", "statements")
    assert other.rows(
        f"SELECT w.two, x.one FROM {client.database}.w JOIN {client.database}.w AS x ON w.one = x.one"
    ) == [["Y", "3"]]
    assert other.rows(f"SELECT {client.database}.w.one FROM {client.database}.w") == [["3"]]
    assert client.rows("WITH made AS (SELECT 7 AS z) SELECT z, one FROM made, w") == [["7", "3"]]
    assert client.rows("SELECT one, count(*) FROM w GROUP BY one HAVING max(two) = 'Y'") == [["3", "1"]]
    assert client.rows("SHOW VIEWS") == [["v"], ["w"]]
    for name in ("v", '"v"', "`v`", f'awsdatacatalog."{client.database}"."v"'):
        assert client.rows(f"SHOW CREATE VIEW {name}") == client.rows("SHOW CREATE VIEW v")
    assert client.rows("SHOW CREATE VIEW v")[1:] == [["SELECT a, upper(b) AS big FROM made WHERE a > 1"]]
    assert [row[0].split()[:2] for row in client.rows("DESCRIBE w")] == [["one", "int"], ["two", "string"]]
    assert "View already exists" in client.fails("CREATE VIEW v AS SELECT 1 AS a")
    client.rows("CREATE OR REPLACE VIEW v AS SELECT 9 AS a, 'q' AS big")
    assert client.rows("SELECT * FROM w") == [["10", "q"]]
    assert "Cannot drop a view" in client.fails("DROP TABLE v")
    assert "is a table" in client.fails("DROP VIEW made")
    assert "Inserting into views" in client.fails("INSERT INTO v SELECT 1, 'x'")
    client.rows("DROP VIEW v")
    assert "TABLE_NOT_FOUND" in client.fails("SELECT * FROM w")


def test_a_view_is_never_made_of_itself(client: Client) -> None:
    """It is refused where the last view of the circle would be made, and that view stays as it was."""
    client.rows("CREATE VIEW one AS SELECT 1 AS a")
    client.rows("CREATE VIEW two AS SELECT a FROM one")
    client.rows("CREATE VIEW three AS WITH x AS (SELECT a FROM two) SELECT a FROM x")
    for query, error in (
        ("SELECT * FROM one", "VIEW_IS_RECURSIVE: line 1:1: Statement would create a recursive view"),
        (f"SELECT a FROM (SELECT * FROM {client.database}.one)", "VIEW_IS_RECURSIVE"),
        (
            "SELECT a FROM two",
            f"INVALID_VIEW: line 1:1: Failed analyzing stored view 'awsdatacatalog.{client.database}.two'",
        ),
        ("SELECT 1 AS a UNION SELECT a FROM three", "INVALID_VIEW"),
    ):
        assert error in client.fails(f"CREATE OR REPLACE VIEW one AS {query}")
        assert client.rows("SELECT * FROM three") == [["1"]]
    client.rows("CREATE OR REPLACE VIEW one AS WITH one AS (SELECT 2 AS a) SELECT a FROM one")
    assert client.rows("SELECT * FROM three") == [["2"]]


@pytest.mark.parametrize(
    ("query", "changed", "reason"),
    [
        ("SELECT * FROM t", "ADD COLUMNS (c int)", "stored view column count (2) does not match column count derived from the view query analysis (3)"),
        ("SELECT * FROM t", "DROP COLUMN b", "stored view column count (2) does not match column count derived from the view query analysis (1)"),
        ("SELECT * FROM t", "CHANGE COLUMN a z int", "column [z] of type integer projected from query view at position 0 has a different name from column [a] of type integer stored in view definition"),
        ("SELECT a FROM t", "CHANGE COLUMN a a bigint", "column [a] of type bigint projected from query view at position 0 cannot be coerced to column [a] of type integer stored in view definition"),
        ("SELECT a FROM (SELECT * FROM t)", "ADD COLUMNS (c int)", ""),
        ("SELECT b AS a, a AS b FROM t", "ADD COLUMNS (c int)", ""),
        ("SELECT a + BIGINT '1' AS a FROM t", "CHANGE COLUMN a a bigint", ""),
    ],
)  # fmt: skip
def test_a_view_whose_query_returns_other_columns_is_stale(
    client: Client, query: str, changed: str, reason: str
) -> None:
    """Until it is made again; so is one that is made of it."""
    at = f"LOCATION 's3://stored/stale/{client.database}' TBLPROPERTIES ('table_type'='ICEBERG')"
    client.rows(f"CREATE TABLE t (a int, b string) {at}")
    client.rows("INSERT INTO t VALUES (1, 'x')")
    client.rows(f"CREATE VIEW v AS {query}")
    client.rows("CREATE VIEW over_it AS SELECT a FROM v")
    client.rows(f"ALTER TABLE t {changed}")
    if not reason:
        assert len(client.rows("SELECT a FROM over_it")) == 1
        return
    said = client.fails("SELECT 1 FROM v")
    assert said == (
        f"INVALID_VIEW: line 1:15: View 'awsdatacatalog.{client.database}.v' is stale or in invalid state: {reason}"
    )
    assert f"View 'awsdatacatalog.{client.database}.v' is stale" in client.fails("SELECT 1 FROM over_it")
    client.rows(f"CREATE OR REPLACE VIEW v AS {query}")
    assert len(client.rows("SELECT * FROM v")) == 1


def test_an_unload_has_its_manifest_with_the_results(ctx: Context, client: Client) -> None:
    found = client.execution(f"UNLOAD (SELECT 1 AS a) TO 's3://stored/{client.database}/' WITH (format = 'PARQUET')")
    assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
    assert found["Statistics"]["DataManifestLocation"].startswith("s3://out/results/")
    keys = [
        o["Key"] for o in ctx.client("s3").list_objects_v2(Bucket="stored", Prefix=f"{client.database}/")["Contents"]
    ]
    assert len(keys) == 1


def test_a_prepared_statement_may_be_of_any_kind(client: Client) -> None:
    client.rows("CREATE TABLE made AS SELECT 1 AS a")
    client.rows("PREPARE more FROM INSERT INTO made SELECT ?")
    client.rows("EXECUTE more USING 5")
    assert client.rows("SELECT sum(a) FROM made") == [["6"]]
    client.rows("DEALLOCATE PREPARE more")
    assert "Prepared statement not found" in client.fails("EXECUTE more USING 5")


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("CREATE TABLE {at}.counted AS SELECT 1 AS a", [("rows", "bigint", 19)]),
        ("INSERT INTO {at}.filled VALUES (1)", [("rows", "bigint", 19)]),
        ("SHOW TABLES", [("tab_name", "string", 0)]),
        ("DESCRIBE {at}.filled", [("col_name", "string", 0), ("data_type", "string", 0), ("comment", "string", 0)]),
        ("DROP TABLE {at}.filled", []),
        (
            "SELECT CAST('a' AS varchar(3)) AS v, CAST('a' AS char(4)) AS c, CAST('a' AS varchar(3)) || 'bcd' AS w",
            [("v", "varchar", 3), ("c", "char", 4), ("w", "varchar", 2147483647)],
        ),
    ],
)
def test_the_columns_of_an_answer_are_told_as_athena_does(
    client: Client, sql: str, columns: list[tuple[str, str, int]]
) -> None:
    """A statement that writes rows answers their number; Hive's statements have Hive's texts."""
    place = f"LOCATION 's3://stored/filled/{client.database}' TBLPROPERTIES ('table_type'='ICEBERG')"
    client.rows(f"CREATE TABLE filled (a int) {place}")
    found = client.execution(sql.format(at=client.database))
    assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
    answer = client.athena.get_query_results(QueryExecutionId=found["QueryExecutionId"])
    told = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(each["Name"], each["Type"], each["Precision"]) for each in told] == columns


def test_a_plan_is_shown(client: Client) -> None:
    assert client.rows("EXPLAIN SELECT 1")
    assert client.rows("EXPLAIN (FORMAT JSON) SELECT 1")[0][0].startswith("[")  # type: ignore[union-attr]
    assert client.rows("EXPLAIN (TYPE VALIDATE) SELECT 1") == [["Valid"], ["true"]]
    assert "COLUMN_NOT_FOUND" in client.fails("EXPLAIN (TYPE VALIDATE) SELECT nope")


def test_the_plan_of_an_insert_is_of_one_that_could_be_run(client: Client) -> None:
    client.rows("CREATE TABLE made AS SELECT 1 AS a, 'x' AS b")
    client.rows("CREATE VIEW seen AS SELECT * FROM made")
    client.rows("CREATE TABLE held WITH (bucketed_by = ARRAY['id'], bucket_count = 2) AS SELECT 1 AS id")
    for form in ("", "(FORMAT JSON) ", "(TYPE IO) ", "(TYPE VALIDATE) "):
        assert client.rows(f"EXPLAIN {form}INSERT INTO made (b) SELECT 'y'")
        for target, query, error in (
            ("nope", "SELECT 1", "TABLE_NOT_FOUND: line 1:1: Table 'awsdatacatalog."),
            ("seen", "SELECT 1, 'x'", "NOT_SUPPORTED: line 1:1: Inserting into views"),
            ("held", "SELECT 1", "NOT_SUPPORTED: INSERT INTO is not supported on bucketed tables"),
            ("made (c)", "SELECT 1", "COLUMN_NOT_FOUND: line 1:1: Insert column name does not exist"),
            ("made", "SELECT 'x', 1", "TYPE_MISMATCH: line 1:1: Insert query has mismatched column types"),
            ("made", "SELECT 1", "TYPE_MISMATCH: line 1:1: Insert query has mismatched column types"),
        ):
            said = client.fails(f"EXPLAIN {form}INSERT INTO {target} {query}")
            assert said.startswith(error), (form, target, query)
    assert client.rows("SELECT count(*) FROM made") == [["1"]]


def test_what_a_statement_makes_reads_the_same_in_another_engine(ctx: Context, client: Client) -> None:
    client.rows(
        "CREATE TABLE ice WITH (table_type = 'ICEBERG', is_external = false, "
        f"location = 's3://stored/both/{client.database}/') AS SELECT 1 AS a, DATE '2024-02-29' AS d, 1.5 AS f"
    )
    rows = iceberg_catalog(ctx, "s3://stored/warehouse").load_table(f"{client.database}.ice").scan().to_arrow()
    with duckdb.connect() as connection:
        connection.register("found", rows)
        assert connection.sql("SELECT a, d::VARCHAR, f FROM found").fetchall() == [(1, "2024-02-29", 1.5)]
