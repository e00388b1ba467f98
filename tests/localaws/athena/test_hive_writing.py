"""CREATE TABLE AS, INSERT INTO and UNLOAD in each format that Athena writes: what is written reads back equal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import fastavro
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from localaws.athena import hive_writes, write
from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import objects, work_group
from tests.localaws.athena.server import running

pytestmark = pytest.mark.slow

FORMATS = ("PARQUET", "ORC", "AVRO", "JSON", "TEXTFILE")
#: Every type that each format holds; the second row is all NULL, the third has what is easily damaged.
ROWS = """SELECT * FROM (VALUES
  (1, BIGINT '9007199254740993', DOUBLE '1.5', DECIMAL '1234567890123456.78', true, 'a', DATE '2024-02-29',
   TIMESTAMP '2024-01-31 10:00:00.123', X'00ff41', ARRAY['x', 'y'], MAP(ARRAY['k', 'l'], ARRAY[1, 2]),
   CAST(ROW(1, 'in') AS ROW(n INTEGER, t VARCHAR))),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (-2147483648, -1, -1.0E300, DECIMAL '-0.01', false, 'é, "q" \\ | '' {}', DATE '1969-12-31',
   TIMESTAMP '1969-12-31 23:59:59.000', X'', ARRAY['a,b', NULL, 'c'], MAP(ARRAY['m'], ARRAY[NULL]),
   CAST(ROW(NULL, 'x:y') AS ROW(n INTEGER, t VARCHAR)))
) AS v (i, b, d, m, f, s, dt, ts, bin, arr, mp, st)"""
COLUMNS = "i, b, d, m, f, s, dt, ts, bin, arr, mp, st.n, st.t"


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "hive")
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client in an empty database of the test's own."""
    return Client.in_own_database(ctx, request.node.nodeid, "hive")


def place(client: Client, name: str) -> str:
    return f"s3://hive/{client.database}/{name}/"


def body(client: Client, key: str) -> bytes:
    return bytes(client.ctx.client("s3").get_object(Bucket="hive", Key=key)["Body"].read())


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_reads_back_equal(client: Client, form: str) -> None:
    client.rows(f"CREATE TABLE t WITH (format = '{form}', external_location = '{place(client, 't')}') AS {ROWS}")
    wanted = client.rows(f"SELECT {COLUMNS} FROM ({ROWS}) ORDER BY i")
    assert client.rows(f"SELECT {COLUMNS} FROM t ORDER BY i") == wanted
    client.rows(f"INSERT INTO t {ROWS}")
    assert client.rows(f"SELECT {COLUMNS} FROM t ORDER BY i") == [row for row in wanted for _ in range(2)]
    assert client.rows("SELECT count(*), count(i) FROM t") == [["6", "4"]]


def test_files_are_of_the_format_that_was_asked_for(client: Client) -> None:
    for form in FORMATS:
        client.rows(f"UNLOAD (SELECT 1 AS a, 'x' AS b) TO '{place(client, form)}' WITH (format = '{form}')")
    found = {key.split("/")[1]: (key, body(client, key)) for key in objects(client)}
    assert pq.read_table(io.BytesIO(found["PARQUET"][1])).to_pylist() == [{"a": 1, "b": "x"}]
    assert orc.read_table(io.BytesIO(found["ORC"][1])).to_pylist() == [{"a": 1, "b": "x"}]
    assert list(fastavro.reader(io.BytesIO(found["AVRO"][1]))) == [{"a": 1, "b": "x"}]
    assert (found["JSON"][0][-3:], found["TEXTFILE"][0][-3:]) == (".gz", ".gz")


@pytest.mark.parametrize(
    ("form", "codecs"),
    [
        ("PARQUET", ("GZIP", "SNAPPY", "ZSTD", "LZ4", "NONE")),
        ("ORC", ("ZLIB", "SNAPPY", "ZSTD", "LZ4", "NONE")),
        ("AVRO", ("DEFLATE", "SNAPPY", "ZSTD", "BZIP2", "NONE")),
        ("JSON", ("GZIP", "SNAPPY", "ZSTD", "LZ4", "BZIP2", "DEFLATE", "NONE")),
        ("TEXTFILE", ("GZIP", "SNAPPY", "ZSTD", "LZ4", "BZIP2", "DEFLATE", "NONE")),
    ],
)
def test_each_compression_reads_back(client: Client, form: str, codecs: tuple[str, ...]) -> None:
    query = "SELECT n, rpad('', n + n, 'ab') AS s FROM UNNEST(sequence(1, 700)) AS t (n)"
    for codec in codecs:
        client.rows(f"CREATE TABLE t_{codec} WITH (format = '{form}', write_compression = '{codec}') AS {query}")
        assert client.rows(f"SELECT count(*), sum(n), sum(length(s)) FROM t_{codec}") == [["700", "245350", "490700"]]
        client.rows(f"INSERT INTO t_{codec} VALUES (701, 'c')")
        assert client.rows(f"SELECT count(*) FROM t_{codec}") == [["701"]]
    said = client.fails(f"CREATE TABLE other WITH (format = '{form}', write_compression = 'LZO') AS {query}")
    assert "the compression LZO is none that Athena writes with" in said
    assert client.rows("SHOW TABLES 'other'") == []


def test_a_level_is_for_zstd(client: Client) -> None:
    query = "SELECT n, cast(n * n AS varchar) AS s FROM UNNEST(sequence(1, 3000)) AS t (n)"
    sizes = {}
    for level in (1, 19):
        client.rows(
            f"CREATE TABLE l{level} WITH (format = 'TEXTFILE', write_compression = 'ZSTD', "
            f"compression_level = {level}) AS {query}"
        )
        sizes[level] = client.rows(f'SELECT max("$file_size") FROM l{level}')[0][0]
    assert int(sizes[19] or 0) < int(sizes[1] or 0)
    assert "from 1 to 22" in client.fails(
        f"CREATE TABLE other WITH (write_compression = 'ZSTD', compression_level = 23) AS {query}"
    )


@pytest.mark.parametrize("form", FORMATS)
def test_partitions_are_written_and_registered(client: Client, form: str) -> None:
    client.rows(
        f"CREATE TABLE t WITH (format = '{form}', external_location = '{place(client, 't')}', "
        "partitioned_by = ARRAY['day', 'kind']) AS SELECT * FROM (VALUES (1, DATE '2024-01-01', 'a b'), "
        "(2, DATE '2024-01-01', 'x/y=z'), (3, DATE '2024-01-02', NULL)) AS v (id, day, kind)"
    )
    assert client.rows("SELECT * FROM t ORDER BY id") == [
        ["1", "2024-01-01", "a b"], ["2", "2024-01-01", "x/y=z"], ["3", "2024-01-02", None],
    ]  # fmt: skip
    client.rows("INSERT INTO t VALUES (4, DATE '2024-01-02', NULL), (5, DATE '2024-01-03', 'new')")
    assert client.rows("SELECT id FROM t WHERE day >= DATE '2024-01-02' ORDER BY id") == [["3"], ["4"], ["5"]]
    folders = {"/".join(key.split("/")[2:-1]) for key in objects(client)}
    assert folders == {
        "day=2024-01-01/kind=a b", "day=2024-01-01/kind=x%2Fy%3Dz", "day=2024-01-02/kind=__HIVE_DEFAULT_PARTITION__",
        "day=2024-01-03/kind=new",
    }  # fmt: skip
    assert len(client.rows("SHOW PARTITIONS t")) == 4


def test_a_partition_that_lies_elsewhere_is_written_to_there(client: Client) -> None:
    client.rows("CREATE TABLE t WITH (partitioned_by = ARRAY['p']) AS SELECT 1 AS id, 'a' AS p")
    client.rows(f"ALTER TABLE t ADD PARTITION (p = 'b') LOCATION '{place(client, 'elsewhere')}'")
    client.rows("INSERT INTO t VALUES (2, 'b')")
    assert client.rows("SELECT id FROM t WHERE p = 'b' AND \"$path\" LIKE '%/elsewhere/%'") == [["2"]]


@pytest.mark.parametrize("template", ["", "y${y}/${d}-${e}"])
def test_rows_go_to_where_the_projection_reads_them(client: Client, template: str) -> None:
    root = place(client, "t")
    told = {
        "projection.enabled": "true", "projection.y.type": "integer", "projection.y.range": "0,50",
        "projection.y.digits": "2", "projection.d.type": "date", "projection.d.range": "2024-01-01,NOW",
        "projection.d.format": "yyyy-MM-dd", "projection.e.type": "enum", "projection.e.values": "a,b",
    }  # fmt: skip
    told |= {"storage.location.template": root + template} if template else {}
    shown = ", ".join(f"'{key}'='{value}'" for key, value in told.items())
    client.rows(
        f"CREATE EXTERNAL TABLE t (v int) PARTITIONED BY (y int, d date, e string) LOCATION '{root}' "
        f"TBLPROPERTIES ({shown})"
    )
    client.rows("INSERT INTO t VALUES (1, 6, DATE '2024-02-01', 'a'), (2, 16, DATE '2024-02-29', 'b')")
    wanted = [["1", "6", "2024-02-01", "a"], ["2", "16", "2024-02-29", "b"]]
    assert client.rows("SELECT * FROM t ORDER BY v") == wanted
    assert client.rows("SHOW PARTITIONS t") == []
    for values in ("99, DATE '2024-02-01', 'a'", "6, DATE '2023-12-31', 'a'", "6, DATE '2024-02-01', 'c'",
                   "NULL, DATE '2024-02-01', 'a'", "6, DATE '2024-02-01', ''"):  # fmt: skip
        said = client.fails(f"INSERT INTO t VALUES (3, 7, DATE '2024-02-01', 'a'), (4, {values})")
        assert said.startswith("HIVE_INVALID_PARTITION_VALUE: Table t: the partition projection has no partition y=")
    assert client.rows("SELECT * FROM t ORDER BY v") == wanted


def test_a_partition_of_another_serde_is_not_written_to(client: Client) -> None:
    form = "ROW FORMAT DELIMITED FIELDS TERMINATED BY '{}'"
    client.rows(
        f"CREATE EXTERNAL TABLE t (a string, b string) PARTITIONED BY (p string) {form.format(',')} "
        f"LOCATION '{place(client, 't')}'"
    )
    client.rows("ALTER TABLE t ADD PARTITION (p = 'x')")
    glue = client.ctx.client("glue")
    at = {"DatabaseName": client.database, "TableName": "t"}
    storage = glue.get_partition(**at, PartitionValues=["x"])["Partition"]["StorageDescriptor"]
    storage["SerdeInfo"]["Parameters"]["field.delim"] = "|"
    glue.update_partition(
        **at, PartitionValueList=["x"], PartitionInput={"Values": ["x"], "StorageDescriptor": storage}
    )
    said = client.fails("INSERT INTO t VALUES ('1', '2', 'y'), ('1', '2', 'x')")
    assert said.startswith("HIVE_PARTITION_SCHEMA_MISMATCH")
    assert "the partition x is read by the SerDe" in said
    client.rows("INSERT INTO t VALUES ('1', '2', 'y')")
    assert client.rows("SELECT * FROM t") == [["1", "2", "y"]]


@pytest.mark.parametrize("known", [False, True])
def test_a_partition_that_is_put_elsewhere_meanwhile_fails_the_insert(
    client: Client, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    client.rows(
        f"CREATE TABLE t WITH (external_location = '{place(client, 't')}', partitioned_by = ARRAY['p']) AS "
        "SELECT 1 AS id, 'a' AS p"
    )
    before = objects(client)
    register = hive_writes.register

    def late(*given: Any) -> None:
        client.rows(
            f"ALTER TABLE t PARTITION (p = 'a') SET LOCATION '{place(client, 'else')}'" if known
            else f"ALTER TABLE t ADD PARTITION (p = 'b') LOCATION '{place(client, 'else')}'"
        )  # fmt: skip
        register(*given)

    monkeypatch.setattr(write, "register", late)
    said = client.fails(f"INSERT INTO t VALUES (2, 'c'), (3, '{'a' if known else 'b'}')")
    assert said.startswith("TRANSACTION_CONFLICT")
    assert objects(client) == before
    assert len(client.rows("SHOW PARTITIONS t")) == (1 if known else 2)


def test_the_text_that_stands_for_null_is_no_partitions_value(client: Client) -> None:
    mark = "__HIVE_DEFAULT_PARTITION__"
    said = client.fails(f"CREATE TABLE t WITH (partitioned_by = ARRAY['p']) AS SELECT 1 AS id, '{mark}' AS p")
    assert said.startswith(f"HIVE_INVALID_PARTITION_VALUE: the text '{mark}' stands for NULL")


def test_a_bucket_with_objects_is_not_empty(client: Client) -> None:
    client.ctx.client("s3").put_object(Bucket="hive", Key=f"{client.database}/x", Body=b"x")
    for target in ("s3://hive", "s3://hive/"):
        said = client.fails(f"UNLOAD (SELECT 1 AS a) TO '{target}' WITH (format = 'JSON')")
        assert said.startswith("HIVE_PATH_ALREADY_EXISTS")


def test_a_write_has_100_partitions_at_most(client: Client) -> None:
    def query(count: int) -> str:
        return f"SELECT n, n AS p FROM UNNEST(sequence(1, {count})) AS t (n)"

    where = f"external_location = '{place(client, 't')}', partitioned_by = ARRAY['p']"
    said = client.fails(f"CREATE TABLE t WITH ({where}) AS {query(101)}")
    assert said == "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers for partitions/buckets"
    assert (objects(client), client.rows("SHOW TABLES")) == ([], [])
    client.rows(f"CREATE TABLE t WITH ({where}) AS {query(100)}")
    assert client.rows("SELECT count(*), count(DISTINCT p) FROM t") == [["100", "100"]]
    assert "Exceeded limit of 100" in client.fails(f"INSERT INTO t {query(101)}")
    assert client.rows("SELECT count(*) FROM t") == [["100"]]


def test_rows_are_bucketed_by_hives_hash(client: Client) -> None:
    client.rows(
        f"CREATE TABLE t WITH (external_location = '{place(client, 't')}', bucketed_by = ARRAY['id'], "
        "bucket_count = 3) AS SELECT n AS id, 'v' AS v FROM UNNEST(sequence(1, 9)) AS t (n)"
    )
    found = client.rows("SELECT id, regexp_extract(\"$path\", 'bucket-(\\d+)', 1) FROM t ORDER BY id")
    assert found == [[str(n), f"{n % 3:05d}"] for n in range(1, 10)]
    storage = client.ctx.client("glue").get_table(DatabaseName=client.database, Name="t")["Table"]["StorageDescriptor"]
    assert (storage["BucketColumns"], storage["NumberOfBuckets"]) == (["id"], 3)
    assert client.fails("INSERT INTO t VALUES (1, 'v')").endswith("INSERT INTO is not supported on bucketed tables")


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ("partitioned_by = ARRAY['a']", "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns"),
        ("partitioned_by = ARRAY['z']", "Partition columns [z] not present in schema"),
        ("partitioned_by = ARRAY['a', 'b', 'c']", "Table contains only partition columns"),
        ("bucketed_by = ARRAY['z'], bucket_count = 2", "Bucketing columns [z] not present in schema"),
        ("bucketed_by = ARRAY['a']", "bucketed_by and bucket_count"),
        ("bucketed_by = ARRAY['c'], bucket_count = 2, partitioned_by = ARRAY['c']", "are partition columns"),
        ("format = 'XML'", "the property format is one of PARQUET, ORC, AVRO, JSON, TEXTFILE, not XML"),
        ("colour = 'red'", "property 'colour' does not exist"),
        ("field_delimiter = ','", "field_delimiter is for the format TEXTFILE"),
        ("format = 'TEXTFILE', field_delimiter = '||'", "field_delimiter is a single character"),
        ("format = 'TEXTFILE', field_delimiter = '\n'", "field_delimiter is a single character and no line break"),
    ],
)
def test_a_property_that_athena_refuses_makes_nothing(client: Client, properties: str, said: str) -> None:
    where = f"external_location = '{place(client, 't')}', {properties}"
    sql = f"CREATE TABLE t WITH ({where}) AS SELECT 1 AS a, 2 AS b, 3 AS c"
    assert said in client.fails(sql)
    assert (objects(client), client.rows("SHOW TABLES")) == ([], [])


@pytest.mark.parametrize(
    ("value", "said"), [("'a,b'", "the delimiter ','"), ("chr(10)", "the delimiter '\\n'"), ("'\\N'", "NULL")]
)
def test_text_that_would_be_read_back_as_something_else_is_refused(client: Client, value: str, said: str) -> None:
    where = f"format = 'TEXTFILE', field_delimiter = ',', external_location = '{place(client, 't')}'"
    assert said in client.fails(f"CREATE TABLE t WITH ({where}) AS SELECT 1 AS a, {value} AS b")
    assert (objects(client), client.rows("SHOW TABLES")) == ([], [])


def test_escaped_text_holds_its_delimiters(client: Client) -> None:
    client.rows(
        "CREATE EXTERNAL TABLE t (a string, b array<string>) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' "
        f"ESCAPED BY '\\\\' COLLECTION ITEMS TERMINATED BY '|' LOCATION '{place(client, 't')}'"
    )
    client.rows("INSERT INTO t VALUES ('x,y|\\z', ARRAY['p|q', 'r,s', '\\N'])")
    assert client.rows("SELECT a, b[1], b[2], b[3] FROM t") == [["x,y|\\z", "p|q", "r,s", "\\N"]]


@pytest.mark.parametrize("serde", ["org.openx.data.jsonserde.JsonSerDe", "org.apache.hive.hcatalog.data.JsonSerDe"])
def test_rows_are_inserted_into_tables_of_json(client: Client, serde: str) -> None:
    client.rows(
        f"CREATE EXTERNAL TABLE t (a int, b struct<c:decimal(10,2),d:timestamp>) ROW FORMAT SERDE '{serde}' "
        f"LOCATION '{place(client, 't')}'"
    )
    client.rows(
        "INSERT INTO t VALUES (1, CAST(ROW(DECIMAL '1.10', TIMESTAMP '2024-01-31 10:00:00.5') "
        "AS ROW(c decimal(10,2), d timestamp)))"
    )
    assert client.rows("SELECT a, b.c, b.d FROM t") == [["1", "1.10", "2024-01-31 10:00:00.500"]]


def test_opencsv_text_holds_quotes_and_separators(client: Client) -> None:
    client.rows(
        "CREATE EXTERNAL TABLE t (a string, b string) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' "
        f"LOCATION '{place(client, 't')}'"
    )
    client.rows("INSERT INTO t VALUES ('x,\"y\" \\ z\\', '')")
    assert client.rows("SELECT a, b FROM t") == [['x,"y" \\ z\\', ""]]
    assert "line break" in client.fails("INSERT INTO t VALUES ('a', chr(13))")
    assert client.rows("SELECT count(*) FROM t") == [["1"]]


def test_unload_writes_partitions_and_delimited_text(client: Client) -> None:
    client.rows(
        f"UNLOAD (SELECT * FROM (VALUES (1, 'a', 'x'), (2, NULL, 'y')) AS t (id, v, p)) TO '{place(client, 'u')}' "
        "WITH (format = 'TEXTFILE', field_delimiter = ';', compression = 'NONE', partitioned_by = ARRAY['p'])"
    )
    found = {key.split("/")[2]: body(client, key) for key in objects(client)}
    assert found == {"p=x": b"1;a\n", "p=y": b"2;\\N\n"}


def test_avro_has_the_moments_that_hive_reads(client: Client) -> None:
    """Hive takes a number of microseconds for one of milliseconds, in the year 56053."""
    moment = "SELECT TIMESTAMP '2024-01-31 10:00:00.123' AS t"
    client.rows(f"UNLOAD ({moment}) TO '{place(client, 'a')}' WITH (format = 'AVRO')")
    (key,) = objects(client)
    (field,) = fastavro.reader(io.BytesIO(body(client, key))).writer_schema["fields"]
    assert field["type"][1] == {"type": "long", "logicalType": "timestamp-millis"}


def test_avro_refuses_what_it_does_not_hold(client: Client) -> None:
    assert "Column 'a' is smallint, which is not supported by Avro. Use integer instead." in client.fails(
        "CREATE TABLE t WITH (format = 'AVRO') AS SELECT CAST(1 AS smallint) AS a"
    )
    assert "non-varchar map key" in client.fails(
        "CREATE TABLE t WITH (format = 'AVRO') AS SELECT MAP(ARRAY[1], ARRAY[2]) AS a"
    )
