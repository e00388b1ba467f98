"""The stack of the sweep: a function that resumes stopped work once a minute."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from sluice.environments import Environment
from sluice.ingestion.failed_batches import FAILED_BATCHES

from . import grants
from .bundle import Bundle
from .functions import dependencies, python_function
from .ingestion import IngestionStack
from .processing import ProcessingStack
from .streams import StreamsStack


class RecoveryStack(Stack):
    """The sweep and its schedule."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        ingestion: IngestionStack,
        processing: ProcessingStack,
        streams: Sequence[StreamsStack],
        bundle: Bundle,
    ) -> None:
        super().__init__(scope, name, env={"region": environment.region}, description="Sluice: resumes stopped work")
        storage = ingestion.storage
        sweep = python_function(
            self,
            "sweep",
            bundle=bundle,
            layer=dependencies(self, bundle),
            environment=environment,
            variables={
                **storage.variables(),
                "SLUICE_COMMIT_QUEUE_URL": ingestion.commit_queue.queue_url,
                "SLUICE_LANDING_QUEUE_URL": ingestion.landing_queue.queue_url,
                "SLUICE_LANDING_DEAD_LETTERS_URL": ingestion.landing_dead.queue_url,
                "SLUICE_COMMIT_DEAD_LETTERS_URL": ingestion.commit_dead.queue_url,
                "SLUICE_REFRESH_DEAD_LETTERS_URL": processing.refresh_dead.queue_url,
                "SLUICE_INGEST_ALONE_FUNCTION": ingestion.alone.function_name,
                "SLUICE_REFRESH_MACHINE": processing.machine.state_machine_arn,
            },
            memory=256,
            timeout=Duration.minutes(2),
            description="Resumes stopped work: staged units, dead letters, failed batches, a dead refresh",
            key=storage.own_key,
        )
        role = sweep.role
        assert role is not None
        grants.send(role, ingestion.commit_queue, ingestion.landing_queue, key=storage.own_key)
        grants.allow(role, ["sqs:GetQueueAttributes"], [ingestion.landing_queue.queue_arn])
        grants.allow(role, ["s3:ListBucketVersions"], [storage.landing.bucket_arn])
        grants.use_ledger(role, storage.ledger, "BatchGetItem")
        grants.keep_pace(role, storage.ledger, "Query", "UpdateItem", "DeleteItem")
        dead = (ingestion.landing_dead, ingestion.commit_dead, processing.refresh_dead)
        grants.receive(role, *dead, key=storage.own_key)
        grants.allow(role, ["sqs:DeleteMessage"], [queue.queue_arn for queue in dead])
        grants.allow(role, ["sqs:ChangeMessageVisibility"], [ingestion.landing_dead.queue_arn])
        functions: list[lambda_.Function] = [ingestion.alone, *(stack.ingest for stack in streams)]
        grants.allow(role, ["lambda:InvokeFunction"], [function.function_arn for function in functions])
        grants.list_bucket(role, storage.lake)
        if streams:
            grants.read_objects(role, storage.lake, FAILED_BATCHES, key=storage.key)
            grants.write_objects(role, storage.lake, FAILED_BATCHES, key=storage.key)
            grants.delete_objects(role, storage.lake, FAILED_BATCHES)
        self._grant_refresh(sweep, processing)
        # The next minute's sweep is the repetition of one that failed.
        lambda_.CfnEventInvokeConfig(
            self,
            "SweepCalls",
            function_name=sweep.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=60,
        )
        events.Rule(
            self,
            "EachMinute",
            description="Resumes stopped work every minute",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[targets.LambdaFunction(sweep, retry_attempts=0)],
        )
        events.Rule(
            self,
            "EachHour",
            description="Looks for landed files of which no event came, every hour",
            schedule=events.Schedule.rate(Duration.hours(1)),
            targets=[targets.LambdaFunction(sweep, event=events.RuleTargetInput.from_object({"unnoticed": True}))],
        )
        # The sweep wakes each dataset's committer, the only one that changes its tables, and whose queue tries again.
        events.Rule(
            self,
            "EachDay",
            description="Deletes what is older than its contract's retention, every day",
            schedule=events.Schedule.rate(Duration.days(1)),
            targets=[targets.LambdaFunction(sweep, event=events.RuleTargetInput.from_object({"maintain": True}))],
        )

        CfnOutput(self, "SweepFunctionName", value=sweep.function_name)

    def _grant_refresh(self, sweep: lambda_.Function, processing: ProcessingStack) -> None:
        role, machine = sweep.role, processing.machine
        assert role is not None
        grants.allow(role, ["states:ListExecutions", "states:StartExecution"], [machine.state_machine_arn])
        grants.allow(role, ["states:DescribeExecution"], [processing.executions_arn])
