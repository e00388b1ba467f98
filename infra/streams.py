"""The stacks of streams: a Kinesis stream per dataset, one ingestor for all, and a topic for operational events."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import jsii
from aws_cdk import App, CfnOutput, Duration, Stack, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from sluice.contracts import LandingContract
from sluice.counted import counted
from sluice.environments import MOST_STREAM_STACKS, Environment
from sluice.errors import WrongArgument
from sluice.ingestion.failed_batches import FAILED_BATCHES
from sluice.project import Project

from . import grants
from .accepted import acknowledge
from .bundle import Bundle
from .functions import dependencies, python_function
from .ingestion import IngestionStack
from .keys import alarms
from .removal import of_named
from .storage import StorageStack

#: Streams of a stack: it has at most 500 resources, two for each stream and some twenty of its own.
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
_STREAMS_IN_A_STACK = 240

#: Why a stream stands that is encrypted with a key of one's own: the rule asks for Kinesis's.
OWN_KEY = (
    "`customer_key` was asked for: who may use the key is the owner's to say and to end, which Kinesis's own key does "
    "not offer. A call every five minutes for each that sends or reads is what it costs."
)


def add_streams(
    app: App, name: str, *, environment: Environment, project: Project, ingestion: IngestionStack, bundle: Bundle
) -> Iterator[StreamsStack]:
    """Add the stacks of the project's streams; yield them. A stream's is a function of its name and their number."""
    streams = [contract for contract in project.arriving if contract.arrival.stream]
    held: list[list[LandingContract]] = [[] for _ in range(environment.stream_stacks if streams else 0)]
    for contract in streams:
        held[stack_of(contract.name, len(held))].append(contract)
    if max(map(len, held), default=0) > _STREAMS_IN_A_STACK:
        raise _too_many(environment, [contract.name for contract in streams])
    for number, contracts in enumerate(held):
        yield StreamsStack(
            app,
            f"{name}-streams{number or ''}",
            environment=environment,
            contracts=contracts,
            ingestion=ingestion,
            bundle=bundle,
            suffix=str(number or ""),
        )


def stack_of(name: str, stacks: int) -> int:
    """Return which of ``stacks`` holds the stream ``name``: whatever other streams there are, it stays there.

    One stack more takes its share of the streams, and moves none between the others.
    """
    return max(range(stacks), key=lambda number: hashlib.sha256(f"{number}:{name}".encode()).digest())


def _too_many(environment: Environment, names: Sequence[str]) -> WrongArgument:
    """Return the refusal of more streams than the stacks hold; it names a number of stacks that does, if any does."""
    enough = next(
        (
            number
            for number in range(environment.stream_stacks + 1, MOST_STREAM_STACKS + 1)
            if max(Counter(stack_of(name, number) for name in names).values()) <= _STREAMS_IN_A_STACK
        ),
        None,
    )
    return WrongArgument(
        f"{len(names)} streams do not fit into {counted(environment.stream_stacks, 'stack')} of {environment.name}, "
        f"each of which holds {_STREAMS_IN_A_STACK}.",
        safe="nothing was deployed or changed.",
        next_step=f"set `stream_stacks: {enough}` there in environments.yaml. Of an environment that is deployed "
        "CloudFormation refuses the streams that move: docs/how-to/environment.md says what to do before."
        if enough
        else f"give the project fewer streams: {MOST_STREAM_STACKS} stacks do not hold them; the others go into a "
        "project of their own, with another `name_prefix` in its environments.yaml.",
        value=str(len(names)),
    )


class StreamsStack(Stack):
    """Streams, their ingestor, and what Lambda does with batches that fail."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        contracts: Sequence[LandingContract],
        ingestion: IngestionStack,
        bundle: Bundle,
        suffix: str,
    ) -> None:
        super().__init__(scope, name, env={"region": environment.region}, description="Sluice: how streams arrive")
        storage = ingestion.storage
        alerts = self._alerts(storage.own_key)
        ingest = python_function(
            self,
            "ingest_stream",
            bundle=bundle,
            layer=dependencies(self, bundle),
            environment=environment,
            variables={
                **storage.variables(),
                "SLUICE_COMMIT_QUEUE_URL": ingestion.commit_queue.queue_url,
                "SLUICE_ALERT_TOPIC": alerts.topic_arn,
            },
            memory=environment.stream_memory,
            timeout=Duration.minutes(1),
            description="Checks stream records and stages them",
            key=storage.own_key,
        )
        self.ingest = ingest
        self._grant(ingest, storage, ingestion, alerts)
        streams = [self._stream(contract, environment, storage.own_key) for contract in contracts]
        self.streams = tuple(contract.name for contract in contracts)
        role = ingest.role
        assert isinstance(role, iam.Role)
        actions = ["DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"]
        arns = [stream_arn(self, environment, name) for name in self.streams]
        grants.allow_each(role, "Streams", [f"kinesis:{action}" for action in actions], arns)
        if streams:
            grants.use_key(role, storage.own_key, "kms:Decrypt", service="kinesis")
        failed = _KeptInBucket(storage.lake)
        for contract, stream in zip(contracts, streams, strict=True):
            mapping = lambda_.EventSourceMapping(
                self,
                f"{construct_title(contract.name)}Records",
                target=ingest,
                event_source_arn=stream.stream_arn,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=environment.stream_batch,
                max_batching_window=Duration.seconds(environment.stream_window_seconds),
                parallelization_factor=environment.stream_parallelization,
                retry_attempts=8,
                max_record_age=Duration.hours(environment.stream_retention_hours - 4),
                bisect_batch_on_error=True,
                report_batch_item_failures=True,
                on_failure=failed,
            )
            mapping.node.add_dependency(role)
        CfnOutput(self, f"IngestStreamFunctionName{suffix}", value=ingest.function_name)
        CfnOutput(self, f"OperationalEventsTopicArn{suffix}", value=alerts.topic_arn)

    def _alerts(self, key: kms.IKey | None) -> sns.Topic:
        """Return the topic of what the rules find; only the account's own roles reach it, and only over TLS.

        SNS's own key lets no service in. With a key of one's own the account's alarms may send to it, too.
        https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
        """
        if key is None:
            managed = kms.Alias.from_alias_name(self, "TopicKey", "alias/aws/sns")
            return sns.Topic(self, "OperationalEvents", master_key=managed, enforce_ssl=True)
        topic = sns.Topic(self, "OperationalEvents", master_key=key, enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": self.account},
                    "ArnLike": {"aws:SourceArn": alarms(self)},
                },
            )
        )
        return topic

    def _stream(self, contract: LandingContract, environment: Environment, key: kms.IKey | None) -> kinesis.Stream:
        """Return the dataset's stream, under the dataset's name: producers write it into their programs."""
        provisioned = environment.stream_shards
        stream = kinesis.Stream(
            self,
            f"{construct_title(contract.name)}Stream",
            stream_name=stream_name(environment, contract.name),
            stream_mode=kinesis.StreamMode.PROVISIONED if provisioned else kinesis.StreamMode.ON_DEMAND,
            shard_count=provisioned or None,
            retention_period=Duration.hours(environment.stream_retention_hours),
            encryption=kinesis.StreamEncryption.KMS if key else kinesis.StreamEncryption.MANAGED,
            encryption_key=key,
            removal_policy=of_named(environment),
        )
        if key is not None:
            acknowledge(stream, "AwsSolutions-KDS3", OWN_KEY)
        # The one resource that belongs to a single dataset; tables have the same as properties.
        for tag, value in (("domain", contract.domain), ("owner", contract.owner)):
            if value:
                Tags.of(stream).add(f"sluice:{tag}", value)
        return stream

    def _grant(
        self, function: lambda_.Function, storage: StorageStack, ingestion: IngestionStack, alerts: sns.Topic
    ) -> None:
        role = function.role
        assert role is not None
        grants.write_objects(role, storage.lake, "staging/", "records/", FAILED_BATCHES, key=storage.key)
        grants.list_bucket(role, storage.lake)
        grants.keep_pace(role, storage.ledger, "UpdateItem")
        grants.send(role, ingestion.commit_queue, key=storage.own_key)
        grants.allow(role, ["sns:Publish"], [alerts.topic_arn])
        grants.use_key(role, storage.own_key, "kms:GenerateDataKey", "kms:Decrypt", service="sns")
        bus = f"arn:{self.partition}:events:{self.region}:{self.account}:event-bus/default"
        grants.allow(role, ["events:PutEvents"], [bus])


def stream_name(environment: Environment, dataset: str) -> str:
    """Return what the stream of ``dataset`` is called."""
    return f"{environment.database_prefix}{dataset}"


def stream_arn(stack: Stack, environment: Environment, dataset: str) -> str:
    """Return the ARN of the stream of ``dataset`` by its name: of a reference nobody knows how long it becomes."""
    return f"arn:{stack.partition}:kinesis:{stack.region}:{stack.account}:stream/{stream_name(environment, dataset)}"


def construct_title(name: str) -> str:
    """Return what a dataset's constructs are called, another for each name: ``events1`` and ``events_1`` are two."""
    title = "".join(part.title() for part in name.split("_"))
    plain = re.fullmatch(r"[a-z]+[0-9]*(_[a-z]+[0-9]*)*", name)
    return title if plain else f"{title}x{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@jsii.implements(lambda_.IEventSourceDlq)
class _KeptInBucket:
    """Failed batches go to a bucket with their payload; to a queue Lambda would send their positions only."""

    def __init__(self, bucket: s3.Bucket) -> None:
        self.bucket = bucket

    def bind(
        self, target: lambda_.IEventSourceMapping, target_handler: lambda_.IFunction
    ) -> lambda_.DlqDestinationConfig:
        """Return where Lambda sends them; the permission is granted with the others."""
        del target, target_handler
        return lambda_.DlqDestinationConfig(destination=self.bucket.bucket_arn)
