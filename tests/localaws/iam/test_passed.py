"""Nobody gets more by handing something to a service than by doing it: roles that are passed, stacks that are made."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from localaws.context import Context
from localaws.gateway import operations
from localaws.gateway.calls import Request
from localaws.gateway.operations import MODELS
from localaws.iam.actions import UnknownAction
from localaws.iam.passed import passed
from localaws.iam.policies import allow_everything, parse
from tests.localaws.iam.test_enforcement import Caller, code
from tests.localaws.running import ctx, role  # noqa: F401

CTX = Context(endpoint="http://127.0.0.1:1", scratch=Path("/nowhere"))
ROLE = "arn:aws:iam::123456789012:role/boss"
EVERYTHING = {"Action": "*", "Resource": "*"}


def filled(path: tuple[str, ...]) -> Any:
    if not path:
        return ROLE
    return {"any" if path[0] == "*" else path[0]: filled(path[1:])}


@pytest.mark.parametrize("service", sorted(set(MODELS) - {"sts", "iam"}))
def test_wherever_a_call_names_a_role_it_passes_it(service: str) -> None:
    model = botocore.session.get_session().get_service_model(MODELS[service])
    for action in model.operation_names:
        for path in operations.roles(MODELS[service], action):
            (need,) = passed(CTX, Request(service, action, "x", "us-east-1", filled(path)))
            assert (need.action, need.resources) == ("iam:PassRole", (ROLE,))
            form = Request(service, action, "x", "us-east-1", {".".join(path): ROLE}, protocol="query")
            assert passed(CTX, form)[0].resources == (ROLE,)
            with pytest.raises(UnknownAction):
                passed(CTX, Request(service, action, "x", "us-east-1", protocol="cbor"))


@pytest.mark.parametrize(
    ("service", "action", "path"),
    [
        ("firehose", "CreateDeliveryStream", "ExtendedS3DestinationConfiguration.RoleARN"),
        ("s3", "PutBucketReplication", "ReplicationConfiguration.Role"),
        ("athena", "CreateWorkGroup", "Configuration.ExecutionRole"),
        ("lambda", "CreateFunction", "Role"),
        ("glue", "UpdateJob", "JobUpdate.Role"),
        ("events", "PutTargets", "Targets.RoleArn"),
        ("scheduler", "CreateSchedule", "Target.RoleArn"),
        ("states", "CreateStateMachine", "roleArn"),
        ("cloudformation", "CreateStack", "RoleARN"),
        ("logs", "PutSubscriptionFilter", "roleArn"),
    ],
)
def test_the_models_say_where_roles_are_passed(service: str, action: str, path: str) -> None:
    assert tuple(path.split(".")) in operations.roles(MODELS[service], action)


def test_a_rule_of_replication_needs_leave_to_pass_its_role(ctx: Context) -> None:
    boss = role(ctx, f"r{uuid.uuid4().hex[:8]}", EVERYTHING)
    ctx.client("s3").create_bucket(Bucket="passed")
    ctx.client("s3").put_bucket_versioning(Bucket="passed", VersioningConfiguration={"Status": "Enabled"})
    rule = {"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::passed"}, "ID": "a"}
    asked = {"Bucket": "passed", "ReplicationConfiguration": {"Role": boss, "Rules": [rule]}}
    may = {"Action": "s3:PutReplicationConfiguration", "Resource": "*"}
    assert code(Caller(ctx, may)("s3").put_bucket_replication, **asked) == "AccessDenied"
    passes = {"Action": "iam:PassRole", "Resource": boss}
    assert code(Caller(ctx, may, passes)("s3").put_bucket_replication, **asked) == "ok"


# ---- stacks


def template() -> str:
    trust = {"Version": "2012-10-17", "Statement": []}
    properties = {"RoleName": f"made-{uuid.uuid4().hex[:8]}", "AssumeRolePolicyDocument": trust}
    return json.dumps({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": properties}}})


STACKS = {"Action": ["cloudformation:*", "iam:PassRole"], "Resource": "*"}


@pytest.mark.parametrize(
    "statements",
    [
        [STACKS],
        [{"NotAction": "iam:*", "Resource": "*"}],
        [{"Action": "*", "NotResource": "arn:aws:iam::1:role/x"}],
        [{**EVERYTHING, "Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}}],
        [EVERYTHING, {"Effect": "Deny", "Action": "iam:CreateRole", "Resource": "*"}],
        [{"Action": "*:*", "Resource": "*"}],
    ],
)
def test_who_may_not_do_everything_makes_no_stack(ctx: Context, statements: list[dict[str, Any]]) -> None:
    client, name = Caller(ctx, *statements)("cloudformation"), f"s{uuid.uuid4().hex[:8]}"
    limited = role(ctx, f"r{uuid.uuid4().hex[:8]}", STACKS)
    for extra in ({}, {"RoleARN": limited}, {"RoleARN": "arn:aws:iam::123456789012:role/nobody"}):
        given = {"StackName": name, "TemplateBody": template(), "Capabilities": ["CAPABILITY_NAMED_IAM"], **extra}
        assert code(client.create_stack, **given) == "AccessDenied"
        change = {**given, "ChangeSetName": "c", "ChangeSetType": "CREATE"}
        assert code(client.create_change_set, **change) == "AccessDenied"
        assert code(client.update_stack, **given) == "AccessDenied"
        assert code(client.delete_stack, StackName=name, **extra) == "AccessDenied"
    assert all(stack["StackName"] != name for stack in ctx.client("cloudformation").describe_stacks()["Stacks"])


def test_who_may_do_everything_or_passes_a_role_that_may_makes_stacks(ctx: Context) -> None:
    """As CDK does, whose roles pass one that may do everything."""
    boss = role(ctx, f"r{uuid.uuid4().hex[:8]}", EVERYTHING)
    for statements, extra in (([EVERYTHING], {}), ([STACKS], {"RoleARN": boss})):
        client, name = Caller(ctx, *statements)("cloudformation"), f"s{uuid.uuid4().hex[:8]}"
        given = {"StackName": name, "TemplateBody": template(), "Capabilities": ["CAPABILITY_NAMED_IAM"], **extra}
        assert code(client.create_stack, **given) == "ok"
    no_passing = {"Action": "cloudformation:*", "Resource": "*"}
    given = {"StackName": "x", "TemplateBody": template(), "RoleARN": boss}
    assert code(Caller(ctx, no_passing)("cloudformation").create_stack, **given) == "AccessDenied"


def test_a_stack_is_deleted_with_the_role_that_it_was_made_with_by_who_may_delete_stacks(ctx: Context) -> None:
    """As CDK's deployment role does with one whose first deployment failed, without passing a role."""
    boss, name = role(ctx, f"r{uuid.uuid4().hex[:8]}", EVERYTHING), f"s{uuid.uuid4().hex[:8]}"
    maker, reader = Caller(ctx, STACKS)("cloudformation"), Caller(ctx, {**STACKS, "Action": "cloudformation:List*"})
    given = {"StackName": name, "TemplateBody": template(), "Capabilities": ["CAPABILITY_NAMED_IAM"]}
    assert code(maker.create_stack, **given, RoleARN=boss) == "ok"
    ctx.client("cloudformation").get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    (stack,) = ctx.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    assert stack["RoleARN"] == boss
    assert code(reader("cloudformation").delete_stack, StackName=name) == "AccessDenied"
    assert code(maker.delete_stack, StackName=stack["StackId"]) == "ok"
    gone = ctx.client("cloudformation").get_waiter("stack_delete_complete")
    gone.wait(StackName=stack["StackId"], WaiterConfig={"Delay": 1})
    assert code(maker.create_stack, **given) == "AccessDenied", "another stack of that name has no role"


def test_a_session_policy_takes_the_right_to_make_stacks() -> None:
    narrow = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", **STACKS}})
    assert not allow_everything(parse(narrow))
    assert allow_everything(parse(json.dumps({"Statement": {"Effect": "Allow", **EVERYTHING}})))
    assert not allow_everything(())
