"""How data arrives: landing events, the ingestor, and one committer per table."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants
from infra.config import Environment
from infra.functions import Bundle, dependencies, python_function
from infra.storage import StorageStack

_RECEIVES = 5


class IngestionStack(Stack):
    """Landing rule and queue, ingestor, wake-up queue, committer."""

    def __init__(
        self, scope: Construct, name: str, *, environment: Environment, storage: StorageStack, bundle: Bundle
    ) -> None:
        super().__init__(scope, name, env={"region": environment.region}, description="Sluice: how data arrives")
        self.storage = storage
        layer = dependencies(self, bundle)
        timeout = Duration.minutes(15)
        self.landing_queue, landing_dead = self._queue("Landing", timeout)
        self.commit_queue, commit_dead = self._queue("Commit", timeout, fifo=True)
        variables = {
            **storage.variables(),
            "SLUICE_LANDING_QUEUE_URL": self.landing_queue.queue_url,
            "SLUICE_COMMIT_QUEUE_URL": self.commit_queue.queue_url,
        }
        ingest = python_function(
            self,
            "ingest_file",
            bundle=bundle,
            layer=layer,
            environment=environment,
            variables=variables,
            memory=environment.ingest_memory,
            timeout=timeout,
            description="Reads uploaded files and stages their records",
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
            timeout=timeout,
            description="Commits what is staged: one committer per table",
        )
        self._grant_ingest(ingest)
        self._grant_commit(commit)
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
        CfnOutput(self, "LandingQueueUrl", value=self.landing_queue.queue_url)
        CfnOutput(self, "LandingDeadLetterQueueUrl", value=landing_dead.queue_url)
        CfnOutput(self, "CommitQueueUrl", value=self.commit_queue.queue_url)
        CfnOutput(self, "CommitDeadLetterQueueUrl", value=commit_dead.queue_url)

    def _queue(self, name: str, timeout: Duration, *, fifo: bool = False) -> tuple[sqs.Queue, sqs.Queue]:
        """Return a queue for a function with ``timeout``, and its dead-letter queue."""
        kind = {"fifo": True} if fifo else {}
        dead = sqs.Queue(
            self,
            f"{name}DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            **kind,  # type: ignore[arg-type]
        )
        queue = sqs.Queue(
            self,
            f"{name}Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            visibility_timeout=Duration.seconds(6 * timeout.to_seconds()),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=_RECEIVES),
            **({"content_based_deduplication": True, **kind} if fifo else {}),  # type: ignore[arg-type]
        )
        return queue, dead

    def _grant_ingest(self, function: lambda_.Function) -> None:
        storage, role = self.storage, function.role
        assert role is not None
        grants.consume(role, self.landing_queue)
        grants.allow(role, ["s3:GetObject", "s3:GetObjectVersion"], [storage.landing.arn_for_objects("*")])
        grants.allow(role, ["s3:ListBucketVersions"], [storage.landing.bucket_arn])
        bronze = storage.folders("bronze")[0]
        grants.read_objects(role, storage.lake, f"{bronze}*/metadata/", key=storage.key)
        grants.write_objects(role, storage.lake, "staging/", "records/", f"{bronze}*/data/", key=storage.key)
        grants.allow(role, ["glue:GetTable"], storage.catalog_arns("bronze"))
        grants.use_ledger(role, storage.ledger, "BatchGetItem", "BatchWriteItem", "PutItem", "UpdateItem")
        grants.allow(role, ["sqs:SendMessage"], [self.commit_queue.queue_arn])

    def _grant_commit(self, function: lambda_.Function) -> None:
        storage, role = self.storage, function.role
        assert role is not None
        grants.consume(role, self.commit_queue)
        folders = storage.folders("bronze", "quarantine")
        grants.list_bucket(role, storage.lake)
        grants.read_objects(role, storage.lake, "staging/", *folders, key=storage.key)
        grants.write_objects(role, storage.lake, *folders, key=storage.key)
        grants.delete_objects(role, storage.lake, "staging/", *folders)
        grants.allow(role, ["glue:GetDatabase"], storage.database_arns("bronze", "quarantine"))
        grants.allow(role, ["glue:GetTable", "glue:UpdateTable"], storage.catalog_arns("bronze", "quarantine"))
        grants.use_ledger(role, storage.ledger, "BatchWriteItem")
        grants.allow(role, ["sqs:SendMessage"], [self.commit_queue.queue_arn])
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
            targets=[targets.SqsQueue(self.landing_queue)],
        )
        events.Rule(
            self,
            "Sweep",
            description="Wakes committers whose wake-up was lost",
            schedule=events.Schedule.rate(Duration.minutes(15)),
            targets=[
                targets.SqsQueue(
                    self.commit_queue,
                    message=events.RuleTargetInput.from_object({"dataset": "*"}),
                    message_group_id="*",
                )
            ],
        )
