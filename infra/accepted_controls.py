"""Findings of cdk-nag's Serverless and NIST 800-53 R5 packs that stand: by rule and resource, each with its reason.

Those of AwsSolutions are in ``accepted.py``. ``tests/infra/test_nag.py`` fails for one that no longer fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from sluice.environments import Environment

SERVERLESS, NIST = "Serverless", "NIST.800.53.R5"


def _everywhere(environment: Environment) -> bool:
    del environment
    return True


@dataclass(frozen=True)
class Control:
    """One reason for which findings of ``rules`` stand on the constructs that are called ``resources``."""

    rules: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str
    #: In which environments the resources are found so.
    where: Callable[[Environment], bool] = _everywhere


_DEAD_LETTERS = (f"{SERVERLESS}-LambdaDLQ", f"{NIST}-LambdaDLQ")
CONTROLS = (
    Control(
        _DEAD_LETTERS,
        ("IngestFile", "CommitTable", "IngestStream"),
        "A queue or stream calls it: what fails goes to the queue's dead letters, or with its payload to the lake; "
        "Lambda asks a function's own dead-letter queue for asynchronous calls alone.",
    ),
    Control(
        _DEAD_LETTERS,
        ("IngestFileAlone",),
        "Its asynchronous calls have a destination for failures, landing's dead letters, which tells more than a "
        "function's own dead-letter queue does.",
    ),
    Control(
        _DEAD_LETTERS,
        ("PlanRefresh", "RunTransform", "RunTransformLarge"),
        "The workflow calls it and waits: the answer, or the error, is the workflow's, which retries and records it.",
    ),
    Control(
        _DEAD_LETTERS,
        ("Sweep",),
        "The sweep looks at what there is, and the next one begins within a minute: a call that failed holds nothing "
        "that the next one does not find.",
    ),
    Control(
        (f"{SERVERLESS}-LambdaAsyncFailureDestination",),
        ("SweepCalls",),
        "A call of the sweep that failed is not repeated, since the next minute's is its repetition.",
    ),
    Control(
        (f"{SERVERLESS}-EventBusDLQ",),
        ("EachMinute", "EachHour", "EachDay"),
        "A schedule's event says only that it is time, and the next one says so again; the events that carry "
        "something, those of FileLanded and TableChanged, have dead letters.",
    ),
    Control(
        _DEAD_LETTERS,
        ("ManageTables", "EmptyBuckets"),
        "CloudFormation calls it and waits for its answer: without one the deployment fails and says so.",
    ),
    Control(
        (f"{SERVERLESS}-SQSRedrivePolicy",),
        ("LandingDeadLetters", "CommitDeadLetters", "RefreshDeadLetters"),
        "It is where the dead letters of others go, and the sweep reads it; dead letters of dead letters end nowhere.",
    ),
    Control(
        (f"{SERVERLESS}-LambdaEventSourceMappingDestination",),
        ("LandingEvents", "WakeUps"),
        "Lambda gives queues no destination for failures; the queue's own redrive policy is that place.",
    ),
    Control(
        (f"{SERVERLESS}-LambdaTracing",),
        (
            "ManageTables", "EmptyBuckets", "IngestFile", "IngestFileAlone", "CommitTable", "PlanRefresh",
            "RunTransform", "RunTransformLarge", "IngestStream", "Sweep",
        ),
        "Each delivery and run is in the ledger with its times, a deployment's calls in CloudFormation's events, and "
        "the sweep's next one is a minute later; the workflow alone is traced, unless `tracing` asks for more.",
        where=lambda environment: not environment.tracing,
    ),
    Control(
        (f"{NIST}-LambdaConcurrency",),
        ("IngestFile",),
        "Its event source holds it to `ingest_concurrency` calls; keeping them free would take them from the others.",
    ),
    Control(
        (f"{NIST}-LambdaConcurrency",),
        ("CommitTable",),
        "Its event source holds it to `commit_concurrency` calls; a new account has ten in all and lets none be kept "
        "free. Where there are more, `reserve_commits` keeps them.",
        where=lambda environment: not environment.reserve_commits,
    ),
    Control(
        (f"{NIST}-LambdaConcurrency",),
        ("IngestStream",),
        "As many run at once as there are shards, times the environment's parallelization, and no more.",
    ),
    Control(
        (f"{NIST}-LambdaConcurrency",),
        ("IngestFileAlone",),
        "Each of its calls waits for room for six hours, and then in the dead letters; it is called for large files. "
        "A burst of those may take what the account has: reserve_commits keeps the committer's share.",
    ),
    Control(
        (f"{NIST}-LambdaConcurrency",),
        ("PlanRefresh", "RunTransform", "RunTransformLarge"),
        "One refresh runs at a time, and its workflow's Map says how many tables it builds at once.",
    ),
    Control(
        (f"{NIST}-LambdaConcurrency",),
        ("ManageTables", "EmptyBuckets", "Sweep"),
        "A deployment, or a schedule, calls it once at a time; reserving for it would take from those that work.",
    ),
    Control(
        (f"{NIST}-LambdaInsideVPC",),
        (
            "ManageTables", "EmptyBuckets", "IngestFile", "IngestFileAlone", "CommitTable", "PlanRefresh",
            "RunTransform", "RunTransformLarge", "IngestStream", "Sweep",
        ),
        "It reaches AWS's own services over TLS with its role and nothing within a network; a VPC would cost an "
        "endpoint an hour for each of seven services, and keeps nobody out who has no role. `vpc` puts it in one.",
        where=lambda environment: environment.vpc is None,
    ),
    Control(
        (f"{NIST}-S3BucketReplicationEnabled",),
        ("Landing", "Lake"),
        "Where data is kept, versions and the retained bucket guard against deletion; a copy in another region doubles "
        "what is paid, and may leave the jurisdiction that the data is bound to: that is the owner's decision.",
    ),
    Control(
        (f"{NIST}-S3BucketReplicationEnabled", f"{NIST}-S3BucketVersioningEnabled"),
        ("Results",),
        "Results of queries are asked for again from the tables, and expire after thirty days.",
    ),
    Control(
        (f"{NIST}-S3BucketReplicationEnabled", f"{NIST}-S3BucketVersioningEnabled"),
        ("AccessLogs",),
        "Only S3 writes here, each object under a name of its own, and each expires after ninety days.",
    ),
    Control(
        (f"{NIST}-S3BucketVersioningEnabled",),
        ("Lake",),
        "The environment keeps no data: its tables are built again from what is landed.",
        where=lambda environment: not environment.keep_data,
    ),
    Control(
        (f"{NIST}-S3DefaultEncryptionKMS",),
        ("AccessLogs",),
        "S3 writes access logs to buckets with its own keys alone: "
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html",
    ),
    Control(
        (f"{NIST}-DynamoDBInBackupPlan",),
        ("Ledger",),
        "Point-in-time recovery goes back 35 days to any second, and what the tables hold tells the rest.",
    ),
    Control(
        (f"{NIST}-CloudWatchLogGroupEncrypted",),
        (
            "ManageTablesLog", "EmptyBucketsLog", "IngestFileLog", "IngestFileAloneLog", "CommitTableLog",
            "PlanRefreshLog", "RunTransformLog", "RunTransformLargeLog", "RefreshLog", "IngestStreamLog", "SweepLog",
        ),
        "CloudWatch encrypts every log; this one holds names, counts and messages, which may quote a refused value. "
        "`customer_key` takes the deployment's own key.",
        where=lambda environment: not environment.customer_key,
    ),
)  # fmt: skip
#: The finding is the policy of a role; which roles there are follows from the project and its environment.
INLINE_POLICY = (
    f"{NIST}-IAMNoInlinePolicy",
    "It is this one role's and goes with it: a managed policy could be attached to another role, or outlive it.",
)
#: Of the roles of functions, where `tracing` is on.
TRACED = (
    "AwsSolutions-IAM5[Resource::*]",
    "X-Ray knows no resources of segments and telemetry; Lambda sends both under the function's role.",
)
#: Of the roles of functions and of the Spark job, where `vpc` is set: why everything, and why these interfaces.
_EVERYTHING = {
    True: "Lambda asks whether the role may keep and see interfaces anywhere; the function's own code is denied it.",
    False: "EC2 describes interfaces, subnets and routes of the whole account only; Glue does so under the job's role.",
}
PLACED = {
    "arn:{partition}:ec2:{region}:<AWS::AccountId>:network-interface/*": (
        "AWS names the interfaces by which it connects a function or a job to the subnets that the environment names."
    ),
}
_SPARK = "SparkRole"
#: The same fact as AwsSolutions-L1, of the same functions.
LATEST_RUNTIME_RULE = f"{SERVERLESS}-LambdaLatestVersion"


def accept_controls(stacks: Iterable[Stack], environment: Environment) -> None:
    """Acknowledge on the constructs of ``stacks`` what is accepted in this environment."""
    for stack in stacks:
        for control in CONTROLS:
            made = [stack.node.try_find_child(name) for name in control.resources if control.where(environment)]
            for construct in (each for each in made if each is not None):
                for rule in control.rules:
                    acknowledge_control(construct, rule, control.reason)
        for each in stack.node.children:
            if isinstance(each, iam.Role):
                acknowledge_control(each, *INLINE_POLICY)
            if isinstance(each, lambda_.Function) and environment.tracing:
                acknowledge_control(stack.node.find_child(f"{each.node.id}Role"), *TRACED)
            is_placed = isinstance(each, lambda_.Function) or each.node.id == _SPARK
            if is_placed and environment.vpc:
                _accept_placed(stack, each)


def _accept_placed(stack: Stack, placed: IConstruct) -> None:
    """Accept what a function's role, or the job's, needs to be connected to the environment's subnets."""
    is_function = placed.node.id != _SPARK
    role = stack.node.find_child(f"{placed.node.id}Role") if is_function else placed
    acknowledge_control(role, "AwsSolutions-IAM5[Resource::*]", _EVERYTHING[is_function])
    for resource, reason in PLACED.items():
        named = resource.format(partition=stack.partition, region=stack.region)
        acknowledge_control(role, f"AwsSolutions-IAM5[Resource::{named}]", reason)


def acknowledge_control(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept a finding of ``rule``, whose name begins with its pack's, on ``construct``."""
    pack = rule.partition("[")[0].rpartition("-")[0]
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{pack}::{rule}", reason=reason))
