"""The stack that refreshes derived tables: the workflow, its functions, and the Glue job for large runs."""

from __future__ import annotations

import json
from pathlib import Path

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from sluice.contracts.strict_yaml import load_yaml
from sluice.environments import Environment
from sluice.folders import brought
from sluice.redelivery import QUEUE_DAYS

from . import grants
from .bundle import SPARK_SCRIPT, Bundle, spark_folder
from .functions import RETENTION, dependencies, python_function
from .ingestion import IngestionStack
from .keys import encrypt_queue
from .network import connection
from .removal import of_named

WORKFLOWS = brought("step_functions")
#: Workers of a Spark run, unless the workflow says otherwise.
_SPARK_WORKERS = 2


class ProcessingStack(Stack):
    """Refresh workflow, planner, DuckDB engine, Spark job."""

    def __init__(
        self, scope: Construct, name: str, *, environment: Environment, ingestion: IngestionStack, bundle: Bundle
    ) -> None:
        super().__init__(
            scope, name, env={"region": environment.region}, description="Sluice: refresh of derived tables"
        )
        self.storage, self.environment_ = ingestion.storage, environment
        storage = self.storage
        layer = dependencies(self, bundle)
        memory = {
            "SLUICE_TRANSFORM_MEMORY": str(environment.transform_memory),
            "SLUICE_TRANSFORM_MEMORY_LARGE": str(environment.transform_memory_large),
        }
        self.plan = python_function(
            self,
            "plan_refresh",
            bundle=bundle,
            layer=layer,
            environment=environment,
            variables=storage.variables() | memory | {"SLUICE_COMMIT_QUEUE_URL": ingestion.commit_queue.queue_url},
            memory=1024,
            timeout=Duration.minutes(5),
            description="Plans which derived tables are refreshed, and on which engine",
            key=storage.own_key,
        )
        self.runners = {
            name: python_function(
                self,
                name,
                bundle=bundle,
                layer=layer,
                environment=environment,
                variables=storage.variables(),
                memory=size,
                timeout=Duration.minutes(15),
                description="Brings one derived table up to date on DuckDB",
                key=storage.own_key,
                scratch_mib=10_240,
            )
            for name, size in (
                ("run_transform", environment.transform_memory),
                ("run_transform_large", environment.transform_memory_large),
            )
        }
        self._grant_functions(ingestion)
        self.spark_job = self._spark_job(bundle)
        self.machine = self._workflow()
        CfnOutput(self, "PlanFunctionName", value=self.plan.function_name)
        CfnOutput(self, "RunFunctionName", value=self.runners["run_transform"].function_name)
        CfnOutput(self, "RefreshStateMachineArn", value=self.machine.state_machine_arn)

    def _grant_functions(self, ingestion: IngestionStack) -> None:
        storage = self.storage
        every = ("bronze", "silver", "gold")
        # A run also puts records that contradict each other into quarantine.
        written = ("silver", "gold", "quarantine")
        assert self.plan.role is not None
        # Backfills that wait, that somebody asks for, or takes back; and whose turn it is.
        grants.use_ledger(self.plan.role, storage.ledger, "Query", "PutItem", "DeleteItem")
        grants.keep_pace(self.plan.role, storage.ledger, "GetItem", "UpdateItem")
        # The next turn, at once or by a message; and commits that somebody waits for.
        grants.send(self.plan.role, ingestion.commit_queue, key=storage.own_key)
        bus = f"arn:{self.partition}:events:{self.region}:{self.account}:event-bus/default"
        grants.allow(self.plan.role, ["events:PutEvents"], [bus])
        grants.allow(self.plan.role, ["glue:GetTable"], storage.catalog_arns(*every))
        grants.write_objects(self.plan.role, storage.lake, "messages/", key=storage.key)
        metadata = [f"{folder}*/metadata/" for folder in storage.folders(*every)]
        grants.read_objects(self.plan.role, storage.lake, *metadata, key=storage.key)
        for runner in self.runners.values():
            assert runner.role is not None
            grants.allow(runner.role, ["glue:GetTable"], storage.catalog_arns(*every, "quarantine"))
            grants.read_objects(runner.role, storage.lake, *storage.folders(*every, "quarantine"), key=storage.key)
            grants.write_objects(runner.role, storage.lake, "messages/", *storage.folders(*written), key=storage.key)
            grants.delete_objects(runner.role, storage.lake, *storage.folders(*written))
            grants.list_bucket(runner.role, storage.lake)
            grants.allow(runner.role, ["glue:UpdateTable"], storage.catalog_arns(*written))
            grants.use_ledger(runner.role, storage.ledger, "PutItem", "DeleteItem")

    def _workflow(self) -> sfn.StateMachine:
        # The name is given here, since the role must name machine and executions before there are any.
        name = f"{self.environment_.title}-refresh"
        machine_arn = f"arn:{self.partition}:states:{self.region}:{self.account}:stateMachine:{name}"
        role = iam.Role(
            self,
            "RefreshRole",
            assumed_by=grants.service(self, "states", source_arn=machine_arn),
            description="Role of the refresh workflow",
        )
        functions = [self.plan, *self.runners.values()]
        grants.allow(role, ["lambda:InvokeFunction"], [function.function_arn for function in functions])
        grants.use_ledger(role, self.storage.ledger, "PutItem", "UpdateItem", "DeleteItem")
        self.executions_arn = f"arn:{self.partition}:states:{self.region}:{self.account}:execution:{name}:*"
        grants.allow(role, ["states:DescribeExecution"], [self.executions_arn])
        # An execution that did much hands over to the next.
        grants.allow(role, ["states:StartExecution"], [machine_arn])
        job = f"arn:{self.partition}:glue:{self.region}:{self.account}:job/{self.spark_job.ref}"
        grants.allow(role, ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"], [job])
        log_group = logs.LogGroup(
            self,
            "RefreshLog",
            log_group_name=f"/aws/vendedlogs/states/{name}",
            retention=RETENTION[self.environment_.log_days],
            removal_policy=of_named(self.environment_),
            encryption_key=self.storage.own_key,
        )
        machine = sfn.StateMachine(
            self,
            "Refresh",
            state_machine_name=name,
            definition_body=sfn.DefinitionBody.from_string(definition(WORKFLOWS / "refresh.yaml", self.partition)),
            definition_substitutions={
                "LedgerTable": self.storage.ledger.table_name,
                "PlanFunction": self.plan.function_arn,
                "RunFunction": self.runners["run_transform"].function_arn,
                "SparkJob": self.spark_job.ref,
                "RunLargeFunction": self.runners["run_transform_large"].function_arn,
            },
            role=role,
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=True),
            tracing_enabled=True,
        )
        starter = iam.Role(
            self,
            "StartRefreshRole",
            assumed_by=grants.service(self, "events"),
            description="Lets EventBridge start the refresh workflow",
        )
        grants.allow(starter, ["states:StartExecution"], [machine.state_machine_arn])
        # The sweep starts the refresh that an event in it asked for.
        self.refresh_dead = sqs.Queue(
            self,
            "RefreshDeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(QUEUE_DAYS),
        )
        encrypt_queue(self.refresh_dead, self.storage.own_key)
        events.Rule(
            self,
            "TableChanged",
            description="A derived table is to be refreshed",  # its name is that of what once started it
            event_pattern=events.EventPattern(source=["sluice"], detail_type=["RefreshDue"]),
            targets=[targets.SfnStateMachine(machine, role=starter, dead_letter_queue=self.refresh_dead)],
        )
        return machine

    def _spark_job(self, bundle: Bundle) -> glue.CfnJob:
        storage, prefix = self.storage, self.environment_.database_prefix
        script = assets.Asset(self, "SparkScript", path=str(SPARK_SCRIPT))
        code = assets.Asset(self, "SparkCode", path=str(spark_folder(bundle.code, bundle.transforms)))
        role = iam.Role(
            self,
            "SparkRole",
            assumed_by=iam.ServicePrincipal("glue.amazonaws.com"),  # for whom, Glue does not say: grants.service
            description="Role of the Spark job",
        )
        # A run also puts records that contradict each other into quarantine.
        every, written = ("bronze", "silver", "gold", "quarantine"), ("silver", "gold", "quarantine")
        shipped = [f"{asset.bucket.bucket_arn}/{asset.s3_object_key}" for asset in (script, code)]
        grants.allow(role, ["s3:GetObject"], shipped)
        grants.read_objects(role, storage.lake, *storage.folders(*every), key=storage.key)
        grants.write_objects(role, storage.lake, *storage.folders(*written), key=storage.key)
        grants.delete_objects(role, storage.lake, *storage.folders(*written))
        grants.list_bucket(role, storage.lake)
        grants.allow(role, ["glue:GetDatabase"], storage.database_arns(*every))
        grants.allow(role, ["glue:GetTable"], storage.catalog_arns(*every))
        grants.allow(role, ["glue:UpdateTable"], storage.catalog_arns(*written))
        self._grant_glue_logs(role)
        vpc = self.environment_.vpc
        connections = [connection(self, role, vpc).ref] if vpc else []
        job = glue.CfnJob(
            self,
            "SparkJob",
            role=role.role_arn,
            command=glue.CfnJob.JobCommandProperty(
                name="glueetl", python_version="3", script_location=script.s3_object_url
            ),
            glue_version="5.1",
            worker_type="G.1X",
            number_of_workers=_SPARK_WORKERS,
            timeout=120,
            max_retries=0,
            connections=glue.CfnJob.ConnectionsListProperty(connections=connections) if connections else None,
            execution_property=glue.CfnJob.ExecutionPropertyProperty(max_concurrent_runs=10),
            default_arguments={
                "--datalake-formats": "iceberg",
                "--enable-metrics": "true",
                "--enable-continuous-cloudwatch-log": "true",
                "--extra-py-files": code.s3_object_url,
                "--lake-bucket": storage.lake.bucket_name,
                "--dpus": str(_SPARK_WORKERS),  # a G.1X worker is one
                **({"--prefix": prefix} if prefix else {}),
            },
            description="Brings one derived table up to date on Spark",
        )
        CfnOutput(self, "SparkJobName", value=job.ref)
        return job

    def _grant_glue_logs(self, role: iam.Role) -> None:
        """Let the job write its log and metrics, which Glue does under the job's own role."""
        groups = f"arn:{self.partition}:logs:{self.region}:{self.account}:log-group:/aws-glue/jobs/*"
        grants.allow(role, ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], [groups])
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": "Glue"}},
            )
        )


def definition(path: Path, partition: str = "aws") -> str:
    """Return a workflow file as the JSON that Step Functions takes in ``partition``: the same text for the same file.

    The file is written for `aws`, so that it can be checked as it stands; GovCloud's and China's ARNs begin otherwise.
    """
    text = json.dumps(load_yaml(path.read_text(encoding="utf-8"))[1], sort_keys=False)
    return text.replace("arn:aws:", f"arn:{partition}:")
