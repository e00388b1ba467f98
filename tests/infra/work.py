"""The work of each role of the small project, done anew as often as asked: what a statement is taken from."""

from __future__ import annotations

import gzip
import itertools
import json
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from moto.sqs.models import sqs_backends

from localaws.context import ACCOUNT
from localaws.iam.enforcement import AccessDecision, decisions
from tests.infra.people import AT, Deployed, ended, orders
from tests.lambdas.cloudformation import CloudFormation

_NUMBERS = itertools.count(1_000)
#: Bytes of a packed file whose data files the table adopts, and of one that has a call of its own.
_ADOPTED, _ALONE = 4 << 20, 16 << 20


class Denied(Exception):
    """The work came to a call that its role may not make."""


@dataclass
class Watch:
    """Looks whether the work of a role is done, or refused: whichever comes first."""

    role: str
    since: int
    seconds: float = 180.0

    @classmethod
    def of(cls, role: str) -> Watch:
        """Begin now."""
        return cls(role, len(decisions()))

    def refused(self) -> list[AccessDecision]:
        return [each for each in decisions()[self.since :] if each.role == self.role and not each.allowed]

    def until(self, done: Callable[[], Any], what: str) -> None:
        """Wait for ``done``; raise `Denied` as soon as a call is refused."""
        deadline = time.monotonic() + self.seconds
        while not done():
            if refused := self.refused():
                raise Denied(f"{refused[0].action} on {refused[0].resource}")
            assert time.monotonic() < deadline, f"not within {self.seconds:.0f} s: {what}"
            time.sleep(0.05)
        if refused := self.refused():
            raise Denied(f"{refused[0].action} on {refused[0].resource}")


Work = Callable[[Deployed, Watch], None]


def delivers_a_file(deployed: Deployed, watch: Watch) -> None:
    """A file goes from landing to gold."""
    number = next(_NUMBERS)
    key = f"orders/{uuid.uuid4().hex}.ndjson.gz"
    deployed.admin("s3").put_object(Bucket=deployed.landing, Key=key, Body=orders(number))
    watch.until(lambda: found(deployed, f"SELECT 1 FROM silver.orders WHERE order_id = 'O{number:09d}'"), "in silver")


def found(deployed: Deployed, sql: str) -> bool:
    athena, group = deployed.admin("athena"), deployed.outputs["AthenaWorkGroupName"]
    name = athena.start_query_execution(QueryString=sql, WorkGroup=group)["QueryExecutionId"]
    answer = ended(athena, name)
    return answer.startswith("[") and len(json.loads(answer)) > 1


def invoked(deployed: Deployed, function: str, event: dict[str, Any], watch: Watch, *, partly: bool = False) -> None:
    """Call a function and wait for its answer; with ``partly`` it may say that not everything could be done."""
    answer = deployed.admin("lambda").invoke(FunctionName=name_of(deployed, function), Payload=json.dumps(event))
    said = answer["Payload"].read().decode()
    watch.until(lambda: True, "it answered")
    assert partly or "FunctionError" not in answer, said


def name_of(deployed: Deployed, function: str) -> str:
    """Return the name of the function whose logical id begins with ``function``."""
    pages = deployed.admin("lambda").get_paginator("list_functions").paginate()
    (name,) = [
        each["FunctionName"]
        for page in pages
        for each in page["Functions"]
        if each["FunctionName"].split("-")[3][:-8] == function
    ]
    return str(name)


def reads_a_large_file(deployed: Deployed, watch: Watch) -> None:
    """A file whose data files the table adopts."""
    _delivers_much(deployed, watch, _ADOPTED)


def reads_a_very_large_file(deployed: Deployed, watch: Watch) -> None:
    """A file that has a call of its own."""
    _delivers_much(deployed, watch, _ALONE)


def _delivers_much(deployed: Deployed, watch: Watch, size: int) -> None:
    delivers_a_file(deployed, watch)  # a warm function has the table's metadata, unless there are new ones
    number = next(_NUMBERS)
    line = gzip.decompress(orders(number))
    key = f"orders/{uuid.uuid4().hex}.ndjson.gz"
    # Stored, not compressed: what it may unpack to is told from its size.
    body = gzip.compress(line * (size // len(line) + 1), compresslevel=0)
    deployed.admin("s3").put_object(Bucket=deployed.landing, Key=key, Body=body)
    watch.until(lambda: found(deployed, f"SELECT 1 FROM bronze.orders WHERE order_id = 'O{number:09d}'"), "in bronze")


def makes_the_tables(deployed: Deployed, watch: Watch) -> None:
    """CloudFormation asks for the tables again, of which one is gone and some have changed."""
    delivers_a_file(deployed, watch)
    glue = deployed.admin("glue")
    with suppress(glue.exceptions.EntityNotFoundException):  # where the last try could not make it
        glue.delete_table(DatabaseName="quarantine", Name="order_lines")
    asked_by_cloudformation(deployed, "ManageTables", "Create", {"Contracts": "any"}, watch)


def asked_by_cloudformation(
    deployed: Deployed, function: str, kind: str, properties: dict[str, Any], watch: Watch, stack: str = "s"
) -> None:
    cloudformation = CloudFormation()
    try:
        event = {**cloudformation.event(kind, properties), "StackId": stack}
        invoked(deployed, function, event, watch)
        (answer,) = cloudformation.answers
        assert answer["Status"] == "SUCCESS", answer
    finally:
        cloudformation.server.shutdown()


def sends_records(deployed: Deployed, watch: Watch) -> None:
    """Records go from a stream to bronze."""
    session = uuid.uuid4().hex
    record = {"event_id": session, "session_id": session, "event_type": "page_view", "event_time": AT}
    deployed.admin("kinesis").put_record(StreamName="clicks", Data=json.dumps(record).encode(), PartitionKey=session)
    watch.until(lambda: found(deployed, f"SELECT 1 FROM bronze.clicks WHERE event_id = '{session}'"), "in bronze")


def connects(function: str) -> Work:
    """Return the work of connecting a function's sources anew: Lambda asks whether its role may read them."""

    def connect(deployed: Deployed, watch: Watch) -> None:
        client, name = deployed.admin("lambda"), name_of(deployed, function)
        for mapping in client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
            try:
                client.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=mapping["BatchSize"])
            except client.exceptions.InvalidParameterValueException:
                watch.until(lambda: False, f"{name} is connected")

    return connect


def transforms_in_the_large_function(deployed: Deployed, watch: Watch) -> None:
    """A table that the workflow gives to the large function."""
    number = next(_NUMBERS)
    key = f"orders/{uuid.uuid4().hex}.ndjson.gz"
    deployed.admin("s3").put_object(Bucket=deployed.landing, Key=key, Body=orders(number))
    sql = f"SELECT 1 FROM bronze.orders WHERE order_id = 'O{number:09d}'"
    Watch.of("nobody").until(lambda: found(deployed, sql), "in bronze")
    invoked(deployed, "RunTransformLarge", {"table": "silver.orders", "run": uuid.uuid4().hex}, watch)


def asks_the_planner(deployed: Deployed, watch: Watch) -> None:
    """What people ask and write by the planner."""
    invoked(deployed, "PlanRefresh", {"pause": "gold.customer_orders", "by": "a test"}, watch)
    invoked(deployed, "PlanRefresh", {"resume": "gold.customer_orders"}, watch)


def empties_a_bucket(deployed: Deployed, watch: Watch) -> None:
    """The stack goes, and its buckets are to be empty; of them only the one for access logs, whose stack stays."""
    buckets = [each["Name"] for each in deployed.admin("s3").list_buckets()["Buckets"]]
    (bucket,) = [each for each in buckets if "accesslogs" in each]
    stack = deployed.aws.engine.stacks["sluice-dev-storage"]
    before, policy = stack.status, deployed.admin("s3").get_bucket_policy(Bucket=bucket)["Policy"]
    deployed.admin("s3").put_object(Bucket=bucket, Key="one", Body=b"1")
    stack.status = "DELETE_IN_PROGRESS"
    try:
        asked_by_cloudformation(deployed, "EmptyBuckets", "Delete", {"Buckets": [bucket]}, watch, stack.id)
    finally:
        stack.status = before
        deployed.admin("s3").put_bucket_policy(Bucket=bucket, Policy=policy)


def sweeps(deployed: Deployed, watch: Watch) -> None:
    """What stopped is resumed: dead letters, units, batches of streams, a refresh, a file without event."""
    s3, sqs = deployed.admin("s3"), deployed.admin("sqs")
    once = uuid.uuid4().hex
    thing = {
        "bucket": {"name": deployed.landing},
        "object": {"key": f"orders/{once}.csv", "size": 1, "version-id": "1"},
    }
    dead = deployed.outputs["LandingDeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody=json.dumps({"detail": thing}))
    sqs.send_message(QueueUrl=dead, MessageBody="no event")
    lost = json.dumps({"dataset": "orders"})
    dead = deployed.outputs["CommitDeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody=lost, MessageGroupId="orders", MessageDeduplicationId=once)
    sqs.send_message(QueueUrl=_queue(deployed, "RefreshDeadLetters"), MessageBody="{}")
    # Its function died so often on it that it is halved.
    function = deployed.outputs["IngestStreamFunctionName"]
    arn = deployed.admin("lambda").get_function_configuration(FunctionName=function)["FunctionArn"]
    batch = {"requestContext": {"functionArn": arn}, "payload": json.dumps({"Records": [{}, {}]}), "deaths": 30}
    s3.put_object(Bucket=deployed.lake, Key=f"aws/lambda/{once}", Body=json.dumps(batch).encode())
    s3.put_object(Bucket=deployed.lake, Key=f"staging/orders/{once}.json", Body=b"no unit")
    try:
        invoked(deployed, "Sweep", {"unnoticed": 0.001}, watch)
        invoked(deployed, "Sweep", {}, watch, partly=True)
    finally:
        tidy(deployed)


def _settled(deployed: Deployed) -> None:
    machine, steps = deployed.outputs["RefreshStateMachineArn"], deployed.admin("stepfunctions")

    def idle() -> bool:
        return not steps.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]

    Watch.of("nobody").until(idle, "no refresh runs")


def _queue(deployed: Deployed, name: str) -> str:
    urls = deployed.admin("sqs").list_queues()["QueueUrls"]
    (url,) = [each for each in urls if name in each]
    return str(url)


def tidy(deployed: Deployed) -> None:
    """Take away what is left of work that was refused on the way."""
    for url in deployed.admin("sqs").list_queues()["QueueUrls"]:
        if "DeadLetters" in url:
            # Once a minute is all that SQS allows.
            sqs_backends[ACCOUNT]["us-east-1"].get_queue(url.rpartition("/")[2]).last_purged_at = None
            deployed.admin("sqs").purge_queue(QueueUrl=url)
    s3 = deployed.admin("s3")
    for prefix in ("aws/lambda/", "set-aside/", "retractions/"):
        for each in s3.list_objects_v2(Bucket=deployed.lake, Prefix=prefix).get("Contents", ()):
            s3.delete_object(Bucket=deployed.lake, Key=each["Key"])


def takes_over_a_lock(deployed: Deployed, watch: Watch) -> None:
    """A refresh finds the lock of one that ended without releasing it."""
    machine, steps = deployed.outputs["RefreshStateMachineArn"], deployed.admin("stepfunctions")
    _settled(deployed)
    ended_ = steps.list_executions(stateMachineArn=machine)["executions"][0]["executionArn"]
    item = {"dataset": {"S": "refresh"}, "entry": {"S": "lock"}, "holder": {"S": ended_}, "waiting": {"BOOL": False}}
    deployed.admin("dynamodb").put_item(TableName=deployed.outputs["LedgerTableName"], Item=item)
    started = steps.start_execution(stateMachineArn=machine)["executionArn"]
    try:
        watch.until(lambda: steps.describe_execution(executionArn=started)["status"] != "RUNNING", "it ended")
    finally:
        key = {"dataset": {"S": "refresh"}, "entry": {"S": "lock"}}
        deployed.admin("dynamodb").delete_item(TableName=deployed.outputs["LedgerTableName"], Key=key)


def refreshes_on_spark(deployed: Deployed, watch: Watch) -> None:
    """The Glue job makes a table."""
    glue, name = deployed.admin("glue"), deployed.outputs["SparkJobName"]
    arguments = {"--table": "silver.orders", "--run": uuid.uuid4().hex}
    run = glue.start_job_run(JobName=name, Arguments=arguments)["JobRunId"]

    def state() -> str:
        return str(glue.get_job_run(JobName=name, RunId=run)["JobRun"]["JobRunState"])

    watch.until(lambda: state() in ("SUCCEEDED", "FAILED"), "the job ended")
    assert state() == "SUCCEEDED"


#: By role, its logical id without "Role": each piece of its work.
WORK: dict[str, tuple[Work, ...]] = {
    "IngestFile": (delivers_a_file, connects("IngestFile"), reads_a_large_file, reads_a_very_large_file),
    "IngestFileAlone": (reads_a_very_large_file,),
    "CommitTable": (delivers_a_file, connects("CommitTable"), reads_a_large_file),
    "PlanRefresh": (delivers_a_file, asks_the_planner),
    "RunTransform": (delivers_a_file,),
    "RunTransformLarge": (transforms_in_the_large_function,),
    "Refresh": (delivers_a_file, takes_over_a_lock),
    "StartRefresh": (delivers_a_file,),
    "IngestStream": (sends_records, connects("IngestStream")),
    "ManageTables": (makes_the_tables,),
    "EmptyBuckets": (empties_a_bucket,),
    "Sweep": (sweeps,),
    "Spark": (refreshes_on_spark,),
}
