"""People read through workgroups whose limits they cannot lift."""

from __future__ import annotations

from sluice.project import Project
from tests.infra.templates import Cloud


def test_the_workgroup_enforces_its_configuration(cloud: Cloud) -> None:
    group = cloud.resource("AWS::Athena::WorkGroup", "WorkGroup")
    configuration = group.properties["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["PublishCloudWatchMetricsEnabled"] is True


def test_a_query_of_peoples_roles_names_its_own_place_for_results(cloud: Cloud) -> None:
    group = cloud.resource("AWS::Athena::WorkGroup", "PeopleWorkGroup")
    assert group.properties["Name"] == f"{cloud.environment.title}-people"
    configuration = group.properties["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is False
    assert "ResultConfiguration" not in configuration
    assert configuration["PublishCloudWatchMetricsEnabled"] is True


def test_no_query_scans_more_than_the_limit(cloud: Cloud) -> None:
    for group in cloud.resources("AWS::Athena::WorkGroup"):
        limit = group.properties["WorkGroupConfiguration"]["BytesScannedCutoffPerQuery"]
        assert 10_000_000 <= limit == cloud.environment.scan_limit_bytes <= 1 << 40


def test_results_are_encrypted_with_the_key_of_the_lake(cloud: Cloud) -> None:
    group = cloud.resource("AWS::Athena::WorkGroup", "WorkGroup")
    (key,) = cloud.resources("AWS::KMS::Key")
    result = group.properties["WorkGroupConfiguration"]["ResultConfiguration"]
    assert result["EncryptionConfiguration"] == {"EncryptionOption": "SSE_KMS", "KmsKey": cloud.arn(key)}
    assert result["OutputLocation"] == "s3://Results/athena/"


def test_saved_queries_name_only_contracted_tables(cloud: Cloud, project: Project) -> None:
    from sqlglot import exp, parse_one

    landing = {contract.name for contract in project.contracts if not contract.derived}
    for query in cloud.resources("AWS::Athena::NamedQuery"):
        tables = list(parse_one(query.properties["QueryString"], dialect="athena").find_all(exp.Table))
        assert tables
        assert {table.name for table in tables} <= landing
        assert {table.db for table in tables} == {f"{cloud.environment.database_prefix}quarantine"}
