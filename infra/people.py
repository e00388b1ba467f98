"""Roles for people: analysts, stewards, operators, and the producers of one dataset each. docs/decisions/0034."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from sluice.contracts import AnyContract, LandingContract
from sluice.environments import Environment
from sluice.errors import WrongArgument
from sluice.ingestion.failed_batches import FAILED_BATCHES
from sluice.nearest import nearest
from sluice.pace_items import PARTITION
from sluice.project import Project

from . import grants
from .accepted import acknowledge_files, acknowledge_stacks
from .ingestion import IngestionStack
from .processing import ProcessingStack
from .recovery import RecoveryStack
from .storage import StorageStack
from .streams import StreamsStack, construct_title, stream_arn

#: The part of the results' bucket that a session of a role may write and read, and none of another name.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
OWN_RESULTS = "people/${aws:userid}/*"
#: Stacks of each environment, by what their names end with, beside those of streams.
_PARTS = ("storage", "ingestion", "processing", "recovery", "serving")
#: What a query takes of Athena, in the workgroup for people.
_QUERY = ("StartQueryExecution", "StopQueryExecution", "GetQueryExecution", "GetQueryResults", "GetWorkGroup")
#: How clients list what there is; of databases and tables they are told of those alone that the role may have of Glue.
_BROWSE = ("GetDataCatalog", "ListDatabases", "GetDatabase", "ListTableMetadata", "GetTableMetadata")


@dataclass(frozen=True)
class People:
    """Adds the roles of one environment to ``stack``; ``group`` is the workgroup in which people ask."""

    stack: Stack
    group: athena.CfnWorkGroup
    environment: Environment
    project: Project
    storage: StorageStack
    ingestion: IngestionStack
    processing: ProcessingStack
    streams: Sequence[StreamsStack]
    recovery: RecoveryStack

    def add(self) -> None:
        """Add all roles, each with an output that names it."""
        self._add_analyst()
        self._add_steward()
        self._add_operator()
        for dataset, who in sorted((self.environment.producers or {}).items()):
            self._add_producer(self._arriving(dataset), who)

    def _add_analyst(self) -> None:
        role = self._role(
            "Analyst", self.environment.analysts, "Asks of the tables in silver and gold without private columns"
        )
        self._allow_queries(role)
        databases = self.storage.database_arns("silver", "gold")
        grants.allow(role, ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables"], databases)
        readable = [contract for contract in self.project.contracts if is_open(contract)]
        folders = [f"{self.storage.folders(each.database)[0]}{each.name}/*" for each in readable]
        tables = [self._table_arn(each) for each in readable]
        files = [self.storage.lake.arn_for_objects(folder) for folder in folders]
        grants.allow_each(role, "Tables", ["glue:GetTable", "glue:GetTables"], tables)
        grants.allow_each(role, "Files", ["s3:GetObject"], files)
        acknowledge_files(role, self.stack, self.storage, folders)

    def _add_steward(self) -> None:
        storage = self.storage
        role = self._role("Steward", self.environment.stewards, "Looks at quarantine, tries again, gives up, retracts")
        self._allow_queries(role)
        self._allow_watching(role)
        self._allow_redriving(role)
        grants.allow(role, ["glue:GetDatabase", "glue:GetDatabases"], storage.database_arns("quarantine"))
        grants.allow(role, ["glue:GetTable", "glue:GetTables"], storage.catalog_arns("quarantine"))
        read = [f"{storage.folders('quarantine')[0]}*", "records/*"]
        grants.allow(role, ["s3:GetObject"], [storage.lake.arn_for_objects(each) for each in read])
        grants.allow(role, ["s3:PutObject"], [storage.lake.arn_for_objects("retractions/*")])
        # What is given up; runs, backfills and pauses, which are kept under `refresh`, are the planner's, and
        # what waits is the functions'.
        given_up = {
            "ForAllValues:StringNotEquals": {"dynamodb:LeadingKeys": ["refresh", PARTITION]},
            "Null": {"dynamodb:LeadingKeys": "false"},
        }
        role.add_to_policy(
            iam.PolicyStatement(actions=["dynamodb:PutItem"], resources=[storage.ledger.table_arn], conditions=given_up)
        )  # its key comes with what a steward watches

    def _add_operator(self) -> None:
        processing = self.processing
        role = self._role(
            "Operator", self.environment.operators, "Sees how the deployment does, refreshes, pauses, tries again"
        )
        self._allow_watching(role)
        self._allow_redriving(role)
        grants.allow(role, ["states:StartExecution"], [processing.machine.state_machine_arn])
        grants.allow(role, ["states:DescribeExecution"], [processing.executions_arn])
        functions = list(self._functions())
        # By their own names: what begins with this environment's name may be another project's.
        known = set(self._stream_functions())  # by what everybody who watches may see
        configured = [each.function_arn for each in functions if each.function_arn not in known]
        grants.allow_each(role, "Functions", ["lambda:GetFunctionConfiguration"], configured)
        groups = [each.log_group.log_group_arn for each in functions]
        grants.allow_each(role, "Logs", ["logs:FilterLogEvents"], groups)
        grants.allow(role, ["logs:FilterLogEvents"], [self._arn("logs", "log-group:/aws-glue/jobs/*")])
        grants.allow(role, ["glue:GetJobRuns"], [self._arn("glue", f"job/{processing.spark_job.ref}")])

    def _add_producer(self, contract: LandingContract, who: Sequence[str]) -> None:
        title = construct_title(contract.name)
        role = self._role(f"{title}Producer", who, f"Delivers {contract.name}", output=f"ProducerRoleArn{title}")
        if not contract.arrival.stream:
            files = self.storage.landing.arn_for_objects(f"{contract.name}/*")
            grants.allow(role, ["s3:PutObject", "s3:AbortMultipartUpload"], [files])
            # Decrypt is for uploads in parts.
            grants.use_key(role, self.storage.key, "kms:GenerateDataKey", "kms:Decrypt")
            acknowledge_files(role, self.stack, self.storage, [f"{contract.name}/*"], landing=True)
            return
        stream = stream_arn(self.stack, self.environment, contract.name)
        actions = ["PutRecord", "PutRecords", "DescribeStreamSummary", "ListShards"]
        grants.allow(role, [f"kinesis:{action}" for action in actions], [stream])
        grants.use_key(role, self.storage.own_key, "kms:GenerateDataKey", service="kinesis")

    def _arriving(self, dataset: str) -> LandingContract:
        contract = self.project.landing(dataset)
        if contract is None:
            near = nearest(dataset, [each.name for each in self.project.arriving])
            meant = f"; did you mean {near}?" if near else "."
            raise WrongArgument(
                f"The environment {self.environment.name} names producers of {dataset}, which is no dataset that "
                f"arrives{meant}",
                safe="nothing was deployed or changed.",
                next_step="mend `producers` in environments.yaml, or add the dataset's contract.",
                dataset=dataset,
            )
        return contract

    def _role(self, name: str, who: Sequence[str], about: str, *, output: str = "") -> iam.Role:
        """Return a role that ``who`` may take: without a name, whom the account's own policies let."""
        named: list[iam.IPrincipal] = [iam.ArnPrincipal(arn) for arn in who]
        trusted = iam.CompositePrincipal(*(named or [iam.AccountRootPrincipal()]))
        role = iam.Role(self.stack, f"{name}Role", assumed_by=trusted, description=about)
        CfnOutput(self.stack, output or f"{name}RoleArn", value=role.role_arn)
        return role

    # ---- what several roles do

    def _allow_queries(self, role: iam.Role) -> None:
        """Let ``role`` ask in the workgroup for people, with results that no session of another name reads."""
        results = self.storage.results
        group = self._arn("athena", f"workgroup/{self.group.name}")
        grants.allow(role, [f"athena:{action}" for action in _QUERY], [group])
        grants.allow(role, [f"athena:{each}" for each in _BROWSE], [self._arn("athena", "datacatalog/AwsDataCatalog")])
        grants.allow(role, ["s3:GetBucketLocation"], [results.bucket_arn])
        own = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
        grants.allow(role, own, [results.arn_for_objects(OWN_RESULTS)])
        # Athena asks for the database that every catalog has, whatever is asked of it.
        # https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html#full-access-to-default-db-per-region
        grants.allow(role, ["glue:GetDatabase"], [self._arn("glue", "catalog"), self._arn("glue", "database/default")])
        self._allow_stacks(role)
        grants.use_key(role, self.storage.key, "kms:Decrypt", "kms:GenerateDataKey")

    def _allow_watching(self, role: iam.Role) -> None:
        """Let ``role`` see what `sluice status` and `sluice runs` show; no row of a table."""
        storage, lake = self.storage, self.storage.lake
        self._allow_stacks(role, resources=True)
        grants.use_ledger(role, storage.ledger, "Query", "BatchGetItem")
        grants.allow(role, ["s3:ListBucketVersions"], [storage.landing.bucket_arn])
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[lake.bucket_arn],
                conditions={"StringLike": {"s3:prefix": ["staging/*", "set-aside/*", f"{FAILED_BATCHES}*"]}},
            )
        )
        grants.allow(role, ["s3:GetObject"], [lake.arn_for_objects("set-aside/*")])
        grants.allow(role, ["glue:GetTables"], storage.catalog_arns("bronze"))
        dead = [queue.queue_arn for queue in (self.ingestion.landing_dead, self.ingestion.commit_dead)]
        grants.allow(role, ["sqs:GetQueueAttributes"], dead)
        grants.receive(role, self.ingestion.landing_dead, key=storage.own_key)
        grants.allow(role, ["sqs:ChangeMessageVisibility"], [self.ingestion.landing_dead.queue_arn])
        grants.allow(role, ["states:ListExecutions"], [self.processing.machine.state_machine_arn])
        # Whatever is asked of the planner is one permission: IAM does not look into what a function is called with.
        grants.allow(role, ["lambda:InvokeFunction"], [self.processing.plan.function_arn])
        if self.streams:
            names = [name for stack in self.streams for name in stack.streams]
            streams = [stream_arn(self.stack, self.environment, name) for name in names]
            # How far a stream was read is known by asking for the next record, which has its content with it.
            asked = ["ListShards", "GetShardIterator", "GetRecords"]
            grants.allow_each(role, "Streams", [f"kinesis:{action}" for action in asked], streams)
            grants.use_key(role, storage.own_key, "kms:Decrypt", service="kinesis")
            grants.allow(role, ["lambda:GetFunctionConfiguration"], self._stream_functions())
        unlimited = ["lambda:ListEventSourceMappings", "cloudwatch:GetMetricData"]
        grants.allow(role, unlimited, ["*"])  # AWS knows no resources of them

    def _allow_redriving(self, role: iam.Role) -> None:
        """Let ``role`` try again what is dead: files, wake-ups, units set aside, batches of streams."""
        lake, ingestion = self.storage.lake, self.ingestion
        dead = [ingestion.landing_dead.queue_arn, ingestion.commit_dead.queue_arn]
        grants.receive(role, ingestion.commit_dead, key=self.storage.own_key)
        grants.allow(role, ["sqs:DeleteMessage"], dead)
        grants.send(role, ingestion.commit_queue, key=self.storage.own_key)
        grants.allow(role, ["lambda:InvokeFunction"], [ingestion.alone.function_arn, *self._stream_functions()])
        again = ["set-aside/*", *([f"{FAILED_BATCHES}*"] if self.streams else [])]
        put = ["staging/*", *again[1:]]
        grants.allow(role, ["s3:DeleteObject"], [lake.arn_for_objects(each) for each in again])
        grants.allow(role, ["s3:PutObject"], [lake.arn_for_objects(each) for each in put])
        if self.streams:
            grants.allow(role, ["s3:GetObject"], [lake.arn_for_objects(f"{FAILED_BATCHES}*")])
        grants.use_key(role, self.storage.key, "kms:Decrypt", "kms:GenerateDataKey")

    def _allow_stacks(self, role: iam.Role, *, resources: bool = False) -> None:
        """Let ``role`` read the outputs of this environment's stacks, by which `sluice` finds everything.

        With ``resources`` it sees which functions there are: Lambda's own list has the settings of all.
        """
        there = [f"{self.environment.title}-{part}" for part in _PARTS] + [each.stack_name for each in self.streams]
        # `sluice` asks for the next stack of streams until there is none.
        names = [*there, f"{self.environment.title}-streams{len(self.streams) or ''}"]
        stacks = [self._arn("cloudformation", f"stack/{name}/*") for name in names]
        grants.allow(role, ["cloudformation:DescribeStacks"], stacks)
        if resources:
            grants.allow(role, ["cloudformation:ListStackResources"], stacks[:-1])
        acknowledge_stacks(role, self.storage, names)

    def _functions(self) -> Iterator[lambda_.Function]:
        """Yield every function of the environment's stacks."""
        for stack in (self.storage, self.ingestion, self.processing, *self.streams, self.recovery):
            yield from (each for each in stack.node.children if isinstance(each, lambda_.Function))

    def _stream_functions(self) -> list[str]:
        functions: Iterable[lambda_.Function] = (stack.ingest for stack in self.streams)
        return [function.function_arn for function in functions]

    def _table_arn(self, contract: AnyContract) -> str:
        database = f"{self.environment.database_prefix}{contract.database}"
        return self._arn("glue", f"table/{database}/{contract.name}")

    def _arn(self, service: str, resource: str) -> str:
        stack = self.stack
        return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{resource}"


def is_open(contract: AnyContract) -> bool:
    """Return whether analysts read the table of ``contract``: in silver or gold, and no column of it is private.

    IAM cuts no column out of a data file, so that a table with one is not theirs at all.
    """
    return contract.derived and not any(column.private for column in contract.columns)
