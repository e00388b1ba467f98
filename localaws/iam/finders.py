"""The resources that a call names, by service, as the ARNs that policies contain.

Services without a finder can only be called by the administrator.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from localaws.context import Context
from localaws.gateway.calls import Request


class Arns:
    """Builds ARNs in the account and region of one request."""

    def __init__(self, ctx: Context, request: Request) -> None:
        self._account, self._region = ctx.account, request.region

    def __call__(self, service: str, resource: str) -> str:
        """Return the ARN of ``resource``, which may be one already."""
        return (
            resource if resource.startswith("arn:") else f"arn:aws:{service}:{self._region}:{self._account}:{resource}"
        )


_Found = Iterable[str]
Finder = Callable[[Arns, str, Mapping[str, Any]], _Found]


def _first(given: Mapping[str, Any], *names: str) -> str:
    return next((str(given[name]) for name in names if given.get(name)), "")


def _every(given: Mapping[str, Any], *names: str) -> list[str]:
    """Return the values of all these parameters: if one resource has two names, both must be allowed."""
    return list(dict.fromkeys(str(given[name]) for name in names if given.get(name)))


def _named(service: str, prefix: str, *names: str) -> Finder:
    """Return a finder for services whose resource is one parameter, as a name or as an ARN."""

    def find(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
        del action
        found = _every(given, *names)
        return [arn(service, _prefixed(prefix, name)) for name in found]

    return find


def _sqs(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    del action
    name = _first(given, "QueueUrl").rsplit("/", 1)[-1] or _first(given, "QueueName")
    return [arn("sqs", name)] if name else []


def dynamodb(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    """Yield the table or stream of a call that is not about items."""
    if stream := _first(given, "StreamArn"):
        return [stream]
    if action == "GetRecords":
        return [_first(given, "ShardIterator").split("|")[0]]
    table = _first(given, "TableName", "ResourceArn", "TableArn", "SourceTableName", "TargetTableName")
    return [dynamodb_arn(arn, table)] if table else []


def dynamodb_arn(arn: Arns, table: str) -> str:
    """Return the ARN of ``name``, ``name/index/its-name``, or of either's ARN."""
    return arn("dynamodb", table if table.startswith("arn:") else f"table/{table}")


def _glue(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    if tagged := _first(given, "ResourceArn"):
        return [tagged]
    if "Job" in action or "Bookmark" in action:
        names = given.get("JobNames") or [_first(given, "JobName", "Name")]
        return [arn("glue", f"job/{name}") for name in names if name]
    for thing in ("Crawler", "Trigger", "Workflow", "Connection", "SecurityConfiguration", "Registry", "Schema"):
        if thing in action:
            return [arn("glue", f"{thing.lower()}/{_first(given, 'Name')}")] if given.get("Name") else []
    found = [arn("glue", "catalog")]
    inside = {"Name": _first(given.get("DatabaseInput") or {}, "Name")}
    databases = _every(given, "DatabaseName") or [
        *(_every(given, "Name") if "Database" in action else []), *_every(inside, "Name")
    ]  # fmt: skip
    database = databases[0] if databases else ""
    if database:
        found += [arn("glue", f"database/{name}") for name in databases]
    elif action in {"GetDatabases", "SearchTables"}:
        found.append(arn("glue", "database/*"))
    if action == "GetTables":  # tables without leave are left out of the answer: see localaws.glue.catalog
        return found
    if database and ("Table" in action or "Partition" in action or "Column" in action):
        tables = (
            given.get("TablesToDelete")
            or [
                *_every(given, "TableName"),
                *_every(given.get("TableInput") or {}, "Name"),
                *(_every(given, "Name") if "Table" in action else []),
            ]
            or ["*"]
        )
        found += [arn("glue", f"table/{database}/{table}") for table in tables]
    return found


def _lambda(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    if uuid := _first(given, "UUID"):
        return [arn("lambda", f"event-source-mapping:{uuid}")]
    if layer := _first(given, "LayerName"):
        version = _first(given, "VersionNumber")
        return [
            arn(
                "lambda", f"{layer if layer.startswith('arn:') else f'layer:{layer}'}{f':{version}' if version else ''}"
            )
        ]
    name = _first(given, "FunctionName", "Resource")
    if not name:
        return []
    if not name.startswith("arn:"):
        name = f"function:{name}"
    del action
    return [arn("lambda", name)]


def _states(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    if names := _every(given, "executionArn", "stateMachineArn", "resourceArn", "mapRunArn"):
        return names
    return [arn("states", f"stateMachine:{given['name']}")] if action == "CreateStateMachine" else []


def _athena(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    if catalog := _first(given, "CatalogName") or (_first(given, "Name") if "DataCatalog" in action else ""):
        return [arn("athena", f"datacatalog/{catalog}")]
    if action in {"GetWorkGroup", "UpdateWorkGroup", "DeleteWorkGroup"} or given.get("WorkGroup"):
        return [arn("athena", f"workgroup/{_first(given, 'WorkGroup', 'Name') or 'primary'}")]
    if action == "CreateWorkGroup":
        return [arn("athena", f"workgroup/{given['Name']}")]
    identifiers = given.get("QueryExecutionIds") or [_first(given, "QueryExecutionId")]
    if identifiers != [""]:
        return sorted({arn("athena", f"workgroup/{_workgroup(identifier)}") for identifier in identifiers})
    return [arn("athena", "workgroup/primary")] if action in _ATHENA_PRIMARY else []


_ATHENA_PRIMARY = {
    "StartQueryExecution", "ListQueryExecutions", "CreatePreparedStatement", "GetPreparedStatement",
    "ListPreparedStatements", "DeletePreparedStatement", "UpdatePreparedStatement", "CreateNamedQuery",
    "ListNamedQueries",
}  # fmt: skip


def _workgroup(query_execution_id: str) -> str:
    """Return the workgroup of a query: its permissions are checked."""
    from moto.athena.models import athena_backends

    for regions in athena_backends.values():
        for backend in regions.values():
            execution = backend.executions.get(query_execution_id)
            if execution is not None:
                group = getattr(execution, "workgroup", None)
                return str(getattr(group, "name", group) or "primary")
    return "primary"


def _events(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    if action == "PutEvents":
        names = {str(entry.get("EventBusName") or "default") for entry in given.get("Entries", ())}
        return sorted(arn("events", _prefixed("event-bus/", name)) for name in names)
    bus = _first(given, "EventBusName").removeprefix(arn("events", "event-bus/"))
    if rule := _first(given, "Rule") or (_first(given, "Name") if "Rule" in action else ""):
        return [arn("events", f"rule/{bus + '/' if bus and bus != 'default' else ''}{rule}")]
    if name := _first(given, "Name") or bus:
        return [arn("events", _prefixed("event-bus/", name))]
    return [resource] if (resource := _first(given, "ResourceARN")) else []


def _kms(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    key = _first(given, "KeyId", "TargetKeyId")
    if key.startswith("alias/") or ":alias/" in key:
        from moto.kms.models import kms_backends

        account, region = arn("kms", "x").split(":")[4], arn("kms", "x").split(":")[3]
        alias = key.rsplit(":", 1)[-1]
        key = kms_backends[account][region].get_key_id_from_alias(alias) or alias
    if not key and action == "Decrypt":
        return [arn("kms", f"key/{_encrypting_key(arn, given) or '*'}")]
    return [arn("kms", _prefixed("key/", key))] if key else []


def _encrypting_key(arn: Arns, given: Mapping[str, Any]) -> str | None:
    """Return the id of the key that a ciphertext was made with; None if it is none. moto writes the id in front."""
    from moto.kms.models import kms_backends

    _, _, _, region, account, _ = arn("kms", "x").split(":")
    try:
        found = base64.b64decode(str(given.get("CiphertextBlob")))[:_KEY_ID_LENGTH].decode("ascii")
    except ValueError:
        return None
    return found if found in kms_backends[account][region].keys else None


#: Of a key's id, in the ciphertexts of `moto.kms.utils`.
_KEY_ID_LENGTH = 36


def _logs(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    del action
    listed = [*(given.get("logGroupNames") or ()), *(given.get("logGroupIdentifiers") or ())]
    named = [*_every(given, "logGroupName", "logGroupIdentifier", "resourceArn"), *map(str, listed)]
    groups = [name.removeprefix(arn("logs", "log-group:")).removesuffix(":*") for name in named]
    stream = _first(given, "logStreamName")
    inside = f"log-stream:{stream}" if stream else "*"
    return [arn("logs", group if group.startswith("arn:") else f"log-group:{group}:{inside}") for group in groups]


def _cloudwatch(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    del action
    names = given.get("AlarmNames") or [_first(given, "AlarmName")]
    return [arn("cloudwatch", f"alarm:{name}") for name in names if name]


def _sts(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    del arn, action
    return [role] if (role := _first(given, "RoleArn")) else []


def _iam(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    account = arn("iam", "x").split(":")[4]
    if policy := _first(given, "PolicyArn"):
        return [f"arn:aws:iam::{account}:role/{given['RoleName']}"] if "RoleName" in given else [policy]
    if role := _first(given, "RoleName"):
        return [f"arn:aws:iam::{account}:role/{role}"]
    del action
    return []


def _kinesis(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    names = _every(given, "StreamARN", "StreamName", "ResourceARN")
    if token := _first(given, "ShardIterator", "NextToken"):
        from localaws.kinesis.tokens import stream_of_token

        names.append(stream_of_token(token) or "*")
    return [arn("kinesis", _prefixed("stream/", name)) for name in names]


def _scheduler(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    name = _first(given, "Name", "ResourceArn")
    if "ScheduleGroup" in action or name.startswith("arn:"):
        return [arn("scheduler", name if name.startswith("arn:") else f"schedule-group/{name}")] if name else []
    return [arn("scheduler", f"schedule/{_first(given, 'GroupName') or 'default'}/{name}")] if name else []


def _cloudformation(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    """Yield the stack's ARN; it ends with the stack's id, which differs for each stack of the same name."""
    del action
    name = _first(given, "StackName")
    return [arn("cloudformation", name if name.startswith("arn:") else f"stack/{name}/*")] if name else []


def _ssm(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    names = given.get("Names") or [_first(given, "Name") or (_first(given, "Path") if "Path" in action else "")]
    return [
        arn("ssm", _prefixed("parameter/", name.removeprefix("/"))) for name in map(_without_selector, names) if name
    ]


def _secretsmanager(arn: Arns, action: str, given: Mapping[str, Any]) -> _Found:
    """Yield the whole ARN of a secret, which a call may name by name, by ARN, or by ARN without six last characters."""
    from moto.secretsmanager.models import secretsmanager_backends

    del action
    _, _, _, region, account, _ = arn("secretsmanager", "x").split(":")
    names = _every(given, "SecretId", "Name")
    known = [(name, secretsmanager_backends[account][region].secrets.get(name)) for name in names]
    return [secret.arn if secret else arn("secretsmanager", _prefixed("secret:", name)) for name, secret in known]


def _prefixed(prefix: str, name: str) -> str:
    return name if name.startswith("arn:") else prefix + name


def _without_selector(parameter: str) -> str:
    """Return a parameter's name without its version or label, which policies do not contain."""
    colons = 6 if parameter.startswith("arn:") else 1
    return parameter.rpartition(":")[0] if parameter.count(":") == colons else parameter


RESOURCES: Mapping[str, Finder] = {
    "sqs": _sqs,
    "sns": _named("sns", "", "TopicArn", "TargetArn", "Name", "ResourceArn"),
    "dynamodb": dynamodb,
    "glue": _glue,
    "lambda": _lambda,
    "states": _states,
    "athena": _athena,
    "kinesis": _kinesis,
    "events": _events,
    "kms": _kms,
    "logs": _logs,
    "cloudwatch": _cloudwatch,
    "sts": _sts,
    "iam": _iam,
    "ssm": _ssm,
    "secretsmanager": _secretsmanager,
    "scheduler": _scheduler,
    "firehose": _named("firehose", "deliverystream/", "DeliveryStreamName"),
    "cloudformation": _cloudformation,
}
