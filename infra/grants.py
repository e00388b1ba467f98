"""Exact permissions: the actions a role uses on the resources it uses them on, and no wildcard actions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from sluice.errors import WrongArgument
from sluice.pace_items import PARTITION

#: Characters of the ARNs in one managed policy, which has 6,144 at most; and how many such policies a role has.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_POLICY_CHARACTERS, _MOST_POLICIES = 5_800, 10


def allow(role: iam.IRole, actions: Iterable[str], resources: Iterable[str]) -> None:
    """Let ``role`` do ``actions`` on ``resources``."""
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))


def allow_each(role: iam.Role, name: str, actions: Sequence[str], resources: Sequence[str]) -> None:
    """Let ``role`` do ``actions`` on many resources, in as many managed policies as their ARNs need.

    CDK moves what is too long for a role into further policies by whole statements, and takes an ARN for longer.
    """
    policies: list[list[str]] = []
    room = 0
    for resource in resources:
        size = len(re.sub(r"\$\{Token\[(\w+)[^]]*\]\}", _longest, resource)) + len('"",')
        if size > room:
            policies.append([])
            room = _POLICY_CHARACTERS
        policies[-1].append(resource)
        room -= size
    for number, some in enumerate(policies):
        statement = iam.PolicyStatement(actions=list(actions), resources=some)
        iam.ManagedPolicy(role, f"{name}{number or ''}", roles=[role], statements=[statement])
    made = sum(isinstance(each, iam.ManagedPolicy) for each in role.node.children)
    if made > _MOST_POLICIES:
        raise WrongArgument(
            f"The role {role.node.id} of {Stack.of(role).stack_name} needs {made} managed policies to name each of "
            f"the project's tables, streams and functions, and a role has at most {_MOST_POLICIES}.",
            safe="nothing was deployed or changed.",
            next_step="give the project fewer derived tables or streams: the others go into a project of their "
            "own, with another `name_prefix` in its environments.yaml.",
            value=str(made),
        )


def _longest(token: re.Match[str]) -> str:
    """Return a text as long as what a token of CDK's may stand for: an account or partition, or a bucket's ARN."""
    return "." * (12 if token[1] == "AWS" else len("arn:aws-us-gov:s3:::") + 63)


def service(scope: Construct, name: str, *, source_arn: str = "") -> iam.IPrincipal:
    """Return a service that takes a role for this account alone, and with ``source_arn`` for that resource alone.

    Each service that says for whom it takes a role does so by these keys. Of Glue AWS documents no such thing, and a
    role that asked in vain could not be taken: `iam:PassRole` keeps other accounts from handing Glue this one's roles.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    stack = Stack.of(scope)
    conditions: dict[str, object] = {"StringEquals": {"aws:SourceAccount": stack.account}}
    if source_arn:
        conditions["ArnEquals"] = {"aws:SourceArn": source_arn}
    return iam.ServicePrincipal(f"{name}.amazonaws.com", conditions=conditions)


def use_key(role: iam.IRole, key: kms.IKey | None, *actions: str, service: str = "s3") -> None:
    """Let ``role`` use the key by way of a service, for what it may do there, and not by KMS's own interface.

    Without a key, because the environment takes AWS's own, there is nothing to allow.
    """
    if key is None:
        return
    stack = Stack.of(role)
    via = f"{service}.{stack.region}.{stack.url_suffix}"
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=list(actions),
            resources=[key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": via}},
        )
    )


def read_objects(role: iam.IRole, bucket: s3.IBucket, *prefixes: str, key: kms.IKey) -> None:
    """Let ``role`` read objects under ``prefixes``."""
    allow(role, ["s3:GetObject"], [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes])
    use_key(role, key, "kms:Decrypt")


def write_objects(role: iam.IRole, bucket: s3.IBucket, *prefixes: str, key: kms.IKey) -> None:
    """Let ``role`` write objects under ``prefixes``, in parts too."""
    actions = ["s3:PutObject", "s3:AbortMultipartUpload"]
    allow(role, actions, [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes])
    use_key(role, key, "kms:GenerateDataKey", "kms:Decrypt")


def delete_objects(role: iam.IRole, bucket: s3.IBucket, *prefixes: str) -> None:
    """Let ``role`` delete objects under ``prefixes``."""
    allow(role, ["s3:DeleteObject"], [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes])


def list_bucket(role: iam.IRole, bucket: s3.IBucket) -> None:
    """Let ``role`` list the bucket's objects."""
    allow(role, ["s3:ListBucket"], [bucket.bucket_arn])


def consume(role: iam.IRole, queue: sqs.IQueue, *, key: kms.IKey | None) -> None:
    """Let ``role`` take messages from ``queue``, and say when failed ones come again."""
    receive(role, queue, key=key)
    allow(role, ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"], [queue.queue_arn])


def receive(role: iam.IRole, *queues: sqs.IQueue, key: kms.IKey | None) -> None:
    """Let ``role`` read messages of ``queues``, which are encrypted with ``key``."""
    allow(role, ["sqs:ReceiveMessage"], [queue.queue_arn for queue in queues])
    use_key(role, key, "kms:Decrypt", service="sqs")


def send(role: iam.IRole, *queues: sqs.IQueue, key: kms.IKey | None) -> None:
    """Let ``role`` send messages to ``queues``, which are encrypted with ``key``."""
    allow(role, ["sqs:SendMessage"], [queue.queue_arn for queue in queues])
    use_key(role, key, "kms:GenerateDataKey", "kms:Decrypt", service="sqs")


def use_ledger(role: iam.IRole, table: dynamodb.ITable, *actions: str) -> None:
    """Let ``role`` do ``actions`` (``PutItem``, …) on the ledger. DynamoDB decrypts the table's key for each caller.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html
    """
    allow(role, [f"dynamodb:{action}" for action in actions], [table.table_arn])
    use_key(role, table.encryption_key, "kms:Decrypt", service="dynamodb")


def keep_pace(role: iam.IRole, table: dynamodb.ITable, *actions: str) -> None:
    """Let ``role`` do ``actions`` on the items of the ledger by which the pace is kept, and on no others.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    pace = {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [PARTITION]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    allowed = [f"dynamodb:{action}" for action in actions]
    role.add_to_principal_policy(iam.PolicyStatement(actions=allowed, resources=[table.table_arn], conditions=pace))
    use_key(role, table.encryption_key, "kms:Decrypt", service="dynamodb")
