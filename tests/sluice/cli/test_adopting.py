"""What a deleted deployment kept is taken up by stacks of the same names, and nothing else is touched."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localaws.server import LocalAws
from sluice.cli import adopting, deployment
from sluice.cli.cloud_assembly import DeclaredStack
from sluice.errors import CommandError, WrongArgument
from tests.localaws.cloudformation.test_engine import settled

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with LocalAws.start(scratch=tmp_path_factory.mktemp("localaws")) as running:
        deployment.client.cache_clear()
        yield running
    deployment.client.cache_clear()


@pytest.fixture
def cfn(local_aws: LocalAws) -> Any:
    return local_aws.context.client("cloudformation")


@pytest.fixture
def name() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


def bucket(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": properties}


QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue", "Properties": {}}


def declared(folder: Path, name: str, **resources: Any) -> DeclaredStack:
    template = folder / f"{name}.json"
    template.write_text(json.dumps({"Resources": resources, "Outputs": {"O": {"Value": "x"}}}))
    return DeclaredStack(name, template, "", {}, {"team": "a"}, ())


def deployed(cfn: Any, stack: DeclaredStack) -> None:
    cfn.create_stack(StackName=stack.name, TemplateBody=stack.template.read_text())
    assert settled(cfn, stack.name) == "CREATE_COMPLETE"


def deleted(cfn: Any, name: str) -> None:
    stack_id = cfn.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=stack_id, WaiterConfig={"Delay": 1, "MaxAttempts": 20})


def physical_ids(cfn: Any, name: str) -> dict[str, str]:
    summaries = cfn.list_stack_resources(StackName=name)["StackResourceSummaries"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in summaries}


def test_what_was_kept_is_taken_up_and_the_rest_is_left_to_the_deployment(cfn: Any, tmp_path: Path, name: str) -> None:
    before = declared(tmp_path, name, Log=bucket(), Old=bucket(), Mine=bucket(), Queue=QUEUE)
    deployed(cfn, before)
    kept = physical_ids(cfn, name)
    deleted(cfn, name)
    logging = {"LoggingConfiguration": {"DestinationBucketName": {"Ref": "Log"}}}
    now = declared(tmp_path, name, Log=bucket(), Mine={**bucket(**logging), "DependsOn": ["Queue"]}, Queue=QUEUE)
    (adoption,) = adopting.found([now])
    assert {each.logical_id: dict(each.identifier) for each in adoption.kept} == {
        "Log": {"BucketName": kept["Log"]}, "Mine": {"BucketName": kept["Mine"]},
    }  # fmt: skip
    assert adoption.left == (f"Old (AWS::S3::Bucket {kept['Old']})",)
    said: list[str] = []
    adopting.take_up(adoption, said.append)
    assert said == [f"{name}: 2 resources are taken up"]
    assert physical_ids(cfn, name) == {"Log": kept["Log"], "Mine": kept["Mine"]}
    assert cfn.describe_stacks(StackName=name)["Stacks"][0]["Tags"] == [{"Key": "team", "Value": "a"}]
    assert adopting.found([now]) == []
    cfn.update_stack(StackName=name, TemplateBody=now.template.read_text())
    assert settled(cfn, name) == "UPDATE_COMPLETE"
    assert set(physical_ids(cfn, name)) == {"Log", "Mine", "Queue"}


def test_a_deployment_that_failed_since_is_passed_over(cfn: Any, tmp_path: Path, name: str) -> None:
    """It left an empty bucket under the same logical id, and the rest of itself, which is in the way."""
    stack = declared(tmp_path, name, Log=bucket())
    deployed(cfn, stack)
    kept = physical_ids(cfn, name)
    deleted(cfn, name)
    wrong = {"Type": "AWS::SQS::QueuePolicy", "DependsOn": "Log",
             "Properties": {"Queues": ["http://127.0.0.1/0"], "PolicyDocument": {}}}  # fmt: skip
    for _ in range(2):
        cfn.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Log": bucket(), "Bad": wrong}}))
        assert settled(cfn, name) == "ROLLBACK_COMPLETE"
        (adoption,) = adopting.found([stack])
        assert [dict(each.identifier) for each in adoption.kept] == [{"BucketName": kept["Log"]}]
        deleted(cfn, name)
    cfn.create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": {"Log": bucket(), "Bad": wrong}}),
        EnableTerminationProtection=True,
    )  # fmt: skip
    assert settled(cfn, name) == "ROLLBACK_COMPLETE"
    (adoption,) = adopting.found([stack])
    with pytest.raises(CommandError, match="cannot be deleted") as refused:
        adopting.take_up(adoption, lambda line: None)
    assert f"--no-enable-termination-protection --stack-name {name}" in str(refused.value)
    cfn.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    adopting.take_up(adoption, lambda line: None)
    assert physical_ids(cfn, name) == kept


def test_one_that_is_gone_is_named_and_can_be_left_out(
    cfn: Any, local_aws: LocalAws, tmp_path: Path, name: str
) -> None:
    stack = declared(tmp_path, name, Log=bucket(), Gone=bucket())
    deployed(cfn, stack)
    kept = physical_ids(cfn, name)
    deleted(cfn, name)
    local_aws.context.client("s3").delete_bucket(Bucket=kept["Gone"])
    (adoption,) = adopting.found([stack])
    with pytest.raises(CommandError, match=f"{kept['Gone']} does not exist") as refused:
        adopting.take_up(adoption, lambda line: None)
    assert "--without LOGICAL_ID" in str(refused.value)
    (without,) = adopting.found([stack], without=["Gone"])
    adopting.take_up(without, lambda line: None)
    assert physical_ids(cfn, name) == {"Log": kept["Log"]}


def test_one_that_refers_to_what_is_not_left_is_refused_by_name(cfn: Any, tmp_path: Path, name: str) -> None:
    logging = {"LoggingConfiguration": {"DestinationBucketName": {"Fn::Sub": "${Log}"}}}
    stack = declared(tmp_path, name, Log=bucket(), Mine=bucket(**logging))
    deployed(cfn, stack)
    deleted(cfn, name)
    (adoption,) = adopting.found([stack], without=["Log"])
    with pytest.raises(CommandError, match="Mine refers to Log") as refused:
        adopting.take_up(adoption, lambda line: None)
    assert "sluice adopt --without Mine" in str(refused.value)


def test_a_stack_that_stands_or_left_nothing_is_not_touched(cfn: Any, tmp_path: Path, name: str) -> None:
    standing = declared(tmp_path, name, Log=bucket())
    deployed(cfn, standing)
    nothing = declared(tmp_path, f"{name}-2", Queue=QUEUE)
    deployed(cfn, nothing)
    deleted(cfn, nothing.name)
    assert adopting.found([standing, nothing, declared(tmp_path, f"{name}-3", Log=bucket())]) == []
    with pytest.raises(WrongArgument, match="Nothing is left under the logical id 'Log'"):
        adopting.found([standing], without=["Log"])
