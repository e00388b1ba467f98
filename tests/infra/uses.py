"""What each role does, on example resources: its own calls, PyIceberg's, and those that AWS makes under the role.

``tests/infra/test_wiring.py`` holds the policies against it, both ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sluice.environments import Environment
from tests.infra.templates import ACCOUNT

Use = tuple[str, str]
_AT = f"us-east-1:{ACCOUNT}"
_KEY = f"arn:aws:kms:{_AT}:key/Key"


def _each(service: str, actions: Iterable[str], *resources: str) -> set[Use]:
    return {(f"{service}:{action}", resource) for action in actions for resource in resources}


def log(name: str) -> set[Use]:
    """Lambda writes the function's log under the function's role."""
    return _each("logs", ["CreateLogStream", "PutLogEvents"], f"arn:aws:logs:{_AT}:log-group:{name}:log-stream:one")


def read(*keys: str, bucket: str = "Lake") -> set[Use]:
    return _each("s3", ["GetObject"], *(f"arn:aws:s3:::{bucket}/{key}" for key in keys)) | {("kms:Decrypt", _KEY)}


def write(*keys: str) -> set[Use]:
    """Uploads in parts read the data key again; one that fails is aborted."""
    objects = _each("s3", ["PutObject", "AbortMultipartUpload"], *(f"arn:aws:s3:::Lake/{key}" for key in keys))
    return objects | {("kms:GenerateDataKey", _KEY), ("kms:Decrypt", _KEY)}


def delete(*keys: str) -> set[Use]:
    return _each("s3", ["DeleteObject"], *(f"arn:aws:s3:::Lake/{key}" for key in keys))


#: PyArrow asks whether a file is there; without the right to list, "no" comes as "forbidden".
FIND = {("s3:ListBucket", "arn:aws:s3:::Lake")}


def tables(databases: Iterable[str], *actions: str) -> set[Use]:
    """Glue checks a call about a table against catalog, database and table."""
    glue = f"arn:aws:glue:{_AT}"
    arns = [f"{glue}:{part}" for name in databases for part in ("catalog", f"database/{name}", f"table/{name}/orders")]
    return _each("glue", actions, *arns)


def databases(names: Iterable[str]) -> set[Use]:
    """Iceberg's own catalog in Spark may ask for a database."""
    glue = f"arn:aws:glue:{_AT}"
    return _each("glue", ["GetDatabase"], f"{glue}:catalog", *(f"{glue}:database/{name}" for name in names))


def ledger(*actions: str) -> set[Use]:
    return _each("dynamodb", actions, f"arn:aws:dynamodb:{_AT}:table/Ledger")


def queue(name: str, *actions: str) -> set[Use]:
    return _each("sqs", actions, f"arn:aws:sqs:{_AT}:{name}")


#: The streams that the small project declares.
STREAMS = ("clicks", "customer_changes", "readings")
_READ_STREAM = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")


def streams(*actions: str) -> set[Use]:
    return _each("kinesis", actions, *(f"arn:aws:kinesis:{_AT}:stream/{name}" for name in STREAMS))


#: What Lambda's poller does under the function's role, and a failed message's way back.
_POLL = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
_ALL = ("bronze", "silver", "gold")
_BOTH = ("bronze", "quarantine")
_EVERY = ("bronze", "silver", "gold", "quarantine")
#: By a run: what it derives, and records that contradict each other.
_WRITTEN = ("silver", "gold", "quarantine")


def _files(names: Iterable[str], *folders: str) -> list[str]:
    return [f"{name}/orders/{folder}/file" for name in names for folder in folders]


def invoke(*functions: str) -> set[Use]:
    return _each("lambda", ["InvokeFunction"], *(f"arn:aws:lambda:{_AT}:function:{name}" for name in functions))


_BUCKETS = ("Landing", "Lake", "Results", "AccessLogs")
#: What reading a landed file takes.
_INGEST = {
    *queue("CommitQueue", "SendMessage"),
    *read("orders/2026/a.csv", bucket="Landing"),
    ("s3:GetObjectVersion", "arn:aws:s3:::Landing/orders/2026/a.csv"),
    ("s3:ListBucketVersions", "arn:aws:s3:::Landing"),
    # So that S3 says of a version that it is gone, and not that it may not be read.
    ("s3:ListBucket", "arn:aws:s3:::Landing"),
    *read(*_files(["bronze"], "metadata")),
    *write("staging/orders/one.parquet", "records/orders/one/long-1", "messages/one.txt", *_files(["bronze"], "data")),
    *tables(["bronze"], "GetTable"),
    *ledger("BatchGetItem", "BatchWriteItem", "PutItem", "UpdateItem"),
}
#: The workflow's name has the environment's in it.
_REFRESH = "sluice-{environment}-refresh"
_MACHINE = f"arn:aws:states:{_AT}:stateMachine:{_REFRESH}"
USES: dict[str, set[Use]] = {
    "IngestFile": {
        *log("IngestFileLog"),
        *queue("LandingQueue", *_POLL),
        *invoke("IngestFileAlone"),
        *_INGEST,
    },
    "IngestFileAlone": {
        *log("IngestFileAloneLog"),
        # Lambda's own: the record of a call that failed three times, under the function's role.
        *queue("LandingDeadLetters", "SendMessage"),
        *_INGEST,
    },
    "Sweep": {
        *log("SweepLog"),
        *queue("CommitQueue", "SendMessage"),
        *queue("LandingQueue", "SendMessage", "GetQueueAttributes"),
        ("s3:ListBucketVersions", "arn:aws:s3:::Landing"),
        *ledger("BatchGetItem", "Query", "UpdateItem", "DeleteItem"),
        *queue("LandingDeadLetters", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"),
        *queue("CommitDeadLetters", "ReceiveMessage", "DeleteMessage"),
        *queue("RefreshDeadLetters", "ReceiveMessage", "DeleteMessage"),
        *invoke("IngestFileAlone", "IngestStream"),
        *FIND,
        *read("aws/lambda/one/shard/batch"),
        *write("aws/lambda/one/shard/batch"),
        *delete("aws/lambda/one/shard/batch"),
        ("states:ListExecutions", _MACHINE),
        ("states:StartExecution", _MACHINE),
        ("states:DescribeExecution", f"arn:aws:states:{_AT}:execution:{_REFRESH}:one"),
    },
    "IngestStream": {
        *log("IngestStreamLog"),
        *streams(*_READ_STREAM),
        *queue("CommitQueue", "SendMessage"),
        *ledger("UpdateItem"),
        *FIND,
        # The last is Lambda's own: a batch that failed to the end, under the function's role.
        *write("staging/clicks/one.parquet", "records/clicks/one", "aws/lambda/one/shard/batch"),
        ("sns:Publish", f"arn:aws:sns:{_AT}:OperationalEvents"),
        ("events:PutEvents", f"arn:aws:events:{_AT}:event-bus/default"),
    },
    "CommitTable": {
        *log("CommitTableLog"),
        *queue("CommitQueue", *_POLL, "SendMessage"),
        *FIND,
        *read(
            "staging/orders/one.json",
            "retractions/orders/one.json",
            "commit-marks/orders/mark.json",
            *_files(_BOTH, "metadata", "data"),
        ),
        *write(
            "commit-marks/orders/mark.json", "set-aside/orders/one.json", "messages/one.txt", "retractions/orders/one"
        ),
        *write(*_files(_BOTH, "metadata", "data")),
        *delete(
            "staging/orders/one.json",
            "retractions/orders/one.json",
            "commit-marks/orders/mark.json",
            *_files(_BOTH, "metadata", "data"),
        ),
        # What retention ends: records that were too long for a row, and versions of landed files.
        *delete("records/orders/one/long-1"),
        ("s3:DeleteObjectVersion", "arn:aws:s3:::Landing/orders/2026/a.csv"),
        ("s3:ListBucketVersions", "arn:aws:s3:::Landing"),
        *tables(_BOTH, "GetTable", "UpdateTable"),
        *ledger("BatchGetItem", "BatchWriteItem", "GetItem", "PutItem", "UpdateItem"),
        ("events:PutEvents", f"arn:aws:events:{_AT}:event-bus/default"),
    },
    "ManageTables": {
        *log("ManageTablesLog"),
        *FIND,
        *read(*_files(_EVERY, "metadata")),
        *write("messages/one.txt", *_files(_EVERY, "metadata")),
        *delete(*_files(_EVERY, "metadata")),
        *tables(_EVERY, "GetTable", "GetTables", "CreateTable", "UpdateTable"),
    },
    "EmptyBuckets": {
        *log("EmptyBucketsLog"),
        ("cloudformation:DescribeStacks", f"arn:aws:cloudformation:{_AT}:stack/sluice-{{environment}}-storage/id"),
        *_each(
            "s3",
            ["ListBucketVersions", "GetBucketPolicy", "PutBucketPolicy"],
            *(f"arn:aws:s3:::{name}" for name in _BUCKETS),
        ),
        *_each("s3", ["DeleteObject", "DeleteObjectVersion"], *(f"arn:aws:s3:::{name}/any" for name in _BUCKETS)),
    },
    "PlanRefresh": {
        *log("PlanRefreshLog"),
        *ledger("Query", "GetItem", "PutItem", "UpdateItem", "DeleteItem"),
        *queue("CommitQueue", "SendMessage"),
        ("events:PutEvents", f"arn:aws:events:{_AT}:event-bus/default"),
        *write("messages/one.txt"),
        *read(*_files(_ALL, "metadata")),
        *tables(_ALL, "GetTable"),
    },
    "RunTransform": {
        *log("RunTransformLog"),
        *FIND,
        *read(*_files(_EVERY, "metadata", "data")),
        *write("messages/one.txt", *_files(_WRITTEN, "metadata", "data")),
        *delete(*_files(_WRITTEN, "metadata", "data")),
        *tables(_EVERY, "GetTable"),
        *tables(_WRITTEN, "UpdateTable"),
        *ledger("PutItem", "DeleteItem"),
    },
    "RunTransformLarge": {
        *log("RunTransformLargeLog"),
        *FIND,
        *read(*_files(_EVERY, "metadata", "data")),
        *write("messages/one.txt", *_files(_WRITTEN, "metadata", "data")),
        *delete(*_files(_WRITTEN, "metadata", "data")),
        *tables(_EVERY, "GetTable"),
        *tables(_WRITTEN, "UpdateTable"),
        *ledger("PutItem", "DeleteItem"),
    },
    "Spark": {
        *FIND,
        *read(*_files(_EVERY, "metadata", "data")),
        *write(*_files(_WRITTEN, "metadata", "data")),
        *delete(*_files(_WRITTEN, "metadata", "data")),
        *databases(_EVERY),
        *tables(_EVERY, "GetTable"),
        *tables(_WRITTEN, "UpdateTable"),
        *_each(
            "logs",
            ["CreateLogGroup", "CreateLogStream", "PutLogEvents"],
            f"arn:aws:logs:{_AT}:log-group:/aws-glue/jobs/output:log-stream:one",
        ),
    },
}


#: Functions that an environment with ``keep_data: true`` does not have.
WHERE_NOTHING_IS_KEPT = {"EmptyBuckets"}


def uses_in(environment: Environment, function: str) -> set[Use]:
    """Return what a function's role does in an environment, whose databases and streams have its prefix.

    One that keeps its data has no function that empties buckets.
    """
    if function in WHERE_NOTHING_IS_KEPT and environment.keep_data:
        return set()

    return {(action, named_in(environment, resource)) for action, resource in USES[function]}


def named_in(environment: Environment, resource: str) -> str:
    """Return what an example resource is called in an environment."""
    resource = resource.replace("{environment}", environment.name)
    return _PREFIXED.sub(rf"\1{environment.database_prefix}\2", resource)


_PREFIXED = re.compile(rf"(:database/|:table/|:::Lake/|:stream/)({'|'.join((*_EVERY, *STREAMS))})\b")
