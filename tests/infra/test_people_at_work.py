"""Each role does its whole job with its own credentials, by AWS calls and `sluice`, and uses every grant it has."""

from __future__ import annotations

import json
import random
import sys
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pyiceberg.catalog.rest import RestCatalog

from localaws.iam import enforcement
from tests.infra.people import SECRET, Deployed, Person, click, ended, orders
from tests.infra.proving import done_at_last, prove, role_in
from tests.infra.statements import decided, held_by, hung_on
from tests.infra.work import Watch, delivers_a_file
from tests.waiting import until

pytestmark = pytest.mark.slow
#: Lists of the catalog show what these allow of it, without asking for each.
FILTERED = {"glue:GetTables", "glue:GetDatabases"}


def as_athena_does(person: Person) -> None:
    """Ask what Athena asks on AWS under its caller's permissions, and not here."""
    assert person("s3").get_bucket_location(Bucket=person.deployed.results)
    with pytest.raises(ClientError, match="EntityNotFound"):
        person("glue").get_database(Name="default")


def browses(person: Person, database: str, *tables: str) -> None:
    """List what there is as clients do: of tables those alone that the role may ask of."""
    athena, catalog = person("athena"), {"CatalogName": "AwsDataCatalog"}
    assert athena.get_data_catalog(Name="AwsDataCatalog")["DataCatalog"]["Type"] == "GLUE"
    assert database in [each["Name"] for each in athena.list_databases(**catalog)["DatabaseList"]]
    assert athena.get_database(**catalog, DatabaseName=database)["Database"]["Name"] == database
    listed = athena.list_table_metadata(**catalog, DatabaseName=database)["TableMetadataList"]
    assert tuple(sorted(each["Name"] for each in listed)) == tables
    assert athena.get_table_metadata(**catalog, DatabaseName=database, TableName=tables[0])["TableMetadata"]["Columns"]
    found = person("glue").get_tables(DatabaseName=database)["TableList"]
    assert tuple(sorted(each["Name"] for each in found)) == tables


def all_used(person: Person) -> None:
    assert [each for each in person.unused() if each[0] not in FILTERED] == []


def upload_in_parts(person: Person, bucket: str, key: str, body: bytes) -> None:
    """Upload in parts, as clients do with a large file; and begin one that is given up."""
    s3 = person("s3")
    named = {"Bucket": bucket, "Key": key}
    begun = s3.create_multipart_upload(**named)["UploadId"]
    s3.abort_multipart_upload(**named, UploadId=begun)
    begun = s3.create_multipart_upload(**named)["UploadId"]
    part = s3.upload_part(**named, UploadId=begun, PartNumber=1, Body=body)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**named, UploadId=begun, MultipartUpload=parts)


def test_a_producer_of_files_delivers(peopled: Deployed) -> None:
    producer = peopled.role("ProducerRoleArnOrders")
    upload_in_parts(producer, peopled.landing, "orders/parts/second.ndjson.gz", orders(4))

    def rows() -> list[Any]:
        found: list[Any] = json.loads(
            ended(
                peopled.admin("athena"),
                asked(peopled, "SELECT order_id FROM bronze.orders WHERE order_id = 'O000000004'"),
            )
        )
        return found[1:]

    assert until(rows, "the file is in its table")
    all_used(producer)


def asked(deployed: Deployed, sql: str) -> str:
    """Ask as the administrator."""
    group = deployed.outputs["AthenaWorkGroupName"]
    return str(deployed.admin("athena").start_query_execution(QueryString=sql, WorkGroup=group)["QueryExecutionId"])


def test_a_producer_of_a_stream_sends(peopled: Deployed) -> None:
    producer = peopled.role("ProducerRoleArnClicks")
    kinesis = producer("kinesis")
    assert kinesis.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"
    assert len(kinesis.list_shards(StreamName="clicks")["Shards"]) == 1
    kinesis.put_record(StreamName="clicks", Data=click(7), PartitionKey="7")
    assert (
        kinesis.put_records(StreamName="clicks", Records=[{"Data": click(8), "PartitionKey": "8"}])["FailedRecordCount"]
        == 0
    )
    all_used(producer)


def test_an_analyst_asks_of_what_is_open(peopled: Deployed) -> None:
    analyst = peopled.role("AnalystRoleArn")
    assert analyst.did("query", "SELECT count(*) AS n FROM silver.orders WHERE order_id < 'O000000004'").split() == [
        "n",
        "3",
    ]
    assert analyst.did("query", "SHOW DATABASES").split() == ["database_name", "gold", "silver"]
    assert analyst.did("query", "SHOW TABLES IN silver").split() == ["tab_name", "orders"]
    assert "customer_id" in analyst.did("query", "DESCRIBE gold.customer_orders")
    assert '"C1"' in analyst.query("SELECT customer_id FROM gold.customer_orders WHERE customer_id = 'C1'")
    group = peopled.outputs["PeopleWorkGroupName"]
    assert analyst("athena").get_work_group(WorkGroup=group)["WorkGroup"]["State"] == "ENABLED"
    as_athena_does(analyst)
    browses(analyst, "silver", "orders")
    for database in ("silver", "gold"):
        assert analyst("glue").get_database(Name=database)["Database"]["Name"] == database
    # What is cancelled, and a result in parts, as large ones are written.
    started = analyst("athena").start_query_execution(
        QueryString="SELECT 1", WorkGroup=group,
        ResultConfiguration={"OutputLocation": f"s3://{peopled.results}/{analyst.own_results}"},
    )["QueryExecutionId"]  # fmt: skip
    analyst("athena").stop_query_execution(QueryExecutionId=started)
    upload_in_parts(analyst, peopled.results, f"{analyst.own_results}large.csv", b"a\n")
    assert (
        analyst("s3").get_object(Bucket=peopled.results, Key=f"{analyst.own_results}large.csv")["Body"].read() == b"a\n"
    )
    # And by Iceberg's own interface, whose files the session reads itself.
    rows = rest(analyst).load_table("silver.orders").scan().to_arrow().num_rows
    assert rows >= 3
    all_used(analyst)


def rest(person: Person) -> RestCatalog:
    """Glue's Iceberg endpoint, as a client of this person."""
    endpoint = person.deployed.aws.endpoint
    keys = {
        "access-key-id": person.keys["AWS_ACCESS_KEY_ID"],
        "secret-access-key": person.keys["AWS_SECRET_ACCESS_KEY"],
        "session-token": person.keys["AWS_SESSION_TOKEN"],
        "region": "us-east-1",
    }
    return RestCatalog(
        "people",
        **{"uri": f"{endpoint}/iceberg", "warehouse": "123456789012", "rest.sigv4-enabled": "true"},
        **{"rest.signing-name": "glue", "rest.signing-region": "us-east-1", "s3.endpoint": endpoint},
        **{f"{kind}.{name}": value for kind in ("client", "s3") for name, value in keys.items()},
    )


def leave_dead(deployed: Deployed) -> str:
    """Leave work for `redrive`: dead letters, a batch of a stream, a unit set aside. Return what no redrive mends."""
    s3, sqs = deployed.admin("s3"), deployed.admin("sqs")
    key = "orders/first.ndjson.gz"
    version = s3.head_object(Bucket=deployed.landing, Key=key)["VersionId"]
    thing = {"bucket": {"name": deployed.landing}, "object": {"key": key, "size": 1, "version-id": version}}
    dead = deployed.outputs["LandingDeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody=json.dumps({"detail": thing}))
    odd = str(sqs.send_message(QueueUrl=dead, MessageBody="no event")["MessageId"])
    sqs.send_message(
        QueueUrl=deployed.outputs["CommitDeadLetterQueueUrl"], MessageBody=json.dumps({"dataset": "orders"}),
        MessageGroupId="orders", MessageDeduplicationId=odd,
    )  # fmt: skip
    function = deployed.outputs["IngestStreamFunctionName"]
    arn = deployed.admin("lambda").get_function_configuration(FunctionName=function)["FunctionArn"]
    batch = {"requestContext": {"functionArn": arn}, "payload": json.dumps({"Records": []})}
    s3.put_object(Bucket=deployed.lake, Key=f"aws/lambda/{odd}", Body=json.dumps(batch).encode())
    unit = {"dataset": "orders", "attempt": odd, "manifest": "no unit", "error": "tried in vain", "name": odd}
    s3.put_object(Bucket=deployed.lake, Key=f"set-aside/orders/{odd}.json", Body=json.dumps(unit).encode())
    return odd


def redrives(person: Person) -> None:
    odd = leave_dead(person.deployed)
    told = person.sluice("status").stdout
    assert "tried in vain" in told
    assert "no event" in told
    assert person.did("redrive").splitlines() == [
        "landing: 1 messages put back", "commit: 1 messages put back", "set aside: 1 units staged again",
        "streams: 1 batches handed on again",
    ]  # fmt: skip
    s3 = person.deployed.admin("s3")
    assert "Contents" not in s3.list_objects_v2(Bucket=person.deployed.lake, Prefix="aws/lambda/")

    def aside_again() -> bool:
        listed = s3.list_objects_v2(Bucket=person.deployed.lake, Prefix=f"set-aside/orders/{odd}-")
        return bool(listed.get("Contents"))

    assert until(aside_again, "the committer refuses the unit again")
    steward = person.deployed.role("StewardRoleArn")
    assert "tried in vain" not in steward.did("discard", odd)
    assert steward.sluice("status").returncode == 0


def test_a_steward_looks_at_quarantine_tries_again_gives_up_and_retracts(peopled: Deployed) -> None:
    steward = peopled.role("StewardRoleArn")
    assert steward.did("query", "SELECT reason FROM quarantine.orders").split() == ["reason", "pattern_mismatch"]
    assert SECRET in steward.query("SELECT * FROM quarantine.orders")
    assert "orders" in steward.did("query", "SHOW TABLES IN quarantine").split()
    browses(
        steward,
        "quarantine",
        *sorted(each.removeprefix("quarantine.") for each in peopled.tables() if each.startswith("quarantine.")),
    )
    assert steward("glue").get_database(Name="quarantine")["Database"]["Name"] == "quarantine"
    peopled.admin("s3").put_object(Bucket=peopled.lake, Key="records/orders/long", Body=b"a long record")
    assert steward("s3").get_object(Bucket=peopled.lake, Key="records/orders/long")["Body"].read() == b"a long record"
    redrives(steward)
    lost = {"bucket": {"name": peopled.landing}, "object": {"key": "orders/lost.csv", "size": 1, "version-id": "1"}}
    dead = peopled.outputs["LandingDeadLetterQueueUrl"]
    peopled.admin("sqs").send_message(QueueUrl=dead, MessageBody=json.dumps({"detail": lost}))
    assert "orders/lost.csv" in steward.did("discard", f"s3://{peopled.landing}/orders/lost.csv")
    producer = peopled.role("ProducerRoleArnOrders")
    producer("s3").put_object(Bucket=peopled.landing, Key="orders/wrong.ndjson.gz", Body=orders(90, 91))
    until(
        lambda: "orders/wrong" not in steward.sluice("status", "--json").stdout and gone(peopled, 90, there=True),
        "it is in",
    )
    assert "2" in steward.did("retract", f"s3://{peopled.landing}/orders/wrong.ndjson.gz")
    assert gone(peopled, 90)
    as_athena_does(steward)
    upload_in_parts(steward, peopled.results, f"{steward.own_results}large.csv", b"a\n")
    group = peopled.outputs["PeopleWorkGroupName"]
    assert steward("athena").get_work_group(WorkGroup=group)
    started = steward("athena").start_query_execution(
        QueryString="SELECT 1", WorkGroup=group,
        ResultConfiguration={"OutputLocation": f"s3://{peopled.results}/{steward.own_results}"},
    )["QueryExecutionId"]  # fmt: skip
    steward("athena").stop_query_execution(QueryExecutionId=started)
    all_used(steward)


def gone(deployed: Deployed, number: int, *, there: bool = False) -> bool:
    sql = f"SELECT order_id FROM bronze.orders WHERE order_id = 'O{number:09d}'"
    rows = json.loads(ended(deployed.admin("athena"), asked(deployed, sql)))[1:]
    return bool(rows) is there


@pytest.mark.proof
def test_an_operator_watches_refreshes_pauses_and_tries_again(peopled: Deployed) -> None:
    operator = peopled.role("OperatorRoleArn")
    assert "gold.customer_orders" in operator.did("status")
    assert "gold.customer_orders" in operator.did("runs")
    assert "derived table" in operator.did("plan")
    assert "A refresh was started" in operator.did("refresh", "--wait", "--timeout", "120")
    assert "is paused" in operator.did("pause", "gold.customer_orders")
    assert "paused" in operator.did("status", "gold.customer_orders")
    assert "is resumed" in operator.did("resume", "gold.customer_orders")
    assert "will be recomputed" in operator.did("backfill", "gold.customer_orders")
    assert "START RequestId" in operator.did("logs", "ingest_file")
    assert "run_transform" in operator.did("logs", "gold.customer_orders")
    for function in ("manage_tables", "empty_buckets", "ingest_file_alone", "commit_table", "plan_refresh",
                     "run_transform_large", "ingest_stream", "sweep"):  # fmt: skip
        operator.did("logs", function)
    redrives(operator)
    # What only a Spark job has: its runs and its two log groups, which Glue makes with the first line.
    assert operator("glue").get_job_runs(JobName=peopled.outputs["SparkJobName"])["JobRuns"] == []
    with pytest.raises(ClientError, match="ResourceNotFound"):
        operator("logs").filter_log_events(logGroupName="/aws-glue/jobs/output")
    (newest, *_) = operator("stepfunctions").list_executions(
        stateMachineArn=peopled.outputs["RefreshStateMachineArn"]
    )["executions"]  # fmt: skip
    assert operator("stepfunctions").describe_execution(executionArn=newest["executionArn"])["name"] == newest["name"]
    all_used(operator)


def test_a_statement_of_functions_is_missed_when_it_is_taken_away(peopled: Deployed) -> None:
    names = ("IngestFile", "CommitTable", "PlanRefresh", "RunTransform", "Refresh")
    iam, since = peopled.admin("iam"), len(enforcement.decisions())
    delivers_a_file(peopled, Watch.of("nobody"))
    made = decided(since)
    needed = []
    for name in names:
        statements = held_by(iam, role_in(peopled, name))
        needed += [each for each in statements if hung_on(each, statements, made)]
    assert len(needed) > 20
    for statement in random.sample(needed, 1):
        sys.stdout.write(f"without {statement}\n")
        prove(peopled, statement, delivers_a_file)
        done_at_last(peopled, statement.role, delivers_a_file)
