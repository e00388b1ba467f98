"""Exact permissions: the actions a role uses on the resources it uses them on, and no wildcard actions."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs


def allow(role: iam.IRole, actions: Iterable[str], resources: Iterable[str]) -> None:
    """Let ``role`` do ``actions`` on ``resources``."""
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))


def read_objects(role: iam.IRole, bucket: s3.IBucket, *prefixes: str, key: kms.IKey) -> None:
    """Let ``role`` read objects under ``prefixes``."""
    allow(role, ["s3:GetObject"], [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes])
    allow(role, ["kms:Decrypt"], [key.key_arn])


def write_objects(role: iam.IRole, bucket: s3.IBucket, *prefixes: str, key: kms.IKey) -> None:
    """Let ``role`` write objects under ``prefixes``, in parts too."""
    actions = ["s3:PutObject", "s3:AbortMultipartUpload"]
    allow(role, actions, [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes])
    allow(role, ["kms:GenerateDataKey", "kms:Decrypt"], [key.key_arn])


def delete_objects(role: iam.IRole, bucket: s3.IBucket, *prefixes: str) -> None:
    """Let ``role`` delete objects under ``prefixes``."""
    allow(role, ["s3:DeleteObject"], [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes])


def list_bucket(role: iam.IRole, bucket: s3.IBucket) -> None:
    """Let ``role`` list the bucket's objects."""
    allow(role, ["s3:ListBucket"], [bucket.bucket_arn])


def consume(role: iam.IRole, queue: sqs.IQueue) -> None:
    """Let ``role`` take messages from ``queue``, and say when failed ones come again."""
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
    allow(role, actions, [queue.queue_arn])


def use_ledger(role: iam.IRole, table: dynamodb.ITable, *actions: str) -> None:
    """Let ``role`` do ``actions`` (``PutItem``, …) on the ledger."""
    allow(role, [f"dynamodb:{action}" for action in actions], [table.table_arn])
