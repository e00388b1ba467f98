"""The stack of file ingestion: landing events, the ingestor, and the committer."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from sluice.environments import Environment
from sluice.redelivery import QUEUE_DAYS

from . import grants
from .bundle import Bundle
from .functions import dependencies, python_function
from .keys import encrypt_queue
from .storage import StorageStack

_RECEIVES = 5
#: A killed function's messages are received again when their visibility timeout ends, which AWS wants to be no shorter
#: than the function's timeout. So both are short, and longer work is invoked differently: docs/decisions/0015.
#: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
_INGEST, _COMMIT = Duration.seconds(60), Duration.seconds(90)
_SLACK_SECONDS = 10


class IngestionStack(Stack):
    """Landing rule and queue, ingestor, wake-up queue, committer."""

    def __init__(
        self, scope: Construct, name: str, *, environment: Environment, storage: StorageStack, bundle: Bundle
    ) -> None:
        super().__init__(scope, name, env={"region": environment.region}, description="Sluice: how data arrives")
        self.storage = storage
        layer = dependencies(self, bundle)
        self.landing_queue, self.landing_dead = self._queue("Landing", _INGEST)
        self.commit_queue, self.commit_dead = self._queue("Commit", _COMMIT, fifo=True)
        variables = {
            **storage.variables(),
            "SLUICE_LANDING_QUEUE_URL": self.landing_queue.queue_url,
            "SLUICE_COMMIT_QUEUE_URL": self.commit_queue.queue_url,
        }
        self.alone = python_function(
            self,
            "ingest_file_alone",
            bundle=bundle,
            layer=layer,
            environment=environment,
            variables=variables,
            memory=environment.ingest_memory,
            timeout=Duration.minutes(15),
            description="Reads one file: a large one, or one whose reader may have died",
            key=storage.own_key,
            scratch_mib=2048,
        )
        ingest = python_function(
            self,
            "ingest_file",
            bundle=bundle,
            layer=layer,
            environment=environment,
            variables={**variables, "SLUICE_INGEST_ALONE_FUNCTION": self.alone.function_name},
            memory=environment.ingest_memory,
            timeout=_INGEST,
            description="Reads uploaded files and stages their records",
            key=storage.own_key,
            scratch_mib=2048,
        )
        commit = python_function(
            self,
            "commit_table",
            bundle=bundle,
            layer=layer,
            environment=environment,
            variables=variables,
            memory=environment.commit_memory,
            timeout=_COMMIT,
            description="Commits staged records, one committer per table",
            key=storage.own_key,
            # No burst of files takes them. Fewer than the event source may ask for would throttle it instead:
            # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
            reserved=environment.commit_concurrency if environment.reserve_commits else None,
        )
        # It wakes itself when its time runs short. Lambda would take that for a loop and stop it after 16 rounds.
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        made = commit.node.default_child
        assert isinstance(made, lambda_.CfnFunction)
        made.recursive_loop = "Allow"
        self._grant_ingest(ingest)
        self._grant_ingest(self.alone)
        self._grant_commit(commit)
        assert ingest.role is not None
        grants.consume(ingest.role, self.landing_queue, key=storage.own_key)
        grants.allow(ingest.role, ["lambda:InvokeFunction"], [self.alone.function_arn])
        self._keep_what_fails(self.alone)
        lambda_.EventSourceMapping(
            self,
            "LandingEvents",
            target=ingest,
            event_source_arn=self.landing_queue.queue_arn,
            batch_size=20,
            max_batching_window=Duration.seconds(1),
            max_concurrency=environment.ingest_concurrency,
            report_batch_item_failures=True,
        )
        lambda_.EventSourceMapping(
            self,
            "WakeUps",
            target=commit,
            event_source_arn=self.commit_queue.queue_arn,
            batch_size=10,
            max_concurrency=environment.commit_concurrency,
            report_batch_item_failures=True,
        )
        self._rules()
        CfnOutput(self, "IngestFileFunctionName", value=ingest.function_name)
        CfnOutput(self, "IngestFileAloneFunctionName", value=self.alone.function_name)
        CfnOutput(self, "LandingQueueUrl", value=self.landing_queue.queue_url)
        CfnOutput(self, "LandingDeadLetterQueueUrl", value=self.landing_dead.queue_url)
        CfnOutput(self, "CommitQueueUrl", value=self.commit_queue.queue_url)
        CfnOutput(self, "CommitDeadLetterQueueUrl", value=self.commit_dead.queue_url)

    def _queue(self, name: str, timeout: Duration, *, fifo: bool = False) -> tuple[sqs.Queue, sqs.Queue]:
        """Return a queue for a function with ``timeout``, and its dead-letter queue."""
        kind = {"fifo": True} if fifo else {}
        dead = sqs.Queue(
            self,
            f"{name}DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(QUEUE_DAYS),
            **kind,  # type: ignore[arg-type]
        )
        encrypt_queue(dead, self.storage.own_key)
        queue = sqs.Queue(
            self,
            f"{name}Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(QUEUE_DAYS),
            visibility_timeout=Duration.seconds(timeout.to_seconds() + _SLACK_SECONDS),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=_RECEIVES),
            **({"content_based_deduplication": True, **kind} if fifo else {}),  # type: ignore[arg-type]
        )
        encrypt_queue(queue, self.storage.own_key)
        return queue, dead

    def _grant_ingest(self, function: lambda_.Function) -> None:
        storage, role = self.storage, function.role
        assert role is not None
        grants.allow(role, ["s3:GetObject", "s3:GetObjectVersion"], [storage.landing.arn_for_objects("*")])
        # Without s3:ListBucket, S3 answers "access denied" for a deleted object, not "no such key":
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        grants.allow(role, ["s3:ListBucketVersions", "s3:ListBucket"], [storage.landing.bucket_arn])
        bronze = storage.folders("bronze")[0]
        grants.read_objects(role, storage.lake, f"{bronze}*/metadata/", key=storage.key)
        grants.write_objects(
            role, storage.lake, "staging/", "records/", "messages/", f"{bronze}*/data/", key=storage.key
        )
        grants.allow(role, ["glue:GetTable"], storage.catalog_arns("bronze"))
        grants.use_ledger(role, storage.ledger, "BatchGetItem", "BatchWriteItem", "PutItem", "UpdateItem")
        grants.send(role, self.commit_queue, key=storage.own_key)

    def _keep_what_fails(self, function: lambda_.Function) -> None:
        """Send the record of an asynchronous call that failed three times to landing's dead letters."""
        role = function.role
        assert role is not None
        grants.send(role, self.landing_dead, key=self.storage.own_key)
        kept = lambda_.CfnEventInvokeConfig(
            self,
            "IngestFileAloneCalls",
            function_name=function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=6 * 3600,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=self.landing_dead.queue_arn)
            ),
        )
        kept.node.add_dependency(role)

    def _grant_commit(self, function: lambda_.Function) -> None:
        storage, role = self.storage, function.role
        assert role is not None
        grants.consume(role, self.commit_queue, key=storage.own_key)
        folders = storage.folders("bronze", "quarantine")
        grants.list_bucket(role, storage.lake)
        own = ("staging/", "commit-marks/", "retractions/")
        grants.read_objects(role, storage.lake, *own, *folders, key=storage.key)
        kept = ("commit-marks/", "set-aside/", "messages/", "retractions/")
        grants.write_objects(role, storage.lake, *kept, *folders, key=storage.key)
        grants.delete_objects(role, storage.lake, *own, "records/", *folders)
        # What is older than its retention leaves landing for good: its versions, and no version that is not recorded.
        grants.allow(role, ["s3:DeleteObjectVersion"], [storage.landing.arn_for_objects("*")])
        grants.allow(role, ["s3:ListBucketVersions"], [storage.landing.bucket_arn])
        grants.allow(role, ["glue:GetTable", "glue:UpdateTable"], storage.catalog_arns("bronze", "quarantine"))
        grants.use_ledger(role, storage.ledger, "BatchGetItem", "BatchWriteItem", "PutItem")
        grants.keep_pace(role, storage.ledger, "GetItem", "UpdateItem")
        grants.send(role, self.commit_queue, key=storage.own_key)
        bus = f"arn:{self.partition}:events:{self.region}:{self.account}:event-bus/default"
        grants.allow(role, ["events:PutEvents"], [bus])

    def _rules(self) -> None:
        events.Rule(
            self,
            "FileLanded",
            description="A file was uploaded to the landing bucket",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [self.storage.landing.bucket_name]}},
            ),
            # An event that cannot be delivered goes where the sweep takes up a file that failed.
            targets=[targets.SqsQueue(self.landing_queue, dead_letter_queue=self.landing_dead)],
        )
