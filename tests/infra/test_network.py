"""`vpc` of an environment: every function and the Spark job run in its subnets, with rights that their code has not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from infra.bundle import Bundle
from localaws.cloudformation.errors import UnknownProperty
from localaws.cloudformation.providers import PROVIDERS
from sluice.project import Project
from sluice.vpc import Vpc
from tests.folders import ENVIRONMENTS, ROOT
from tests.infra.nag import accepted, open_findings
from tests.infra.permissions import documents, listed
from tests.infra.templates import ACCOUNT, Cloud, synthesize
from tests.infra.uses import USES

pytestmark = pytest.mark.slow

VPC = Vpc({"subnet-0a1b2c3d": "us-east-1a", "subnet-0a1b2c3e": "us-east-1b"}, ("sg-0a1b2c3d", "sg-0a1b2c3e"))
_AT = f"arn:aws:ec2:us-east-1:{ACCOUNT}"


@pytest.fixture(scope="module")
def placed(project: Project, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    environment = replace(ENVIRONMENTS["prod"], vpc=VPC)
    return synthesize(environment, project, bundle, tmp_path_factory.mktemp("vpc"), nag=True)


def test_every_function_and_the_job_are_in_the_subnets(placed: Cloud) -> None:
    wanted = {"SubnetIds": [*VPC.subnets], "SecurityGroupIds": [*VPC.security_groups]}
    functions = placed.resources("AWS::Lambda::Function")
    assert len(functions) > 5
    for each in functions:
        assert each.properties["VpcConfig"] == wanted, each.name
        assert any("DefaultPolicy" in name for name in each.body["DependsOn"]), "Lambda asks for the rights at once"
    (connection,) = placed.resources("AWS::Glue::Connection")
    assert connection.properties["ConnectionInput"]["PhysicalConnectionRequirements"] == {
        "AvailabilityZone": "us-east-1a", "SubnetId": "subnet-0a1b2c3d", "SecurityGroupIdList": [*VPC.security_groups],
    }  # fmt: skip
    (job,) = placed.resources("AWS::Glue::Job")
    assert job.properties["Connections"] == {"Connections": [connection.name]}


def test_its_rights_name_the_subnets_and_are_not_the_codes(placed: Cloud) -> None:
    groups = [f"{_AT}:security-group/{each}" for each in VPC.security_groups]
    subnets = [f"{_AT}:subnet/{each}" for each in VPC.subnets]
    for function in placed.resources("AWS::Lambda::Function"):
        role = f"{function.name}Role"
        allowed, denied = {}, []
        for statement in (each for document in documents(placed, role) for each in document["Statement"]):
            for action in (each for each in listed(statement["Action"]) if each.startswith("ec2:")):
                if statement["Effect"] == "Deny":
                    assert statement["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}
                    denied.append(action)
                else:
                    allowed[action] = listed(statement["Resource"])
        assert sorted(denied) == sorted(allowed), role
        made = allowed.pop("ec2:CreateNetworkInterface")
        assert sorted(made) == sorted([f"{_AT}:network-interface/*", *subnets, *groups])
        assert {action for action, where in allowed.items() if where == ["*"]} == {
            "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
        }  # fmt: skip


def test_linters_find_nothing_and_nag_finds_what_is_accepted(placed: Cloud, prod: Cloud) -> None:
    from cfnlint.api import lint

    for stack in placed.templates:
        text = (placed.folder / f"sluice-prod-{stack}.template.json").read_text()
        assert [each.rule.id for each in lint(text, regions=["us-east-1"]) if each.rule.id != "W3005"] == [], stack
    assert open_findings(placed) == []
    functions = len(placed.resources("AWS::Lambda::Function"))
    with_it, without = accepted(placed), accepted(prod)
    rule = "NIST.800.53.R5-LambdaInsideVPC"
    assert len([each for each in without if rule in each[2]]) == functions
    assert [each for each in with_it if rule in each[2]] == []
    connected = [each for each in with_it if "network-interface/*" in each[2]]
    assert len(connected) == functions + 1, "each function's role, and the job's"


def test_without_it_nothing_of_a_network_is_in_a_template(prod: Cloud) -> None:
    for stack in prod.templates:
        text = (prod.folder / f"sluice-prod-{stack}.template.json").read_text()
        assert re.findall(r"ec2:|VpcConfig|SparkConnection|SourceFunctionArn", text) == [], stack


def test_the_local_aws_refuses_such_a_function_by_name(placed: Cloud) -> None:
    for each in placed.resources("AWS::Lambda::Function"):
        with pytest.raises(UnknownProperty, match=r"VpcConfig: there is no VPC on one machine"):
            PROVIDERS[each.type].check(each.properties, stack=each.stack, logical_id=each.logical_id)


def test_each_service_that_is_called_from_within_has_its_endpoint_on_the_page() -> None:
    """A key is used by way of a service, which comes to it by itself; streams are read by Lambda, for the function."""
    page = (ROOT / "docs" / "how-to" / "environment.md").read_text()
    listed_there = set(re.findall(r"^\| `([\w-]+)` \| (?:gateway|interface)", page, re.MULTILINE))
    called = {action.partition(":")[0] for uses in USES.values() for action, _ in uses} | {"cloudwatch"}
    assert {{"cloudwatch": "monitoring"}.get(each, each) for each in called - {"kms", "kinesis"}} == listed_there
