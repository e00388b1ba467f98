"""Tables as Athena reads and describes them: metadata, time travel, evolution, Hive formats, awswrangler."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import awswrangler as wr
import boto3
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from pyiceberg.expressions import EqualTo
from pyiceberg.types import LongType, StringType

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.server import iceberg_catalog
from tests.localaws.athena.shop import failure, rows, run, shop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with shop(tmp_path_factory.mktemp("aws")) as ctx:
        yield ctx


def test_an_empty_table_and_metadata_tables(ctx: Context) -> None:
    assert rows(ctx, "SELECT * FROM empty") == [["id", "name", "price", "at", "tags"]]
    assert rows(ctx, 'SELECT operation FROM "items$snapshots" ORDER BY committed_at')[1:] == [["append"], ["append"]]
    assert rows(ctx, 'SELECT sum(record_count) FROM "items$files"')[1:] == [["3"]]
    assert len(rows(ctx, 'SELECT * FROM "items$history"')) == 3
    assert rows(ctx, 'SELECT record_count FROM "items$partitions"')[1:] == [["3"]]


def test_time_travel_reads_the_older_snapshot(ctx: Context) -> None:
    first = rows(ctx, 'SELECT snapshot_id FROM "items$snapshots" ORDER BY committed_at')[1][0]
    assert rows(ctx, f"SELECT count(*) FROM items FOR VERSION AS OF {first}")[1:] == [["2"]]
    assert rows(ctx, "SELECT count(*) FROM items FOR TIMESTAMP AS OF current_timestamp")[1:] == [["3"]]
    assert "No version history" in failure(
        ctx, "SELECT * FROM items FOR TIMESTAMP AS OF TIMESTAMP '2001-01-01 00:00:00 UTC'"
    )


def test_evolved_renamed_and_deleted_are_respected(ctx: Context) -> None:
    catalog = iceberg_catalog(ctx, "s3://lake/warehouse")
    table = catalog.create_table("shop.evolving", pa.schema([("a", pa.int32()), ("b", pa.string())]))
    table.append(pa.table({"a": pa.array([1, 2], pa.int32()), "b": ["x", "y"]}))
    with table.update_schema() as update:
        update.add_column("c", LongType())
    assert rows(ctx, "SELECT a, c FROM evolving ORDER BY a")[1:] == [["1", None], ["2", None]]
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.rename_column("b", "was_b")
    with table.update_schema() as update:
        update.add_column("b", StringType())
    assert rows(ctx, "SELECT a, b, was_b FROM evolving ORDER BY a")[1:] == [["1", None, "x"], ["2", None, "y"]]
    table.delete(EqualTo("a", 1))
    assert rows(ctx, "SELECT count(*), min(a) FROM evolving")[1:] == [["1", "2"]]


def test_a_line_of_describe_has_three_columns(ctx: Context) -> None:
    client = Client(ctx, "shop", "analysts")
    query = client.execution("DESCRIBE shop.items")["QueryExecutionId"]
    found = ctx.client("athena").get_query_results(QueryExecutionId=query)["ResultSet"]
    assert [each["Name"] for each in found["ResultSetMetadata"]["ColumnInfo"]] == ["col_name", "data_type", "comment"]
    assert {len(row["Data"]) for row in found["Rows"]} == {1}


def test_a_session_knows_its_catalog_and_schema(ctx: Context) -> None:
    found = rows(ctx, "SELECT current_catalog, current_schema, CURRENT_CATALOG AS c FROM shop.items LIMIT 1")
    assert found[-1] == ["awsdatacatalog", "shop", "awsdatacatalog"]


def test_a_view_knows_the_catalog_and_schema_of_the_session_that_reads_it(ctx: Context) -> None:
    rows(ctx, "CREATE VIEW where_am_i AS SELECT current_schema AS s, current_catalog AS c")
    try:
        assert rows(ctx, "SELECT * FROM where_am_i")[-1] == ["shop", "awsdatacatalog"]
    finally:
        rows(ctx, "DROP VIEW where_am_i")


def test_a_tables_metadata_say_how_it_is_stored(ctx: Context) -> None:
    rows(
        ctx,
        "CREATE EXTERNAL TABLE kept (a int) ROW FORMAT DELIMITED FIELDS TERMINATED BY '|' LOCATION 's3://lake/kept/'",
    )
    found = ctx.client("athena").get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="shop", TableName="kept")
    parameters = found["TableMetadata"]["Parameters"]
    assert parameters["location"] == "s3://lake/kept/"
    assert parameters["inputformat"] == "org.apache.hadoop.mapred.TextInputFormat"
    assert parameters["serde.serialization.lib"].endswith("LazySimpleSerDe")
    assert parameters["serde.param.field.delim"] == "|"
    rows(ctx, "DROP TABLE kept")


def test_show_and_describe(ctx: Context) -> None:
    assert ["shop"] in rows(ctx, "SHOW DATABASES")
    assert ["items"] in rows(ctx, "SHOW TABLES IN shop 'it*'")
    assert [r[0].strip() for r in rows(ctx, "SHOW COLUMNS IN items")] == ["id", "name", "price", "at", "tags"]
    assert rows(ctx, "DESCRIBE shop.items")[0] == ["id                  \tbigint              \t" + " " * 20]
    assert rows(ctx, "SHOW CREATE TABLE items")[0] == ["CREATE TABLE shop.items("]
    assert ["items"] in rows(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop'")
    found = rows(ctx, "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'items'")
    assert ["price", "decimal(12,2)"] in found


def test_what_a_column_means_is_shown_wherever_columns_are(ctx: Context) -> None:
    column = {"Name": "id", "Type": "bigint", "Comment": "Number of the thing,\nnot the maker's."}
    table = {"Name": "told", "StorageDescriptor": {"Columns": [column, {"Name": "n", "Type": "int"}]},
             "PartitionKeys": [{"Name": "day", "Type": "date", "Comment": "When."}]}  # fmt: skip
    ctx.client("glue").create_table(DatabaseName="shop", TableInput=table)
    described = [[part.strip() for part in row[0].split("\t")] for row in rows(ctx, "DESCRIBE shop.told")]
    assert ["id", "bigint", "Number of the thing, not the maker's."] in described
    assert ["n", "int", ""] in described
    assert ["day", "date", "When."] in described
    asked = "SELECT column_name, comment FROM information_schema.columns WHERE table_name = 'told' ORDER BY 1"
    assert rows(ctx, asked)[1:] == [["day", "When."], ["id", "Number of the thing, not the maker's."], ["n", None]]
    made = [row[0].strip() for row in rows(ctx, "SHOW CREATE TABLE told")]
    assert r"`id` bigint COMMENT 'Number of the thing, not the maker\'s.'," in made


def test_hive_tables_in_three_formats(ctx: Context) -> None:
    s3, glue = ctx.client("s3"), ctx.client("glue")
    s3.put_object(Bucket="lake", Key="csv/a.csv", Body=b'id,name,at\n1,"x, y",19723\n2,"",bad\n')
    s3.put_object(Bucket="lake", Key="json/dt=2024-01-01/a.json", Body=b'{"ID": 1, "n": {"a": 1}}\n{"id": "x"}\n')
    columns = [{"Name": "id", "Type": "int"}, {"Name": "name", "Type": "string"}, {"Name": "at", "Type": "date"}]
    csv_serde = {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "Parameters": {"separatorChar": ","},
    }
    glue.create_table(
        DatabaseName="shop",
        TableInput={
            "Name": "plain",
            "Parameters": {"skip.header.line.count": "1"},
            "StorageDescriptor": {"Columns": columns, "Location": "s3://lake/csv/", "SerdeInfo": csv_serde},
        },
    )
    assert rows(ctx, "SELECT id, name FROM plain ORDER BY id")[1:] == [["1", "x, y"], ["2", ""]]
    refused = run(ctx, "SELECT * FROM plain")["Status"]["StateChangeReason"]
    assert refused == "HIVE_BAD_DATA: Error parsing field value 'bad' for field 2: For input string: \"bad\""
    s3.put_object(Bucket="lake", Key="csv/a.csv", Body=b'id,name,at\n1,"x, y",19723\n')
    assert rows(ctx, "SELECT * FROM plain")[1:] == [["1", "x, y", "2024-01-01"]]
    json_serde = {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}
    storage = {"Columns": [{"Name": "id", "Type": "int"}, {"Name": "n", "Type": "string"}], "SerdeInfo": json_serde}
    glue.create_table(
        DatabaseName="shop",
        TableInput={
            "Name": "lines",
            "PartitionKeys": [{"Name": "dt", "Type": "date"}],
            "StorageDescriptor": {**storage, "Location": "s3://lake/json/"},
        },
    )
    assert rows(ctx, "SELECT * FROM lines")[1:] == []
    partition = {
        "Values": ["2024-01-01"],
        "StorageDescriptor": {**storage, "Location": "s3://lake/json/dt=2024-01-01/"},
    }
    glue.create_partition(DatabaseName="shop", TableName="lines", PartitionInput=partition)
    assert rows(ctx, "SELECT * FROM lines WHERE dt = DATE '2024-01-01'")[1:] == [
        ["1", '{"a":1}', "2024-01-01"], [None, None, "2024-01-01"],
    ]  # fmt: skip


# awswrangler 3.17 copies as pandas did before its third version.
@pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")
@pytest.mark.parametrize(
    "mode", [{"ctas_approach": True}, {"ctas_approach": False, "unload_approach": True}, {"ctas_approach": False}]
)
def test_awswrangler_reads_in_all_three_modes(ctx: Context, mode: dict[str, bool]) -> None:
    session = boto3.Session(region_name=ctx.region, aws_access_key_id="test", aws_secret_access_key="test")
    for service in ("athena", "s3", "glue", "sts"):
        setattr(wr.config, f"{service}_endpoint_url", ctx.endpoint)
    where = {"s3_output": "s3://out/unloaded/"} if "unload_approach" in mode else {}
    frame = wr.athena.read_sql_query(
        "SELECT id, name, price, at FROM items ORDER BY id",
        database="shop",
        workgroup="analysts",
        boto3_session=session,
        **mode,
        **where,
    )
    frame = frame.sort_values("id")
    assert frame["id"].tolist() == [1, 2, 3]
    assert frame["price"].tolist()[:2] == [Decimal("1.50"), Decimal("2.25")]
    assert frame["name"].tolist()[2] == "Zoë 李"
    assert str(frame["at"].tolist()[0]) == "2024-01-31 10:00:00.123456"


def test_a_query_of_a_time_travelled_schema_reads_the_schema_of_then(ctx: Context) -> None:
    catalog = iceberg_catalog(ctx, "s3://lake/warehouse")
    table = catalog.create_table("shop.travelling", pa.schema([("a", pa.int32())]))
    table.append(pa.table({"a": pa.array([1], pa.int32())}))
    first = table.current_snapshot().snapshot_id
    with table.update_schema() as update:
        update.add_column("b", LongType())
    table.append(pa.table({"a": pa.array([2], pa.int32()), "b": pa.array([7], pa.int64())}))
    assert rows(ctx, f"SELECT * FROM travelling FOR VERSION AS OF {first}") == [["a"], ["1"]]
    assert rows(ctx, "SELECT * FROM travelling ORDER BY a") == [["a", "b"], ["1", None], ["2", "7"]]


def test_the_catalog_is_told_as_athena_tells_it(ctx: Context) -> None:
    athena = ctx.client("athena")
    assert {"CatalogName": "AwsDataCatalog", "Type": "GLUE"} in athena.list_data_catalogs()["DataCatalogsSummary"]
    own = athena.get_data_catalog(Name="awsdatacatalog")["DataCatalog"]
    assert own["Parameters"] == {"catalog-id": ctx.account}
    with pytest.raises(ClientError, match="DataCatalog nope was not found"):
        athena.get_data_catalog(Name="nope")
    versions = athena.list_engine_versions()["EngineVersions"]
    assert versions[0] == {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
    made = "CREATE EXTERNAL TABLE stored_told (a int) ROW FORMAT DELIMITED FIELDS TERMINATED BY ';' LOCATION 's3://lake/told/'"
    assert run(ctx, made)["Status"]["State"] == "SUCCEEDED"
    told = athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="shop", TableName="stored_told")
    parameters = told["TableMetadata"]["Parameters"]
    assert "location" in parameters, told
    assert parameters["location"].rstrip("/") == "s3://lake/told"
    assert parameters["serde.serialization.lib"].endswith("LazySimpleSerDe")
    assert parameters["serde.param.field.delim"] == ";"
    assert parameters["inputformat"].endswith("TextInputFormat")
    run(ctx, "DROP TABLE stored_told")


@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("get_table_metadata", {"DatabaseName": "shop", "TableName": "nope"}),
        ("get_database", {"DatabaseName": "nope"}),
        ("list_table_metadata", {"DatabaseName": "nope"}),
        ("list_databases", {"CatalogName": "nope"}),
    ],
)
def test_what_the_catalog_lacks_is_its_own_error(ctx: Context, call: str, given: dict[str, str]) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(ctx.client("athena"), call)(**{"CatalogName": "AwsDataCatalog", **given})
    assert refused.value.response["Error"]["Code"] == "MetadataException"
    assert "nope" in str(refused.value)
