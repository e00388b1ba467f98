"""Exact permissions: the actions a role uses on the resources it uses them on, and no wildcard actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

#: Resources of one managed policy, which has 6,144 characters: the longest ARN of a stream, with what stands around
#: it, has some 190.
_MANAGED = 30


def allow(role: iam.IRole, actions: Iterable[str], resources: Iterable[str]) -> None:
    """Let ``role`` do ``actions`` on ``resources``."""
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))


def allow_parts(role: iam.Role, name: str, actions: Sequence[str], resources: Sequence[str], most: int) -> None:
    """Let ``role`` do ``actions`` on many resources: the first ``most`` in its own policy, others in managed ones.

    CDK moves what is too long for a role into further policies by whole statements, of which none may be too long.
    """
    if resources:
        allow(role, actions, resources[:most])
    for number, start in enumerate(range(most, len(resources), _MANAGED)):
        statement = iam.PolicyStatement(actions=list(actions), resources=list(resources[start : start + _MANAGED]))
        iam.ManagedPolicy(role, f"{name}{number or ''}", roles=[role], statements=[statement])


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
