"""Roles for people may do what each does, and nothing else; who takes them is who the environment names."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from infra.bundle import Bundle
from localaws import wildcards
from localaws.iam.policies import parse_of_resource
from sluice.cli.deployment import STACKS
from sluice.environments import NAME_PREFIX
from sluice.errors import WrongArgument
from sluice.pace_items import PARTITION
from sluice.project import Project
from tests.folders import ENVIRONMENTS
from tests.infra.people import hidden
from tests.infra.people_uses import PARTNER, PEOPLE, ROLES, USER_ID, uses_of_people
from tests.infra.permissions import granted, may
from tests.infra.templates import ACCOUNT, Cloud, synthesize
from tests.infra.test_wiring import unused

#: What is denied to each role, whatever else it does: data and rights that are another's work.
NEVER = [
    ("s3:GetObject", "arn:aws:s3:::Landing/orders/2026/a.ndjson"),
    ("s3:GetObject", "arn:aws:s3:::Lake/bronze/orders/data/one"),
    ("s3:GetObject", "arn:aws:s3:::Results/athena/one.csv"),
    ("s3:GetObject", "arn:aws:s3:::Results/people/AROAEXAMPLE:bea/one.csv"),
    ("s3:DeleteObject", "arn:aws:s3:::Lake/silver/orders/data/one"),
    ("s3:PutObject", "arn:aws:s3:::Lake/silver/orders/data/one"),
    ("s3:PutObject", "arn:aws:s3:::Landing/readings/one"),
    ("s3:ListBucket", "arn:aws:s3:::Results"),
    ("glue:UpdateTable", f"arn:aws:glue:us-east-1:{ACCOUNT}:table/silver/orders"),
    ("glue:CreateTable", f"arn:aws:glue:us-east-1:{ACCOUNT}:table/gold/made"),
    ("athena:StartQueryExecution", f"arn:aws:athena:us-east-1:{ACCOUNT}:workgroup/primary"),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/SweepRole"),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/SweepRole"),
    ("lambda:UpdateFunctionCode", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:PlanRefresh"),
]


def asked(cloud: Cloud, action: str, resource: str, *, via: str = "s3") -> dict[str, str]:
    """The condition keys of an example call; a key is used by way of a service."""
    given = {"aws:userid": USER_ID}
    if action.startswith("kms:"):
        given["kms:viaservice"] = f"{via}.{cloud.environment.region}.amazonaws.com"
    if action == "s3:ListBucket" and resource.endswith("Lake"):
        given["s3:prefix"] = "staging/orders/"
    if action == "dynamodb:PutItem":
        given["dynamodb:leadingkeys"] = "orders"
    return given


@pytest.mark.parametrize("role", PEOPLE)
def test_every_use_is_allowed(cloud: Cloud, role: str) -> None:
    uses = sorted(uses_of_people(cloud.environment, role))
    assert [use for use in uses if not may(cloud, f"{role}Role", *use, **asked(cloud, *use))] == []


@pytest.mark.parametrize("role", PEOPLE)
def test_nothing_is_allowed_that_is_not_used(cloud: Cloud, role: str) -> None:
    own = {
        (action, resource.replace(USER_ID, "${aws:userid}"))
        for action, resource in uses_of_people(cloud.environment, role)
    }
    assert unused(cloud, f"{role}Role", own) == []


@pytest.mark.parametrize("role", sorted(ROLES))
def test_no_role_does_anothers_work(cloud: Cloud, role: str) -> None:
    assert granted(cloud, role)
    assert [each for each in NEVER if may(cloud, role, *each, **asked(cloud, *each))] == []


@pytest.mark.parametrize("role", sorted(ROLES))
def test_the_key_is_used_by_a_service_alone(cloud: Cloud, role: str) -> None:
    (key,) = cloud.resources("AWS::KMS::Key")
    assert not may(cloud, role, "kms:Decrypt", cloud.arn(key), **{"kms:viaservice": "ec2.us-east-1.amazonaws.com"})
    assert not may(cloud, role, "kms:Decrypt", cloud.arn(key))


def test_lists_of_the_lake_are_of_what_waits_alone(cloud: Cloud) -> None:
    for role in ("StewardRole", "OperatorRole"):
        for prefix in ("", "silver/", "bronze/orders/data/", "quarantine/"):
            assert not may(cloud, role, "s3:ListBucket", "arn:aws:s3:::Lake", **{"s3:prefix": prefix})
        assert not may(cloud, role, "s3:ListBucket", "arn:aws:s3:::Lake")


def test_a_steward_writes_nothing_of_refreshes_into_the_ledger(cloud: Cloud) -> None:
    ledger = ("dynamodb:PutItem", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/Ledger")
    assert may(cloud, "StewardRole", *ledger, **{"dynamodb:leadingkeys": "orders"})
    assert not may(cloud, "StewardRole", *ledger, **{"dynamodb:leadingkeys": "refresh"})
    assert not may(cloud, "StewardRole", *ledger, **{"dynamodb:leadingkeys": PARTITION})
    assert not may(cloud, "StewardRole", *ledger)


def test_a_producer_delivers_its_dataset_and_no_other(cloud: Cloud) -> None:
    put = "s3:PutObject"
    assert may(cloud, "OrdersProducerRole", put, "arn:aws:s3:::Landing/orders/a/b.ndjson")
    for key in ("order_lines/a.csv", "orders", "ordersx/a", "orders%2Fa", "../orders/a", "/orders/a", "Orders/a"):
        assert not may(cloud, "OrdersProducerRole", put, f"arn:aws:s3:::Landing/{key}"), key
    assert not [action for action, _ in granted(cloud, "OrdersProducerRole") if action.startswith("kinesis:")]
    prefix = cloud.environment.database_prefix
    stream = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{prefix}"
    assert may(cloud, "ClicksProducerRole", "kinesis:PutRecord", f"{stream}clicks")
    assert not may(cloud, "ClicksProducerRole", "kinesis:PutRecord", f"{stream}readings")
    assert not may(cloud, "ClicksProducerRole", "kinesis:GetRecords", f"{stream}clicks")


_PREFIXES = st.from_regex(NAME_PREFIX, fullmatch=True) | st.sampled_from(
    ["sluice", "sluice-dev", "sluice-prod", "sluice-dev-storage", "sluice-dev-x", "sluice-d", "sluic"]
)


@given(prefix=_PREFIXES, name=st.from_regex("[a-z][a-z0-9]{0,15}", fullmatch=True) | st.sampled_from(["dev", "x"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_role_reaches_a_stack_function_or_log_of_another_title(cloud: Cloud, prefix: str, name: str) -> None:
    other = replace(cloud.environment, name_prefix=prefix, name=name).title
    assume(other != cloud.environment.title)
    at = f"{cloud.environment.region}:{ACCOUNT}"
    for part in (*STACKS, "recovery", "streams", "streams1"):
        theirs = (
            ("cloudformation:DescribeStacks", f"arn:aws:cloudformation:{at}:stack/{other}-{part}/id"),
            ("cloudformation:ListStackResources", f"arn:aws:cloudformation:{at}:stack/{other}-{part}/id"),
            ("lambda:GetFunctionConfiguration", f"arn:aws:lambda:{at}:function:{other}-{part}-IngestFile1-x"),
            ("lambda:InvokeFunction", f"arn:aws:lambda:{at}:function:{other}-{part}-IngestFile1-x"),
            ("logs:FilterLogEvents", f"arn:aws:logs:{at}:log-group:{other}-{part}-IngestFileLog1-x:*"),
        )
        allowed = [
            (action, resource)
            for role in ROLES
            for does, pattern in granted(cloud, role)
            for action, resource in theirs
            if does == action and wildcards.matches(pattern, resource)
        ]
        assert allowed == []


@pytest.mark.slow
def test_in_china_the_key_is_used_through_the_s3_of_china(project: Project, bundle: Bundle, tmp_path: Path) -> None:
    cloud = synthesize(replace(ENVIRONMENTS["dev"], region="cn-north-1"), project, bundle, tmp_path)
    policies = [each for each in cloud.resources("AWS::IAM::Policy") if set(each.properties["Roles"]) & ROLES]
    through = [
        statement["Condition"]["StringEquals"]["kms:ViaService"]
        for policy in policies
        for statement in policy.body["Properties"]["PolicyDocument"]["Statement"]
        if "kms:ViaService" in statement.get("Condition", {}).get("StringEquals", {})
    ]
    assert len(through) == 3
    assert all(each == {"Fn::Join": ["", ["s3.cn-north-1.", {"Ref": "AWS::URLSuffix"}]]} for each in through)


def trusted(cloud: Cloud, role: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = cloud.resource("AWS::IAM::Role", role).properties["AssumeRolePolicyDocument"][
        "Statement"
    ]
    return found


def test_a_role_is_taken_by_whom_the_environment_names_else_by_whom_the_account_lets(cloud: Cloud) -> None:
    for role in ROLES - {"OrdersProducerRole"}:
        (statement,) = trusted(cloud, role)
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert statement["Action"] == "sts:AssumeRole"
    (statement,) = trusted(cloud, "OrdersProducerRole")
    assert statement["Principal"] == {"AWS": PARTNER}


@pytest.fixture(scope="module")
def closed(project: Project, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    """An environment whose people are named, of the project with a private column in silver."""
    analysts, stewards, operators = ((f"arn:aws:iam::{ACCOUNT}:role/{name}",) for name in ("ana", "sam", "oli"))
    environment = replace(ENVIRONMENTS["dev"], analysts=analysts, stewards=stewards, operators=operators)
    return synthesize(environment, hidden(project, "session_id"), bundle, tmp_path_factory.mktemp("closed"))


@pytest.mark.slow
def test_a_table_with_a_private_column_is_not_the_analysts(closed: Cloud) -> None:
    for name, there in (("clicks", False), ("orders", True)):
        arn = f"arn:aws:glue:us-east-1:{ACCOUNT}:table/silver/{name}"
        assert may(closed, "AnalystRole", "s3:GetObject", f"arn:aws:s3:::Lake/silver/{name}/data/one") is there
        assert may(closed, "AnalystRole", "glue:GetTable", arn) is there
    for role, field in (("Analyst", "ana"), ("Steward", "sam"), ("Operator", "oli")):
        (statement,) = trusted(closed, f"{role}Role")
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:role/{field}"}
    names = {role.name for role in closed.resources("AWS::IAM::Role")}
    assert not {name for name in names if name.endswith("ProducerRole")}


@pytest.mark.slow
def test_producers_of_what_does_not_arrive_are_refused(project: Project, bundle: Bundle, tmp_path: Path) -> None:
    environment = replace(ENVIRONMENTS["dev"], producers={"customer_orders": ()})
    with pytest.raises(WrongArgument, match="names producers of customer_orders, which is no dataset that arrives"):
        synthesize(environment, project, bundle, tmp_path)


@pytest.mark.slow
def test_more_tables_than_a_role_has_policies_for_are_refused(project: Project, bundle: Bundle, tmp_path: Path) -> None:
    gold = project.contract("gold.customer_orders")
    names = [f"{'a' * 40}_{number}" for number in range(700)]
    tables = tuple(msgspec.structs.replace(gold, name=name) for name in names)
    many = msgspec.structs.replace(project, contracts=(*project.contracts, *tables))
    with pytest.raises(WrongArgument, match=r"The role AnalystRole of .* needs 1[1-9] managed policies") as refused:
        synthesize(ENVIRONMENTS["dev"], many, bundle, tmp_path)
    assert "a project of their own" in refused.value.next_step


def test_nothing_of_another_account_is_let_in_by_a_queue_or_a_function(cloud: Cloud) -> None:
    foreign = "arn:aws:events:us-east-1:444455556666:rule/FileLanded"
    checked = 0
    for policy in cloud.resources("AWS::SQS::QueuePolicy"):
        for statement in parse_of_resource(json.dumps(policy.properties["PolicyDocument"])):
            for queue in cloud.resources("AWS::SQS::Queue"):
                given = {"aws:sourcearn": foreign, "aws:sourceaccount": "444455556666", "aws:securetransport": "true"}
                assert not (statement.allows and statement.applies("sqs:SendMessage", cloud.arn(queue), given))
                checked += 1
    assert checked > 20
    for permission in cloud.resources("AWS::Lambda::Permission"):
        assert f":{ACCOUNT}:" in permission.properties["SourceArn"]
    for policy in cloud.resources("AWS::S3::BucketPolicy", "AWS::KMS::Key"):
        assert "444455556666" not in json.dumps(policy.properties)
