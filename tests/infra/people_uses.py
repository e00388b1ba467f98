"""What people do in each role, on example resources: by `sluice`, and by their own clients. As ``uses`` for functions.

``tests/infra/test_people_at_work.py`` does all of it with each role's own credentials.
"""

from __future__ import annotations

from sluice.environments import Environment
from tests.infra.templates import ACCOUNT
from tests.infra.uses import Use, named_in

#: Somebody of another account, who delivers orders.
PARTNER = "arn:aws:iam::444455556666:role/Deliveries"
#: An account that the local AWS is not.
FOREIGN = "arn:aws:iam::444455556666:root"
#: The session in whose name results are.
USER_ID = "AROAEXAMPLE:ana"
_AT = f"us-east-1:{ACCOUNT}"
_KEY = f"arn:aws:kms:{_AT}:key/Key"


def _each(service: str, actions: str, *resources: str) -> set[Use]:
    return {(f"{service}:{action}", resource) for action in actions.split() for resource in resources}


def _tables(actions: str, *tables: str) -> set[Use]:
    """Glue checks a call about a table against catalog, database and table."""
    glue = f"arn:aws:glue:{_AT}"
    arns = [
        f"{glue}:{part}" for name in tables for part in ("catalog", f"database/{name.split('/')[0]}", f"table/{name}")
    ]
    return _each("glue", actions, *arns)


def _databases(*names: str) -> set[Use]:
    glue = f"arn:aws:glue:{_AT}"
    return _each("glue", "GetDatabase GetDatabases", f"{glue}:catalog", *(f"{glue}:database/{name}" for name in names))


def _objects(actions: str, *keys: str) -> set[Use]:
    return _each("s3", actions, *(f"arn:aws:s3:::{key}" for key in keys))


_CRYPT = _each("kms", "Decrypt GenerateDataKey", _KEY)
#: `sluice` asks for the next stack of streams until there is none.
_STACKS = tuple(
    f"arn:aws:cloudformation:{_AT}:stack/sluice-{{environment}}-{part}/id"
    for part in ("storage", "ingestion", "processing", "recovery", "serving", "streams", "streams1")
)
_FIND = _each("cloudformation", "DescribeStacks", *_STACKS)
_ASK = {
    *_FIND,
    *_CRYPT,
    *_each(
        "athena", "StartQueryExecution StopQueryExecution GetQueryExecution GetQueryResults GetWorkGroup",
        f"arn:aws:athena:{_AT}:workgroup/sluice-{{environment}}-people",
    ),
    *_each(
        "athena", "GetDataCatalog ListDatabases GetDatabase ListTableMetadata GetTableMetadata",
        f"arn:aws:athena:{_AT}:datacatalog/AwsDataCatalog",
    ),
    # Athena asks for the catalog's own database, where the results' bucket is, and writes them in parts.
    *_each("glue", "GetDatabase", f"arn:aws:glue:{_AT}:catalog", f"arn:aws:glue:{_AT}:database/default"),
    *_each("s3", "GetBucketLocation", "arn:aws:s3:::Results"),
    *_objects("GetObject PutObject AbortMultipartUpload", f"Results/people/{USER_ID}/one.csv"),
}  # fmt: skip
_STREAMS = ("clicks", "customer_changes", "readings")
_DEAD = tuple(f"arn:aws:sqs:{_AT}:{name}DeadLetters" for name in ("Landing", "Commit"))
_WATCH = {
    *_FIND,
    *_each("cloudformation", "ListStackResources", *_STACKS[:-1]),
    *_each("dynamodb", "Query BatchGetItem", f"arn:aws:dynamodb:{_AT}:table/Ledger"),
    *_each("s3", "ListBucketVersions", "arn:aws:s3:::Landing"),
    *_each("s3", "ListBucket", "arn:aws:s3:::Lake"),
    *_objects("GetObject", "Lake/set-aside/orders/one.json"),
    *_tables("GetTables", "bronze/*"),
    *_each("sqs", "GetQueueAttributes", *_DEAD),
    *_each("sqs", "ReceiveMessage ChangeMessageVisibility", _DEAD[0]),
    *_each("states", "ListExecutions", f"arn:aws:states:{_AT}:stateMachine:sluice-{{environment}}-refresh"),
    *_each("lambda", "InvokeFunction", f"arn:aws:lambda:{_AT}:function:PlanRefresh"),
    *_each("lambda", "GetFunctionConfiguration", f"arn:aws:lambda:{_AT}:function:IngestStream"),
    *_each(
        "kinesis",
        "ListShards GetShardIterator GetRecords",
        *(f"arn:aws:kinesis:{_AT}:stream/{name}" for name in _STREAMS),
    ),
}
_REDRIVE = {
    *_CRYPT,
    *_each("sqs", "ReceiveMessage DeleteMessage", *_DEAD),
    *_each("sqs", "SendMessage", f"arn:aws:sqs:{_AT}:CommitQueue"),
    *_each(
        "lambda",
        "InvokeFunction",
        *(f"arn:aws:lambda:{_AT}:function:{name}" for name in ("IngestFileAlone", "IngestStream")),
    ),
    *_objects("DeleteObject", "Lake/set-aside/orders/one.json", "Lake/aws/lambda/one/shard/batch"),
    *_objects("PutObject", "Lake/staging/orders/one.json", "Lake/aws/lambda/one/shard/batch"),
    *_objects("GetObject", "Lake/aws/lambda/one/shard/batch"),
}
#: Each has its own log, `sluice logs` shows any; one that empties buckets is there where no data are kept.
_EMPTIES = "EmptyBuckets"
_FUNCTIONS = (
    "ManageTables", _EMPTIES, "IngestFile", "IngestFileAlone", "CommitTable", "PlanRefresh", "RunTransform",
    "RunTransformLarge", "IngestStream", "Sweep",
)  # fmt: skip
#: The derived tables of the small project; none has a private column.
_OPEN = ("silver/orders", "silver/clicks", "gold/customer_orders")
PEOPLE: dict[str, set[Use]] = {
    "Analyst": {
        *_ASK,
        *_databases("silver", "gold"),
        *_tables("GetTable GetTables", *_OPEN),
        *_objects("GetObject", *(f"Lake/{table}/data/one" for table in _OPEN)),
    },
    "Steward": {
        *_ASK,
        *_WATCH,
        *_REDRIVE,
        *_databases("quarantine"),
        *_tables("GetTable GetTables", "quarantine/orders"),
        *_objects("GetObject", "Lake/quarantine/orders/data/one", "Lake/records/orders/one/long-1"),
        *_objects("PutObject", "Lake/retractions/orders/one.json"),
        *_each("dynamodb", "PutItem", f"arn:aws:dynamodb:{_AT}:table/Ledger"),
    },
    "Operator": {
        *_WATCH,
        *_REDRIVE,
        *_each("states", "StartExecution", f"arn:aws:states:{_AT}:stateMachine:sluice-{{environment}}-refresh"),
        *_each("states", "DescribeExecution", f"arn:aws:states:{_AT}:execution:sluice-{{environment}}-refresh:one"),
        *_each(
            "lambda", "GetFunctionConfiguration", *(f"arn:aws:lambda:{_AT}:function:{name}" for name in _FUNCTIONS)
        ),
        *_each(
            "logs", "FilterLogEvents",
            *(f"arn:aws:logs:{_AT}:log-group:{name}Log:*" for name in _FUNCTIONS),
            f"arn:aws:logs:{_AT}:log-group:/aws-glue/jobs/output:log-stream:one",
        ),
        *_each("glue", "GetJobRuns", f"arn:aws:glue:{_AT}:job/SparkJob"),
    },
    "OrdersProducer": {
        *_objects("PutObject AbortMultipartUpload", "Landing/orders/2026/a.ndjson"),
        *_CRYPT,
    },
    "ClicksProducer": _each(
        "kinesis", "PutRecord PutRecords DescribeStreamSummary ListShards", f"arn:aws:kinesis:{_AT}:stream/clicks"
    ),
}  # fmt: skip
#: Roles that people may take; whom else, says the environment.
ROLES = {f"{name}Role" for name in PEOPLE}


def uses_of_people(environment: Environment, role: str) -> set[Use]:
    """Return what people in a role do in an environment."""
    uses = {(action, named_in(environment, resource)) for action, resource in PEOPLE[role]}
    return {use for use in uses if _EMPTIES not in use[1] or not environment.keep_data}
