"""What people in a role must not do is refused by AWS, and changes nothing: tried with each role's own credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from pyiceberg.exceptions import ForbiddenError, NoSuchTableError, RESTError

from tests.folders import ROOT
from tests.infra.people import SECRET, Deployed, Person, ended, orders
from tests.infra.people_uses import FOREIGN
from tests.infra.test_people_at_work import rest
from tests.waiting import until

pytestmark = pytest.mark.slow
DENIED = ("AccessDenied", "AccessDeniedException", "403", "AuthorizationErrorException")


@pytest.fixture(scope="module")
def settled(peopled: Deployed) -> Deployed:
    """The deployment, with nothing under way and all that an attacker asks for prepared by its administrator."""
    quiet = peopled.role("OperatorRoleArn").sluice("refresh", "--wait", "--timeout", "120")
    assert quiet.returncode == 0, quiet.stderr
    athena, group = peopled.admin("athena"), peopled.outputs["PeopleWorkGroupName"]
    athena.create_prepared_statement(
        StatementName="theirs", WorkGroup=group, QueryStatement="SELECT session_id FROM silver.clicks"
    )
    made = athena.start_query_execution(
        QueryString="CREATE VIEW gold.visits AS SELECT session_id FROM silver.clicks",
        WorkGroup=peopled.outputs["AthenaWorkGroupName"],
    )
    assert ended(athena, made["QueryExecutionId"]).startswith("[")
    return peopled


@pytest.fixture
def unchanged(settled: Deployed) -> Iterator[Deployed]:
    """The deployment, of whose objects and tables nothing may change."""
    if settled.admin("stepfunctions").list_executions(
        stateMachineArn=settled.outputs["RefreshStateMachineArn"], statusFilter="RUNNING"
    )["executions"]:  # after a delivery of the test before
        settled.role("OperatorRoleArn").did("refresh", "--wait", "--timeout", "120")
    before = settled.objects(), settled.tables()
    yield settled
    assert (settled.objects(), settled.tables()) == before


@pytest.fixture
def analyst(unchanged: Deployed) -> Person:
    return unchanged.role("AnalystRoleArn")


# ---- private columns


#: Ways to the private column of silver.clicks by SQL.
BY_SQL = {
    "select": "SELECT session_id FROM silver.clicks",
    "all": "SELECT * FROM silver.clicks",
    "another column of its table": "SELECT event_id FROM silver.clicks",
    "other spelling": 'SELECT "SESSION_ID" FROM "SILVER"."Clicks"',
    "other catalog": 'SELECT session_id FROM "awsdatacatalog".silver.clicks',
    "a join": "SELECT c.session_id FROM silver.orders o CROSS JOIN silver.clicks c",
    "a condition": "SELECT 1 FROM silver.orders WHERE EXISTS (SELECT 1 FROM silver.clicks WHERE session_id > 'a')",
    "a common table": "WITH x AS (SELECT session_id FROM silver.clicks) SELECT * FROM x",
    "time travel": "SELECT session_id FROM silver.clicks FOR TIMESTAMP AS OF current_timestamp",
    "path": 'SELECT "$path" FROM silver.clicks',
    "files": 'SELECT * FROM silver."clicks$files"',
    "snapshots": 'SELECT * FROM silver."clicks$snapshots"',
    "history": 'SELECT * FROM silver."clicks$history"',
    "partitions": 'SELECT * FROM silver."clicks$partitions"',
    "manifests": 'SELECT * FROM silver."clicks$manifests"',
    "explain": "EXPLAIN SELECT session_id FROM silver.clicks",
    "explain analyze": "EXPLAIN ANALYZE SELECT session_id FROM silver.clicks",
    "describe": "DESCRIBE silver.clicks",
    "columns": "SHOW COLUMNS IN silver.clicks",
    "create statement": "SHOW CREATE TABLE silver.clicks",
    "new table": "CREATE TABLE gold.mine AS SELECT session_id FROM silver.clicks",
    "new table of what is open": "CREATE TABLE gold.mine AS SELECT order_id FROM silver.orders",
    "view": "CREATE VIEW gold.mine AS SELECT session_id FROM silver.clicks",
    "another's view": "SELECT session_id FROM gold.visits",
    "external table": "CREATE EXTERNAL TABLE gold.mine (a string) LOCATION 's3://{lake}/silver/clicks/data/'",
    "unload": "UNLOAD (SELECT session_id FROM silver.clicks) TO 's3://{results}/{own}u/' WITH (format = 'JSON')",
    "insert": "INSERT INTO silver.orders (order_id) SELECT session_id FROM silver.clicks",
    "update": "UPDATE silver.orders SET order_id = (SELECT max(session_id) FROM silver.clicks)",
    "delete": "DELETE FROM silver.orders",
    "merge": "MERGE INTO silver.orders o USING silver.clicks c ON o.order_id = c.session_id WHEN MATCHED THEN DELETE",
    "optimize": "OPTIMIZE silver.clicks REWRITE DATA USING BIN_PACK",
    "vacuum": "VACUUM silver.orders",
    "drop": "DROP TABLE silver.orders",
    "alter": "ALTER TABLE silver.orders ADD COLUMNS (a string)",
    "prepare": "PREPARE mine FROM SELECT session_id FROM silver.clicks",
    "execute": "EXECUTE theirs",
    "bronze": "SELECT session_id FROM bronze.clicks",
    "quarantine": "SELECT * FROM quarantine.orders",
    "bronze's files": 'SELECT * FROM bronze."clicks$files"',
    "unload of what is open to landing": "UNLOAD (SELECT 1 AS a) TO 's3://{landing}/orders/' WITH (format = 'JSON')",
}  # fmt: skip


@pytest.mark.parametrize("way", BY_SQL)
def test_no_sql_leads_an_analyst_to_a_private_column_or_changes_anything(analyst: Person, way: str) -> None:
    deployed = analyst.deployed
    places = {
        "lake": deployed.lake,
        "results": deployed.results,
        "landing": deployed.landing,
        "own": analyst.own_results,
    }
    sql = BY_SQL[way]
    for name, place in places.items():
        sql = sql.replace(f"{{{name}}}", place)
    told = analyst.query(sql)
    assert "PERMISSION_DENIED" in told or "AccessDenied" in told, told
    assert "is not authorized to perform" in told
    assert SECRET not in told


def test_the_catalogs_lists_do_not_name_what_is_not_open(analyst: Person) -> None:
    for sql in (
        "SELECT table_name, column_name FROM information_schema.columns",
        "SELECT table_schema, table_name FROM information_schema.tables",
        "SHOW TABLES IN silver",
        "SHOW TABLES IN gold",
    ):
        told = analyst.query(sql)
        assert told.startswith("["), told
        assert "clicks" not in told
        assert "visits" not in told
        assert "session_id" not in told
    assert [table for (_, table) in rest(analyst).list_tables("silver")] == ["orders"]


def test_no_file_of_a_closed_table_is_read_or_listed(analyst: Person) -> None:
    deployed = analyst.deployed
    keys = [name.partition("?")[0].partition("/")[2] for name in deployed.objects() if name.startswith(deployed.lake)]
    closed = [key for key in keys if key.startswith(("silver/clicks/", "bronze/", "quarantine/", "staging/"))]
    assert {key.split("/")[2] for key in closed if key.startswith("silver/clicks/")} == {"data", "metadata"}
    for key in closed:
        assert analyst.told("s3.get_object", Bucket=deployed.lake, Key=key) in DENIED, key
        assert analyst.told("s3.head_object", Bucket=deployed.lake, Key=key) in DENIED, key
    copied = {"Bucket": deployed.lake, "Key": closed[0]}
    place = {"Bucket": deployed.results, "Key": f"{analyst.own_results}copy"}
    assert analyst.told("s3.copy_object", CopySource=copied, **place) in DENIED
    for bucket in (deployed.lake, deployed.landing, deployed.results):
        for prefix in ("", "silver/clicks/", "silver/orders/", analyst.own_results):
            assert analyst.told("s3.list_objects_v2", Bucket=bucket, Prefix=prefix) in DENIED
        assert analyst.told("s3.list_object_versions", Bucket=bucket) in DENIED


def test_glue_and_icebergs_interface_tell_an_analyst_of_no_closed_table(analyst: Person) -> None:
    for database, table in (("silver", "clicks"), ("bronze", "clicks"), ("quarantine", "orders"), ("gold", "visits")):
        assert analyst.told("glue.get_table", DatabaseName=database, Name=table) in DENIED
        assert analyst.told("glue.get_table_versions", DatabaseName=database, TableName=table) in DENIED
        assert analyst.told("glue.get_partitions", DatabaseName=database, TableName=table) in DENIED
        given = {"CatalogName": "AwsDataCatalog", "DatabaseName": database, "TableName": table}
        assert analyst.told("athena.get_table_metadata", **given) == "MetadataException"
        with pytest.raises((ForbiddenError, NoSuchTableError, RESTError)):
            rest(analyst).load_table(f"{database}.{table}")
    assert analyst.told("glue.get_tables", DatabaseName="bronze") in DENIED
    assert [each["Name"] for each in analyst("glue").get_tables(DatabaseName="silver")["TableList"]] == ["orders"]
    catalog = {"CatalogName": "AwsDataCatalog"}
    listed = [each["Name"] for each in analyst("athena").list_databases(**catalog)["DatabaseList"]]
    assert sorted(listed) == ["gold", "silver"]
    assert analyst.told("athena.list_table_metadata", **catalog, DatabaseName="bronze") == "MetadataException"
    assert analyst.told("glue.search_tables") in DENIED
    moved = {"Name": "orders", "Parameters": {"metadata_location": "s3://elsewhere/x"}}
    assert analyst.told("glue.update_table", DatabaseName="silver", TableInput=moved) in DENIED
    with pytest.raises((ForbiddenError, RESTError)):
        rest(analyst).drop_table("silver.orders")


# ---- another's data, another's results


def test_an_analyst_reaches_no_other_part_of_the_deployment(analyst: Person) -> None:
    deployed, outputs = analyst.deployed, analyst.deployed.outputs
    landed = {"Bucket": deployed.landing, "Key": "orders/first.ndjson.gz"}
    shard = {"StreamName": "clicks", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("s3.get_object", landed),
        ("s3.put_object", {**landed, "Body": b""}),
        ("s3.delete_object", landed),
        ("s3.put_object", {"Bucket": deployed.lake, "Key": "silver/orders/data/mine", "Body": b""}),
        ("s3.put_object", {"Bucket": deployed.results, "Key": "athena/mine.csv", "Body": b""}),
        ("s3.put_bucket_policy", {"Bucket": deployed.lake, "Policy": "{}"}),
        ("kinesis.get_shard_iterator", shard),
        ("kinesis.put_record", {"StreamName": "clicks", "Data": b"x", "PartitionKey": "1"}),
        ("lambda.invoke", {"FunctionName": outputs["PlanFunctionName"], "Payload": b"{}"}),
        ("lambda.get_function", {"FunctionName": outputs["PlanFunctionName"]}),
        ("sqs.receive_message", {"QueueUrl": outputs["LandingDeadLetterQueueUrl"]}),
        ("sqs.send_message", {"QueueUrl": outputs["CommitQueueUrl"], "MessageBody": "x", "MessageGroupId": "x"}),
        ("dynamodb.scan", {"TableName": outputs["LedgerTableName"]}),
        ("stepfunctions.start_execution", {"stateMachineArn": outputs["RefreshStateMachineArn"]}),
        ("logs.describe_log_groups", {}),
        ("cloudformation.describe_stacks", {}),
        ("cloudformation.delete_stack", {"StackName": "sluice-dev-serving"}),
        ("iam.list_roles", {}),
        ("iam.put_role_policy", {"RoleName": analyst.role, "PolicyName": "more", "PolicyDocument": EVERYTHING}),
        ("iam.update_assume_role_policy", {"RoleName": analyst.role, "PolicyDocument": EVERYTHING}),
        ("sts.assume_role", {"RoleArn": outputs["StewardRoleArn"], "RoleSessionName": "ana"}),
        ("athena.list_query_executions", {"WorkGroup": outputs["PeopleWorkGroupName"]}),
        ("athena.get_prepared_statement", {"StatementName": "theirs", "WorkGroup": outputs["PeopleWorkGroupName"]}),
        ("athena.update_work_group", {"WorkGroup": outputs["PeopleWorkGroupName"], "State": "DISABLED"}),
    ]
    for call, given in calls:
        assert analyst.told(call, **given) in DENIED, call


EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})


def test_nobody_reads_or_writes_anothers_results(unchanged: Deployed) -> None:
    ana, bea = (unchanged.role("AnalystRoleArn", name) for name in ("ana", "bea"))
    steward, group = unchanged.role("StewardRoleArn"), unchanged.outputs["PeopleWorkGroupName"]
    place = f"s3://{unchanged.results}/{bea.own_results}"
    name = bea("athena").start_query_execution(
        QueryString="SELECT 'of bea'", WorkGroup=group, ResultConfiguration={"OutputLocation": place}
    )["QueryExecutionId"]
    assert "of bea" in ended(bea("athena"), name)
    for other in (ana, steward, unchanged.role("OperatorRoleArn")):
        assert other.told("s3.get_object", Bucket=unchanged.results, Key=f"{bea.own_results}{name}.csv") in DENIED
        said = other.told("athena.get_query_results", QueryExecutionId=name)
        assert said in (*DENIED, "InvalidRequestException")
        told = other.query("SELECT 'of another'", out=place)
        assert "not authorized" in told
    # Nor what the administrator asked, and nobody takes that workgroup.
    asked = unchanged.admin("athena").start_query_execution(
        QueryString="SELECT session_id FROM silver.clicks", WorkGroup=unchanged.outputs["AthenaWorkGroupName"]
    )["QueryExecutionId"]
    assert SECRET in ended(unchanged.admin("athena"), asked)
    for other in (ana, steward):
        assert other.told("s3.get_object", Bucket=unchanged.results, Key=f"athena/{asked}.csv") in DENIED
        assert other.told("athena.get_query_results", QueryExecutionId=asked) in DENIED
        assert "not authorized" in other.query("SELECT 1", group=unchanged.outputs["AthenaWorkGroupName"])
        assert "not authorized" in other.query("SELECT 1", group="primary")


@pytest.mark.parametrize("name", ["**", "a?", "../bea", "${aws:userid}", "bea/*", "b" * 65, "b\u00e9a", "bea\n"])
def test_no_name_of_a_session_stands_for_anothers(unchanged: Deployed, name: str) -> None:
    with pytest.raises(ClientError) as refused:
        Person.take(unchanged, unchanged.outputs["AnalystRoleArn"], name)
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_a_result_is_not_given_again_to_who_may_not_read_it(unchanged: Deployed) -> None:
    sql = "SELECT reason FROM quarantine.orders"
    assert "pattern_mismatch" in unchanged.role("StewardRoleArn").query(sql)
    again = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 60}}
    told = unchanged.role("AnalystRoleArn").query(sql, ResultReuseConfiguration=again)
    assert "PERMISSION_DENIED" in told


# ---- other roles


def test_stewards_and_operators_read_no_table_but_quarantine(unchanged: Deployed) -> None:
    steward, operator = unchanged.role("StewardRoleArn"), unchanged.role("OperatorRoleArn")
    for sql in ("SELECT * FROM silver.orders", "SELECT * FROM bronze.clicks", "SELECT * FROM gold.customer_orders"):
        assert "PERMISSION_DENIED" in steward.query(sql)
        assert "not authorized" in operator.query(sql)
    keys = [name.partition("?")[0].partition("/")[2] for name in unchanged.objects() if name.startswith(unchanged.lake)]
    for person, closed in (
        (steward, ("silver/", "bronze/", "gold/")),
        (operator, ("silver/", "bronze/", "gold/", "quarantine/")),
    ):
        for key in (key for key in keys if key.startswith(closed)):
            assert person.told("s3.get_object", Bucket=unchanged.lake, Key=key) in DENIED, key
    landed = {"Bucket": unchanged.landing, "Key": "orders/first.ndjson.gz"}
    for person in (steward, operator):
        assert person.told("s3.get_object", **landed) in DENIED
        assert person.told("s3.put_object", **landed, Body=b"") in DENIED
        assert person.told("s3.delete_object", **landed) in DENIED
        function = unchanged.outputs["RunFunctionName"]
        assert person.told("lambda.invoke", FunctionName=function, Payload=b"{}") in DENIED
        assert person.told("lambda.update_function_configuration", FunctionName=function, Timeout=9) in DENIED
        assert person.told("lambda.get_function", FunctionName=function) in DENIED
        arn = unchanged.outputs["AnalystRoleArn"]
        assert person.told("sts.assume_role", RoleArn=arn, RoleSessionName="me") in DENIED
    assert operator.told("dynamodb.put_item", TableName=unchanged.outputs["LedgerTableName"], Item={}) in DENIED


#: Keys that are not below orders/, however they are read.
ELSEWHERE = [
    "order_lines/a.csv", "readings/a", "orders", "Orders/a.ndjson.gz", " orders/a.ndjson.gz", "/orders/a.ndjson.gz",
    "//orders/a", "../orders/a", "./orders/a", "orders%2Fa.ndjson.gz", "orders\\a", "order_lines/../orders/a",
    "%6frders/a", "orders\u2215a", "ordersx/a", "\uff4frders/a",
]  # fmt: skip


def test_a_producer_writes_below_its_dataset_alone(unchanged: Deployed) -> None:
    producer = unchanged.role("ProducerRoleArnOrders")
    for key in ELSEWHERE:
        assert producer.told("s3.put_object", Bucket=unchanged.landing, Key=key, Body=orders(50)) in DENIED, key
        assert producer.told("s3.create_multipart_upload", Bucket=unchanged.landing, Key=key) in DENIED, key
    own = {"Bucket": unchanged.landing, "Key": "orders/first.ndjson.gz"}
    for call in ("get_object", "head_object", "delete_object", "get_object_tagging", "get_object_acl"):
        assert producer.told(f"s3.{call}", **own) in DENIED, call
    assert producer.told("s3.list_objects_v2", Bucket=unchanged.landing, Prefix="orders/") in DENIED
    copied = {"CopySource": own, "Bucket": unchanged.landing, "Key": "orders/copy"}
    assert producer.told("s3.copy_object", **copied) in DENIED
    acl = {"Bucket": unchanged.landing, "Key": "orders/public.ndjson.gz", "Body": b"", "ACL": "public-read"}
    assert producer.told("s3.put_object", **acl) in DENIED
    for bucket in (unchanged.lake, unchanged.results):
        assert producer.told("s3.put_object", Bucket=bucket, Key="orders/a", Body=b"") in DENIED
    assert producer.told("kinesis.put_record", StreamName="clicks", Data=b"x", PartitionKey="1") in DENIED
    sender = unchanged.role("ProducerRoleArnClicks")
    assert sender.told("kinesis.put_record", StreamName="readings", Data=b"x", PartitionKey="1") in DENIED
    assert sender.told("s3.put_object", Bucket=unchanged.landing, Key="clicks/a", Body=b"") in DENIED


def test_a_crafted_key_below_a_dataset_is_a_file_of_that_dataset_and_of_no_other(settled: Deployed) -> None:
    """S3 takes a key as it stands: ``..`` and ``%2F`` are names like others, and the first part says the dataset."""
    producer, ledger = settled.role("ProducerRoleArnOrders"), settled.outputs["LedgerTableName"]
    crafted = [
        "orders/../order_lines/a.ndjson.gz", "orders/..%2F..%2Forder_lines/b.ndjson.gz", "orders//etc/c.ndjson.gz",
        "orders/x' OR '1'='1.ndjson.gz", "orders/$(id);d.ndjson.gz",
    ]  # fmt: skip
    for number, key in enumerate(crafted):
        producer("s3").put_object(Bucket=settled.landing, Key=key, Body=orders(60 + number))

    def entries(dataset: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = settled.admin("dynamodb").query(
            TableName=ledger, KeyConditionExpression="dataset = :d", ExpressionAttributeValues={":d": {"S": dataset}}
        )["Items"]
        return [each for each in found if each.get("status", {}).get("S") == "committed"]

    uris = {f"s3://{settled.landing}/{key}" for key in crafted}
    until(lambda: uris <= {each["uri"]["S"] for each in entries("orders")}, "the crafted files are in bronze.orders")
    assert entries("order_lines") == []
    settled.role("OperatorRoleArn").did("refresh", "--wait", "--timeout", "120")
    listed = settled.admin("s3").list_objects_v2(Bucket=settled.landing)["Contents"]
    assert not [each["Key"] for each in listed if each["Key"].startswith("order_lines")]


# ---- the way in


def test_plain_http_is_refused_to_everybody(unchanged: Deployed) -> None:
    plain = {"X-Localaws-Secure-Transport": "false"}
    producer, analyst = unchanged.role("ProducerRoleArnOrders"), unchanged.role("AnalystRoleArn")
    steward = unchanged.role("StewardRoleArn")
    unchanged.admin("s3").put_object(Bucket=unchanged.results, Key=f"{analyst.own_results}mine.csv", Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        producer("s3", **plain).put_object(Bucket=unchanged.landing, Key="orders/plain.ndjson.gz", Body=orders(70))
    with pytest.raises(ClientError, match="AccessDenied"):
        analyst("s3", **plain).get_object(Bucket=unchanged.results, Key=f"{analyst.own_results}mine.csv")
    with pytest.raises(ClientError, match="AccessDenied"):
        steward("sqs", **plain).receive_message(QueueUrl=unchanged.outputs["LandingDeadLetterQueueUrl"])


def test_a_role_for_another_account_is_taken_by_nobody_here(unchanged: Deployed) -> None:
    arn = unchanged.outputs["ProducerRoleArnReadings"]
    trust = boto3.client("iam").get_role(RoleName=arn.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]
    assert [each["Principal"] for each in trust["Statement"]] == [{"AWS": FOREIGN}]
    with pytest.raises(ClientError, match="AccessDenied"):
        Person.take(unchanged, arn, "me")
    for output in ("AnalystRoleArn", "StewardRoleArn", "OperatorRoleArn", "ProducerRoleArnOrders"):
        assert unchanged.role(output).told("sts.assume_role", RoleArn=arn, RoleSessionName="me") in DENIED


# ---- texts in names and arguments


HOSTILE = [
    "gold.x'; DROP TABLE silver.orders --", "gold.customer_orders; DELETE FROM silver.orders", "gold.a' OR '1'='1",
    "../../etc/passwd", "$(touch owned)", "gold.\x1b[31mx", "{{7*7}}", "%s%n", "=1+1",
]  # fmt: skip
#: Commands that take a name, each with who gives them.
COMMANDS = [
    ("OperatorRoleArn", ("pause",)), ("OperatorRoleArn", ("backfill",)), ("OperatorRoleArn", ("runs",)),
    ("OperatorRoleArn", ("logs",)), ("OperatorRoleArn", ("status",)), ("StewardRoleArn", ("discard",)),
    ("StewardRoleArn", ("retract",)), ("OperatorRoleArn", ("backfill", "gold.customer_orders", "--from")),
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(COMMANDS)), ids=lambda place: COMMANDS[place][1][-1])
def test_a_text_in_an_argument_is_a_name_of_nothing_and_no_sql(unchanged: Deployed, place: int) -> None:
    role, command = COMMANDS[place]
    for name in HOSTILE[place % 3 :: 3]:  # every text is given to some command, and to each command some
        done = unchanged.role(role).sluice(*command, name)
        assert done.returncode != 0, (command, name)
        assert "Traceback" not in done.stderr, done.stderr
        assert "\x1b" not in done.stdout + done.stderr
    assert not (ROOT / "owned").exists()
