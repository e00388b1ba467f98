"""The stack that holds data: buckets, key, ledger, catalog databases and the contracted tables."""

from __future__ import annotations

from aws_cdk import CfnOutput, CustomResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from sluice.environments import Environment
from sluice.project import Project
from sluice.redelivery import STAGING_DAYS

from . import grants
from .bundle import Bundle
from .functions import dependencies, python_function
from .keys import let_services_in
from .removal import of_filled, of_named

DATABASES = {
    "bronze": "Records as delivered, typed by contract, append-only.",
    "silver": "Clean and conformed: one row per key.",
    "gold": "What people ask for.",
    "quarantine": "Records that broke their contract, with the reasons.",
}


class StorageStack(Stack):
    """Buckets, key, ledger, databases, tables."""

    def __init__(
        self, scope: Construct, name: str, *, environment: Environment, project: Project, bundle: Bundle
    ) -> None:
        super().__init__(
            scope,
            name,
            env={"region": environment.region},
            description="Sluice: data",
            termination_protection=environment.keep_data,
        )
        self.environment_ = environment
        removal, named = of_filled(environment), of_named(environment)
        self.key = kms.Key(self, "Key", enable_key_rotation=True, removal_policy=named, description="Sluice's data")
        #: That of all else that can be encrypted; None where AWS's own are taken.
        self.own_key = let_services_in(self.key, environment) if environment.customer_key else None
        self.logs = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            removal_policy=removal,
            lifecycle_rules=[s3.LifecycleRule(id="expire", expiration=Duration.days(90))],
        )
        self.landing = self._bucket("Landing", removal, versioned=True, noncurrent_days=30)
        self.lake = self._bucket(
            "Lake",
            removal,
            versioned=environment.keep_data,
            noncurrent_days=7,
            expire_days=STAGING_DAYS,
            expire_below="staging/",
        )
        self.results = self._bucket("Results", removal, versioned=False, expire_days=30)
        landing = self.landing.node.default_child
        assert isinstance(landing, s3.CfnBucket)
        # As a property of the bucket; the L2 switch would bring a custom resource of CDK's own.
        landing.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        self.ledger = dynamodb.Table(
            self,
            "Ledger",
            partition_key=dynamodb.Attribute(name="dataset", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="entry", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED
            if self.own_key
            else dynamodb.TableEncryption.AWS_MANAGED,
            encryption_key=self.own_key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=named,
        )
        databases = [
            glue.CfnDatabase(
                self,
                f"{name.title()}Database",
                catalog_id=self.account,
                database_input=glue.CfnDatabase.DatabaseInputProperty(
                    name=f"{environment.database_prefix}{name}", description=about
                ),
            )
            for name, about in DATABASES.items()
        ]
        for database in databases:
            database.apply_removal_policy(named)
        layer = dependencies(self, bundle)
        tables = self._tables(project, bundle, layer, databases)
        if not environment.keep_data:
            # There before anything is written, so that a first deployment that fails finds its buckets emptied.
            tables.node.add_dependency(self._contents(bundle, layer))
        CfnOutput(self, "LandingBucketName", value=self.landing.bucket_name)
        CfnOutput(self, "LakeBucketName", value=self.lake.bucket_name)
        CfnOutput(self, "ResultsBucketName", value=self.results.bucket_name)
        CfnOutput(self, "LedgerTableName", value=self.ledger.table_name)
        CfnOutput(self, "DatabasePrefix", value=environment.database_prefix or "-")

    def variables(self) -> dict[str, str]:
        """Return the environment variables about the storage that every function has."""
        return {
            "SLUICE_LANDING_BUCKET": self.landing.bucket_name,
            "SLUICE_LAKE_BUCKET": self.lake.bucket_name,
            "SLUICE_LEDGER_TABLE": self.ledger.table_name,
            "SLUICE_DATABASE_PREFIX": self.environment_.database_prefix,
        }

    def folders(self, *databases: str) -> list[str]:
        """Return the lake's prefixes under which the tables of ``databases`` lie."""
        return [f"{self.environment_.database_prefix}{database}/" for database in databases]

    def catalog_arns(self, *databases: str) -> list[str]:
        """Return the Glue resources that a call about tables of ``databases`` is checked against."""
        tables = [arn.replace(":database/", ":table/", 1) + "/*" for arn in self.database_arns(*databases)[1:]]
        return self.database_arns(*databases) + tables

    def database_arns(self, *databases: str) -> list[str]:
        """Return the Glue resources that a call about ``databases`` themselves is checked against."""
        names = [f"{self.environment_.database_prefix}{database}" for database in databases]
        glue_arn = f"arn:{self.partition}:glue:{self.region}:{self.account}"
        return [f"{glue_arn}:catalog", *(f"{glue_arn}:database/{name}" for name in names)]

    def _bucket(
        self,
        name: str,
        removal: RemovalPolicy,
        *,
        versioned: bool,
        noncurrent_days: int | None = None,
        expire_days: int | None = None,
        expire_below: str | None = None,
    ) -> s3.Bucket:
        rules = [s3.LifecycleRule(id="unfinished-uploads", abort_incomplete_multipart_upload_after=Duration.days(2))]
        if noncurrent_days:
            rules.append(
                s3.LifecycleRule(id="old-versions", noncurrent_version_expiration=Duration.days(noncurrent_days))
            )
        if expire_days:
            rules.append(s3.LifecycleRule(id="expire", prefix=expire_below, expiration=Duration.days(expire_days)))
        return s3.Bucket(
            self,
            name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=versioned,
            server_access_logs_bucket=self.logs,
            server_access_logs_prefix=f"{name.lower()}/",
            removal_policy=removal,
            lifecycle_rules=rules,
        )

    def _tables(
        self, project: Project, bundle: Bundle, layer: lambda_.LayerVersion, databases: list[glue.CfnDatabase]
    ) -> CustomResource:
        """Make the contracted tables through the Iceberg API, as part of the deployment."""
        function = python_function(
            self,
            "manage_tables",
            bundle=bundle,
            layer=layer,
            environment=self.environment_,
            variables=self.variables(),
            memory=1024,
            timeout=Duration.minutes(15),
            description="Creates and evolves the contracted tables",
            key=self.own_key,
        )
        role = function.role
        assert role is not None
        metadata = [f"{folder}*/metadata/" for folder in self.folders(*DATABASES)]
        grants.read_objects(role, self.lake, *metadata, key=self.key)
        grants.write_objects(role, self.lake, "messages/", *metadata, key=self.key)
        grants.delete_objects(role, self.lake, *metadata)
        grants.list_bucket(role, self.lake)
        tables = ["glue:GetTable", "glue:GetTables", "glue:CreateTable", "glue:UpdateTable"]
        grants.allow(role, tables, self.catalog_arns(*DATABASES))
        contracted = CustomResource(
            self,
            "Tables",
            service_token=function.function_arn,
            resource_type="Custom::SluiceTables",
            service_timeout=Duration.minutes(16),
            removal_policy=RemovalPolicy.RETAIN,
            properties={"Contracts": project.contracts_fingerprint},
        )
        for database in databases:
            contracted.node.add_dependency(database)
        contracted.node.add_dependency(role)
        return contracted

    def _contents(self, bundle: Bundle, layer: lambda_.LayerVersion) -> CustomResource:
        """Empty the buckets when this stack is deleted: CloudFormation deletes no bucket that holds something."""
        function = python_function(
            self,
            "empty_buckets",
            bundle=bundle,
            layer=layer,
            environment=self.environment_,
            variables={},
            memory=512,
            timeout=Duration.minutes(15),
            description="Empties the buckets when the stack is deleted",
            key=self.own_key,
        )
        role = function.role
        assert role is not None
        # The access log comes last, since what is done in the others is written to it.
        buckets = [self.landing, self.lake, self.results, self.logs]
        whole = ["s3:ListBucketVersions", "s3:GetBucketPolicy", "s3:PutBucketPolicy"]
        grants.allow(role, whole, [bucket.bucket_arn for bucket in buckets])
        versions = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
        grants.allow(role, versions, [bucket.arn_for_objects("*") for bucket in buckets])
        grants.allow(role, ["cloudformation:DescribeStacks"], [self.stack_id])
        contents = CustomResource(
            self,
            "Contents",
            service_token=function.function_arn,
            resource_type="Custom::SluiceContents",
            service_timeout=Duration.minutes(16),
            properties={"Buckets": [bucket.bucket_name for bucket in buckets]},
        )
        contents.node.add_dependency(role)
        return contents
