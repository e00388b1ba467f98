"""The deployment's own key where it encrypts more than buckets: which services it lets in, and for what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs

from sluice.environments import Environment

#: What a service does with the key for a message that it sends to an encrypted queue or topic.
#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
_SENDING = ("kms:GenerateDataKey", "kms:Decrypt")
#: What CloudWatch Logs does with the key of a log group, as its page spells it.
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
_LOGGING = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*")


def let_services_in(key: kms.Key, environment: Environment) -> kms.Key:
    """Let those services use ``key`` that come with nobody's rights but their own; return it.

    Roles come with the account's policies, by way of SQS, SNS, Kinesis or DynamoDB: `grants.use_key`.
    """
    stack = Stack.of(key)
    account = {"StringEquals": {"aws:SourceAccount": stack.account}}
    groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group"
    own = [f"{groups}:{environment.title}-*", f"{groups}:/aws/vendedlogs/states/{environment.title}-refresh"]
    context = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": own}}
    _let(key, f"logs.{stack.region}.{stack.url_suffix}", _LOGGING, context)
    _let(key, "events.amazonaws.com", _SENDING, account)
    _let(key, "cloudwatch.amazonaws.com", _SENDING, {**account, "ArnLike": {"aws:SourceArn": alarms(stack)}})
    return key


def alarms(stack: Stack) -> str:
    """Return the ARN of all alarms of the account in the stack's region."""
    return f"arn:{stack.partition}:cloudwatch:{stack.region}:{stack.account}:alarm:*"


def encrypt_queue(queue: sqs.Queue, key: kms.IKey | None) -> None:
    """Encrypt ``queue`` with ``key`` if there is one.

    CDK's own way drops the rule from the policy that lets EventBridge send to the queue, and so lets in every rule.
    """
    if key is not None:
        made = queue.node.default_child
        assert isinstance(made, sqs.CfnQueue)
        made.add_property_deletion_override("SqsManagedSseEnabled")
        made.kms_master_key_id = key.key_arn


def _let(key: kms.Key, service: str, actions: Iterable[str], conditions: Mapping[str, object]) -> None:
    key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(service)],
            actions=list(actions),
            resources=["*"],  # of a key's policy: the key itself
            conditions=dict(conditions),
        )
    )
