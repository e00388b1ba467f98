"""What a rollback could not delete keeps what it depends on, so that a later attempt can; and there is a way out."""

# ruff: noqa: F811  `function` is a fixture

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from localaws import lambda_runtimes
from localaws.cloudformation.errors import StackFailed, UnknownProperty
from localaws.cloudformation.providers import custom_resource
from localaws.server import LocalAws
from tests.localaws.cloudformation.test_engine import (
    Deploy,
    custom,
    exists,
    function,  # noqa: F401
    parameter,
    settled,
)
from tests.localaws.cloudformation.test_inline import resources


def chain(**properties: Any) -> dict[str, Any]:
    """A custom resource that needs a parameter, which needs another, beside one that nothing needs."""
    return {
        "Alone": parameter("a"),
        "Deep": parameter("d"),
        "Near": parameter({"Ref": "Deep"}),
        "C": {**custom(**properties), "DependsOn": "Near"},
    }


def test_what_a_rollback_could_not_delete_keeps_what_it_depends_on(
    deploy: Deploy, local_aws: LocalAws, stack_name: str, function: list[dict[str, Any]]
) -> None:
    with pytest.raises(StackFailed, match=r"put back .*C: .*died on Delete.*that depends on stays: Deep, Near"):
        deploy(**chain(Dies="yes"))
    stack = local_aws.engine.stacks[stack_name]
    assert (stack.status, set(stack.resources)) == ("ROLLBACK_FAILED", {"C", "Near", "Deep"})
    assert exists(local_aws, stack.resources["Deep"].outcome.physical_id)
    with pytest.raises(StackFailed, match="--retain-resources C"):
        local_aws.engine.delete(stack_name)
    assert (stack.status, set(stack.resources)) == ("DELETE_FAILED", {"C", "Near", "Deep"})


def test_once_its_function_answers_the_same_deployment_succeeds(
    deploy: Deploy,
    local_aws: LocalAws,
    stack_name: str,
    function: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = custom_resource.invoke
    monkeypatch.setattr(custom_resource, "invoke", lambda ctx, token, event: "no SDK")
    with pytest.raises(StackFailed):
        deploy(**chain())
    monkeypatch.setattr(custom_resource, "invoke", answers)
    assert deploy(**chain()).status == "CREATE_COMPLETE"
    assert [event["RequestType"] for event in function] == ["Delete", "Create"]
    local_aws.engine.delete(stack_name)
    assert stack_name not in local_aws.engine.stacks


def test_an_update_that_cannot_be_put_back_keeps_what_the_new_resource_needs(
    deploy: Deploy, local_aws: LocalAws, stack_name: str, function: list[dict[str, Any]]
) -> None:
    deploy(Old=parameter("o"))
    with pytest.raises(StackFailed):
        deploy(Old=parameter("o"), **chain(Dies="yes"))
    stack = local_aws.engine.stacks[stack_name]
    assert (stack.status, set(stack.resources)) == ("UPDATE_ROLLBACK_FAILED", {"C", "Near", "Deep", "Old"})


def test_what_cannot_be_deleted_may_be_left_behind(
    deploy: Deploy, local_aws: LocalAws, stack_name: str, function: list[dict[str, Any]]
) -> None:
    cfn = local_aws.context.client("cloudformation")
    with pytest.raises(StackFailed):
        deploy(**chain(Dies="yes"))
    with pytest.raises(cfn.exceptions.ClientError, match="RetainResources is for stacks that are DELETE_FAILED"):
        cfn.delete_stack(StackName=stack_name, RetainResources=["C"])
    cfn.delete_stack(StackName=stack_name)
    assert settled(cfn, stack_name) == "DELETE_FAILED"
    with pytest.raises(cfn.exceptions.ClientError, match="has no resource Z"):
        cfn.delete_stack(StackName=stack_name, RetainResources=["C", "Z"])
    deep = local_aws.engine.stacks[stack_name].resources["Deep"].outcome.physical_id
    cfn.delete_stack(StackName=stack_name, RetainResources=["C"])
    cfn.get_waiter("stack_delete_complete").wait(StackName=stack_name, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    assert not exists(local_aws, deep)
    skipped = [e.reason for e in local_aws.engine.deleted[-1].events if e.status == "DELETE_SKIPPED"]
    assert skipped == ["RetainResources"]


@pytest.mark.parametrize("runtime", ["nodejs22.x", "python3.13"])
def test_a_missing_sdk_is_told_before_anything_is_made(
    deploy: Deploy, runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(lambda_runtimes.NODE_MODULES, str(tmp_path / "node_modules"))
    made = {name: body for name, body in resources(runtime, "pass").items() if name != "Made"}
    with caplog.at_level(logging.WARNING, "localaws.cloudformation"):
        stack = deploy(**made, Second=made["Function"])
    command = f"npm install --prefix {tmp_path} @aws-sdk/client-"
    told = [stack.events[0].reason or "", caplog.text]
    assert [text.count(command) for text in told] == ([1, 1] if runtime == "nodejs22.x" else [0, 0])


@pytest.mark.parametrize("runtime", ["nodejs16.x", "nodejs19.x", "nodejs99.x", "python3.99"])
def test_a_runtime_that_aws_has_not_is_refused_before_anything_is_made(
    deploy: Deploy, local_aws: LocalAws, stack_name: str, runtime: str
) -> None:
    with pytest.raises(UnknownProperty, match=f"Runtime: {runtime} does not run locally"):
        deploy(**resources(runtime, "pass"))
    assert stack_name not in local_aws.engine.stacks
