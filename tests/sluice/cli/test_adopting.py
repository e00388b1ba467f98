"""What a deleted deployment kept is taken up by stacks of the same names, and nothing else is touched."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.server import LocalAws
from sluice.cli import adopting, deployment
from sluice.cli.change_sets import Published
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


def test_what_was_kept_is_taken_up_and_the_rest_is_left_to_the_deployment(
    cfn: Any, local_aws: LocalAws, tmp_path: Path, name: str
) -> None:
    before = declared(tmp_path, name, Log=bucket(), Old=bucket(), Mine=bucket(), Queue=QUEUE)
    deployed(cfn, before)
    kept = physical_ids(cfn, name)
    deleted(cfn, name)
    logging = {"LoggingConfiguration": {"DestinationBucketName": {"Ref": "Log"}}}
    now = declared(tmp_path, name, Log=bucket(), Mine={**bucket(**logging), "DependsOn": ["Queue"]}, Queue=QUEUE)
    (adoption,) = adopting.found("prod", [now])
    assert {each.logical_id: dict(each.identifier) for each in adoption.kept} == {
        "Log": {"BucketName": kept["Log"]}, "Mine": {"BucketName": kept["Mine"]},
    }  # fmt: skip
    assert adoption.left == (f"Old (AWS::S3::Bucket {kept['Old']})",)
    said: list[str] = []
    adopting.take_up("prod", [adoption], said.append)
    assert said[-1] == f"{name}: 2 of 2 resources"
    assert physical_ids(cfn, name) == {"Log": kept["Log"], "Mine": kept["Mine"]}
    assert cfn.describe_stacks(StackName=name)["Stacks"][0]["Tags"] == [{"Key": "team", "Value": "a"}]
    assert adopting.found("prod", [now]) == []
    cfn.update_stack(StackName=name, TemplateBody=now.template.read_text())
    assert settled(cfn, name) == "UPDATE_COMPLETE"
    assert set(physical_ids(cfn, name)) == {"Log", "Mine", "Queue"}
    logged = local_aws.context.client("s3").get_bucket_logging(Bucket=kept["Mine"])
    assert logged["LoggingEnabled"]["TargetBucket"] == kept["Log"], (
        "what changed meanwhile is brought by the deployment"
    )


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
        (adoption,) = adopting.found("prod", [stack])
        assert [dict(each.identifier) for each in adoption.kept] == [{"BucketName": kept["Log"]}]
        deleted(cfn, name)
    cfn.create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": {"Log": bucket(), "Bad": wrong}}),
        EnableTerminationProtection=True,
    )  # fmt: skip
    assert settled(cfn, name) == "ROLLBACK_COMPLETE"
    (adoption,) = adopting.found("prod", [stack])
    with pytest.raises(CommandError, match="protected from being deleted") as refused:
        adopting.take_up("prod", [adoption], lambda line: None)
    assert f"--no-enable-termination-protection --stack-name {name}" in str(refused.value)
    cfn.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    adopting.take_up("prod", [adoption], lambda line: None)
    assert physical_ids(cfn, name) == kept


def test_one_that_is_gone_is_named_and_can_be_left_out(
    cfn: Any, local_aws: LocalAws, tmp_path: Path, name: str
) -> None:
    stack = declared(tmp_path, name, Log=bucket(), Gone=bucket())
    deployed(cfn, stack)
    kept = physical_ids(cfn, name)
    deleted(cfn, name)
    local_aws.context.client("s3").delete_bucket(Bucket=kept["Gone"])
    (adoption,) = adopting.found("prod", [stack])
    with pytest.raises(CommandError, match=f"{kept['Gone']} does not exist") as refused:
        adopting.take_up("prod", [adoption], lambda line: None)
    assert "--without LOGICAL_ID" in str(refused.value)
    (without,) = adopting.found("prod", [stack], without=["Gone"])
    adopting.take_up("prod", [without], lambda line: None)
    assert physical_ids(cfn, name) == {"Log": kept["Log"]}


def test_one_that_refers_to_what_is_not_left_is_refused_by_name(cfn: Any, tmp_path: Path, name: str) -> None:
    logging = {"LoggingConfiguration": {"DestinationBucketName": {"Fn::Sub": "${Log}"}}}
    stack = declared(tmp_path, name, Log=bucket(), Mine=bucket(**logging))
    deployed(cfn, stack)
    deleted(cfn, name)
    (adoption,) = adopting.found("prod", [stack], without=["Log"])
    with pytest.raises(CommandError, match=r"Mine .* refers to Log") as refused:
        adopting.take_up("prod", [adoption], lambda line: None)
    assert "sluice adopt --without Mine" in str(refused.value)


def test_a_stack_that_stands_or_left_nothing_is_not_touched(cfn: Any, tmp_path: Path, name: str) -> None:
    standing = declared(tmp_path, name, Log=bucket())
    deployed(cfn, standing)
    nothing = declared(tmp_path, f"{name}-2", Queue=QUEUE)
    deployed(cfn, nothing)
    deleted(cfn, nothing.name)
    assert adopting.found("prod", [standing, nothing, declared(tmp_path, f"{name}-3", Log=bucket())]) == []
    with pytest.raises(WrongArgument, match="Nothing is left under the logical id 'Log'"):
        adopting.found("prod", [standing], without=["Log"])


def test_a_type_that_is_not_imported_is_refused_before_anything_is_done(cfn: Any, tmp_path: Path, name: str) -> None:
    queue = {**QUEUE, "DeletionPolicy": "Retain"}
    first, second = declared(tmp_path, name, Log=bucket()), declared(tmp_path, f"{name}-2", Queue=queue)
    for stack in (first, second):
        deployed(cfn, stack)
        deleted(cfn, stack.name)
    both = adopting.found("prod", [first, second])
    with pytest.raises(CommandError, match="of a type that CloudFormation does not import"):
        adopting.take_up("prod", both, lambda line: None)
    assert adopting.found("prod", [first, second]) == both
    assert [each.stack for each in adopting.found("prod", [first, second], without=["Queue"])] == [first]


def test_a_stack_that_is_neither_whole_nor_away_is_told(
    cfn: Any, local_aws: LocalAws, tmp_path: Path, name: str
) -> None:
    stack = declared(tmp_path, name, Log={**bucket(), "DeletionPolicy": "Delete"})
    deployed(cfn, stack)
    (log,) = physical_ids(cfn, name).values()
    local_aws.context.client("s3").put_object(Bucket=log, Key="a", Body=b"a")
    cfn.delete_stack(StackName=name)
    assert settled(cfn, name) == "DELETE_FAILED"
    with pytest.raises(CommandError, match="is DELETE_FAILED"):
        adopting.found("prod", [stack])


def test_an_import_that_was_rolled_back_into_a_whole_stack_leaves_it_standing(
    cfn: Any, tmp_path: Path, name: str
) -> None:
    stack = declared(tmp_path, name, Log=bucket(), More=bucket())
    deployed(cfn, stack)
    deleted(cfn, name)
    (adoption,) = adopting.found("prod", [stack], without=["More"])
    adopting.take_up("prod", [adoption], lambda line: None)
    body = json.dumps({"Resources": {"Log": bucket(), "Gone": bucket()}})
    cfn.create_change_set(
        StackName=name, ChangeSetName="i", ChangeSetType="IMPORT", TemplateBody=body,
        ResourcesToImport=[
            {"ResourceType": "AWS::S3::Bucket", "LogicalResourceId": "Gone",
             "ResourceIdentifier": {"BucketName": f"{name}-never"}}
        ],
    )  # fmt: skip
    cfn.execute_change_set(StackName=name, ChangeSetName="i")
    assert settled(cfn, name) == "IMPORT_ROLLBACK_COMPLETE"
    assert adopting.found("prod", [stack]) == []


def test_a_template_that_no_call_takes_goes_by_its_bucket(cfn: Any, tmp_path: Path, name: str) -> None:
    tags = [{"Key": f"k{number}", "Value": "v" * 200} for number in range(40)]
    many = {f"B{number}": bucket(Tags=tags) for number in range(6)}
    template = tmp_path / "large.json"
    template.write_text(json.dumps({"Resources": many}))
    assert template.stat().st_size > 51_200
    place = "cdk-hnb659fds-assets-${AWS::AccountId}-us-east-1"
    stack = DeclaredStack(name, template, f"s3://{place}/x.json", {}, {}, ())
    given = Published().template(template.read_text(), stack)
    assert list(given) == ["TemplateURL"]
    cfn.create_stack(StackName=name, **given)
    assert settled(cfn, name) == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="51,200"):
        cfn.create_stack(StackName=f"{name}-2", TemplateBody=template.read_text())
    kept = physical_ids(cfn, name)
    deleted(cfn, name)
    adopting.take_up("prod", adopting.found("prod", [stack]), lambda line: None)
    assert physical_ids(cfn, name) == kept
