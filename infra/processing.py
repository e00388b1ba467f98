"""What makes derived tables: the refresh workflow, its functions, and the Glue job for large runs."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra import grants
from infra.bundle import ROOT, spark_folder
from infra.config import Environment
from infra.functions import RETENTION, Bundle, dependencies, python_function
from infra.storage import StorageStack

WORKFLOWS = ROOT / "step_functions"


class ProcessingStack(Stack):
    """Refresh workflow, planner, DuckDB engine, Spark job."""

    def __init__(
        self, scope: Construct, name: str, *, environment: Environment, storage: StorageStack, bundle: Bundle
    ) -> None:
        super().__init__(
            scope, name, env={"region": environment.region}, description="Sluice: what makes derived tables"
        )
        self.storage, self.environment_ = storage, environment
        layer = dependencies(self, bundle)
        self.plan = python_function(
            self,
            "plan_refresh",
            bundle=bundle,
            layer=layer,
            environment=environment,
            variables=storage.variables(),
            memory=1024,
            timeout=Duration.minutes(5),
            description="Says which derived tables are behind",
        )
        self.run = python_function(
            self,
            "run_transform",
            bundle=bundle,
            layer=layer,
            environment=environment,
            variables=storage.variables(),
            memory=environment.transform_memory,
            timeout=Duration.minutes(15),
            description="Rebuilds one derived table on DuckDB",
            scratch_mib=10_240,
        )
        self._grant_functions()
        self.machine = self._workflow()
        self._spark_job(bundle)
        CfnOutput(self, "PlanFunctionName", value=self.plan.function_name)
        CfnOutput(self, "RefreshStateMachineArn", value=self.machine.state_machine_arn)

    def _grant_functions(self) -> None:
        storage = self.storage
        every, derived = ("bronze", "silver", "gold"), ("silver", "gold")
        # A run also puts records that contradict each other into quarantine.
        written = (*derived, "quarantine")
        assert self.plan.role is not None
        assert self.run.role is not None
        grants.allow(self.plan.role, ["glue:GetTable"], storage.catalog_arns(*every))
        grants.allow(self.run.role, ["glue:GetTable"], storage.catalog_arns(*every, "quarantine"))
        metadata = [f"{folder}*/metadata/" for folder in storage.folders(*every)]
        grants.read_objects(self.plan.role, storage.lake, *metadata, key=storage.key)
        grants.read_objects(self.run.role, storage.lake, *storage.folders(*every, "quarantine"), key=storage.key)
        grants.write_objects(self.run.role, storage.lake, *storage.folders(*written), key=storage.key)
        grants.delete_objects(self.run.role, storage.lake, *storage.folders(*written))
        grants.list_bucket(self.run.role, storage.lake)
        grants.allow(self.run.role, ["glue:GetDatabase"], storage.database_arns(*written))
        grants.allow(self.run.role, ["glue:UpdateTable"], storage.catalog_arns(*written))
        grants.use_ledger(self.run.role, storage.ledger, "PutItem")

    def _workflow(self) -> sfn.StateMachine:
        role = iam.Role(
            self,
            "RefreshRole",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
            description="Role of the refresh workflow",
        )
        grants.allow(role, ["lambda:InvokeFunction"], [self.plan.function_arn, self.run.function_arn])
        grants.use_ledger(role, self.storage.ledger, "PutItem", "UpdateItem", "DeleteItem")
        # A name of its own: the role must name the executions before the machine exists.
        name = f"sluice-{self.environment_.name}-refresh"
        executions = f"arn:{self.partition}:states:{self.region}:{self.account}:execution:{name}:*"
        grants.allow(role, ["states:DescribeExecution"], [executions])
        log_group = logs.LogGroup(
            self,
            "RefreshLog",
            log_group_name=f"/aws/vendedlogs/states/{name}",
            retention=RETENTION[self.environment_.log_days],
            removal_policy=RemovalPolicy.RETAIN if self.environment_.keep_data else RemovalPolicy.DESTROY,
        )
        machine = sfn.StateMachine(
            self,
            "Refresh",
            state_machine_name=name,
            definition_body=sfn.DefinitionBody.from_string(definition(WORKFLOWS / "refresh.yaml")),
            definition_substitutions={
                "LedgerTable": self.storage.ledger.table_name,
                "PlanFunction": self.plan.function_arn,
                "RunFunction": self.run.function_arn,
            },
            role=role,
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=True),
            tracing_enabled=True,
        )
        starter = iam.Role(
            self,
            "StartRefreshRole",
            assumed_by=iam.ServicePrincipal("events.amazonaws.com"),
            description="Lets EventBridge start the refresh workflow",
        )
        grants.allow(starter, ["states:StartExecution"], [machine.state_machine_arn])
        events.Rule(
            self,
            "TableChanged",
            description="New bronze rows were committed",
            event_pattern=events.EventPattern(
                source=["sluice"], detail_type=["TableChanged"], detail={"table": [{"prefix": "bronze."}]}
            ),
            targets=[targets.SfnStateMachine(machine, role=starter)],
        )
        return machine

    def _spark_job(self, bundle: Bundle) -> None:
        storage, prefix = self.storage, self.environment_.database_prefix
        script = assets.Asset(self, "SparkScript", path=str(ROOT / "glue_jobs" / "spark_main.py"))
        code = assets.Asset(self, "SparkCode", path=str(spark_folder(bundle.code)))
        role = iam.Role(
            self,
            "SparkRole",
            assumed_by=iam.ServicePrincipal("glue.amazonaws.com"),
            description="Role of the Spark job",
        )
        every, derived = ("bronze", "silver", "gold"), ("silver", "gold")
        shipped = [f"{asset.bucket.bucket_arn}/{asset.s3_object_key}" for asset in (script, code)]
        grants.allow(role, ["s3:GetObject"], shipped)
        grants.read_objects(role, storage.lake, *storage.folders(*every), key=storage.key)
        grants.write_objects(role, storage.lake, *storage.folders(*derived), key=storage.key)
        grants.delete_objects(role, storage.lake, *storage.folders(*derived))
        grants.list_bucket(role, storage.lake)
        grants.allow(role, ["glue:GetDatabase"], storage.database_arns(*every))
        grants.allow(role, ["glue:GetTable"], storage.catalog_arns(*every))
        grants.allow(role, ["glue:UpdateTable"], storage.catalog_arns(*derived))
        self._grant_glue_logs(role)
        job = glue.CfnJob(
            self,
            "SparkJob",
            role=role.role_arn,
            command=glue.CfnJob.JobCommandProperty(
                name="glueetl", python_version="3", script_location=script.s3_object_url
            ),
            glue_version="5.1",
            worker_type="G.1X",
            number_of_workers=2,
            timeout=120,
            max_retries=0,
            execution_property=glue.CfnJob.ExecutionPropertyProperty(max_concurrent_runs=10),
            default_arguments={
                "--datalake-formats": "iceberg",
                "--enable-metrics": "true",
                "--enable-continuous-cloudwatch-log": "true",
                "--extra-py-files": code.s3_object_url,
                "--lake-bucket": storage.lake.bucket_name,
                **({"--prefix": prefix} if prefix else {}),
            },
            description="Rebuilds one derived table on Spark",
        )
        CfnOutput(self, "SparkJobName", value=job.ref)

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


def definition(path: Path) -> str:
    """Return a workflow file as the JSON that Step Functions takes, the same text for the same file."""
    return json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), sort_keys=False)
