"""The stack for people: Athena workgroups with a scan limit, example queries, and the roles of those who use them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_athena as athena
from constructs import Construct

from sluice.confined import quoted
from sluice.contracts import Contract
from sluice.environments import Environment
from sluice.project import Project

from .ingestion import IngestionStack
from .people import People
from .processing import ProcessingStack
from .recovery import RecoveryStack
from .streams import StreamsStack


class ServingStack(Stack):
    """Athena workgroup and named queries."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        project: Project,
        ingestion: IngestionStack,
        processing: ProcessingStack,
        streams: Sequence[StreamsStack],
        recovery: RecoveryStack,
    ) -> None:
        super().__init__(scope, name, env={"region": environment.region}, description="Sluice: how people read")
        self.environment_, storage = environment, ingestion.storage
        group = self._workgroup(
            "WorkGroup",
            environment.title,
            "Queries over the lake, with a scan limit",
            results=athena.CfnWorkGroup.ResultConfigurationProperty(
                output_location=f"s3://{storage.results.bucket_name}/athena/",
                encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                    encryption_option="SSE_KMS", kms_key=storage.key.key_arn
                ),
            ),
        )
        for title, database, sql in _queries(project, environment):
            query = athena.CfnNamedQuery(
                self,
                f"Query{title}",
                database=database,
                name=title,
                description=title,
                query_string=sql,
                work_group=group.name,
            )
            query.add_resource_dependency(group)
        CfnOutput(self, "AthenaWorkGroupName", value=group.name)
        # A workgroup has one place for results, and each session writes to its own: so each query names it.
        asking = self._workgroup(
            "PeopleWorkGroup", f"{environment.title}-people", "Queries of people's roles, each with its own results"
        )
        CfnOutput(self, "PeopleWorkGroupName", value=asking.name)
        People(self, asking, environment, project, storage, ingestion, processing, streams, recovery).add()

    def _workgroup(
        self,
        construct: str,
        name: str,
        about: str,
        *,
        results: athena.CfnWorkGroup.ResultConfigurationProperty | None = None,
    ) -> athena.CfnWorkGroup:
        """Return a workgroup with the environment's scan limit; with ``results`` a query names no other place."""
        environment = self.environment_
        return athena.CfnWorkGroup(
            self,
            construct,
            name=name,
            description=about,
            recursive_delete_option=not environment.keep_data,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=results is not None,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=environment.scan_limit_bytes,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=results,
            ),
        )


def _queries(project: Project, environment: Environment) -> list[tuple[str, str, str]]:
    """Return a few queries that answer what people ask first; how many does not grow with the contracts."""
    prefix = environment.database_prefix
    landing = project.arriving
    return (
        [("QuarantineByReason", f"{prefix}quarantine", _quarantine_by_reason(landing[:_SHOWN], prefix))]
        if landing
        else []
    )


_SHOWN = 25


def _quarantine_by_reason(contracts: Iterable[Contract], prefix: str) -> str:
    parts = [
        f"SELECT '{c.name}' AS dataset, reason, count(*) AS records "
        f"FROM {quoted(f'{prefix}quarantine.{c.name}')} GROUP BY reason"
        for c in contracts
    ]
    return "\nUNION ALL\n".join(parts) + "\nORDER BY dataset, records DESC"
