"""Stacks are brought to what is declared by CloudFormation's own calls; what would be lost is known before."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localaws.server import LocalAws
from sluice.cli import deployment, forgetting
from sluice.cli.change_sets import deployed_template, discard, execute, prepare
from sluice.cli.cloud_assembly import DeclaredStack, declared_stacks, write_zip
from sluice.cli.outdated import lacking, outdated
from sluice.errors import CommandError

pytestmark = pytest.mark.slow

QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 30}}
TOPIC: dict[str, Any] = {"Type": "AWS::SNS::Topic", "Properties": {}}


@pytest.fixture(scope="module")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with LocalAws.start(scratch=tmp_path_factory.mktemp("localaws")) as running:
        deployment.client.cache_clear()
        yield running
    deployment.client.cache_clear()


@dataclass(frozen=True)
class Declared:
    """One stack of a name of its own, whose declarations change."""

    folder: Path
    name: str

    def stacks(self, tags: dict[str, str] | None = None, /, **resources: Any) -> list[DeclaredStack]:
        """Write a cloud assembly of one stack with these resources, and read it."""
        bucket = "cdk-hnb659fds-assets-${AWS::AccountId}-us-east-1"
        key = f"{uuid.uuid4().hex}.json"
        template = {"Resources": resources, "Outputs": {"Name": {"Value": self.name}}}
        destinations = {"here": {"bucketName": bucket, "objectKey": key}}
        assets = {"files": {"t": {"source": {"path": "t.json", "packaging": "file"}, "destinations": destinations}}}
        properties = {
            "templateFile": "t.json",
            "stackTemplateAssetObjectUrl": f"s3://{bucket}/{key}",
            "tags": tags or {},
        }
        artifacts = {
            "a": {"type": "cdk:asset-manifest", "properties": {"file": "a.json"}},
            self.name: {"type": "aws:cloudformation:stack", "dependencies": ["a"], "properties": properties},
        }
        for file, content in (("t.json", template), ("a.json", assets), ("manifest.json", {"artifacts": artifacts})):
            (self.folder / file).write_text(json.dumps(content))
        return declared_stacks(self.folder)

    def deploy(self, tags: dict[str, str] | None = None, /, **resources: Any) -> list[str]:
        """Deploy these resources; return the lines about progress."""
        said: list[str] = []
        for change in prepare(self.stacks(tags, **resources)):
            execute(change, said.append)
        return said


@pytest.fixture
def declared(local_aws: LocalAws, tmp_path: Path) -> Declared:
    return Declared(tmp_path, f"t{uuid.uuid4().hex[:10]}")


def test_a_stack_is_created_and_then_updated_in_place_and_nothing_is_done_where_nothing_differs(
    declared: Declared,
) -> None:
    assert declared.deploy(Queue=QUEUE) == [f"{declared.name}: 1 of 1 resources"]
    sqs = deployment.client("cloudformation").describe_stack_resource
    before = sqs(StackName=declared.name, LogicalResourceId="Queue")["StackResourceDetail"]["PhysicalResourceId"]

    assert declared.deploy(Queue=QUEUE) == []
    longer = QUEUE | {"Properties": {"VisibilityTimeout": 60}}
    (change,) = prepare(declared.stacks(Queue=longer, Topic=TOPIC))
    assert {(each.name, each.action, each.data_lost) for each in change.resources} == {
        ("Topic", "Add", False),
        ("Queue", "Modify", False),
    }
    execute(change, lambda line: None)

    after = sqs(StackName=declared.name, LogicalResourceId="Queue")["StackResourceDetail"]["PhysicalResourceId"]
    assert after == before


def test_another_tag_alone_is_a_change(declared: Declared) -> None:
    declared.deploy(Queue=QUEUE)
    (change,) = prepare(declared.stacks({"team": "sales"}, Queue=QUEUE))
    execute(change, lambda line: None)
    assert prepare(declared.stacks({"team": "sales"}, Queue=QUEUE)) == []


@pytest.mark.parametrize(
    ("now", "lost"),
    [
        ({}, ["Queue"]),
        ({"Queue": QUEUE | {"Properties": {"QueueName": "another"}}}, ["Queue"]),
        ({"Queue": QUEUE | {"DeletionPolicy": "Retain"}}, []),
    ],
)
def test_a_resource_that_holds_data_and_goes_is_known_before_anything_changes(
    declared: Declared, now: dict[str, Any], lost: list[str]
) -> None:
    declared.deploy(Queue=QUEUE, Topic=TOPIC)
    before = deployed_template(declared.name)
    changes = prepare(declared.stacks(Topic=TOPIC, **now))
    assert [each.name for change in changes for each in change.resources if each.data_lost] == lost
    discard(changes)
    assert deployed_template(declared.name) == before


def test_what_retains_its_data_loses_nothing(declared: Declared) -> None:
    kept = QUEUE | {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    declared.deploy(Queue=kept, Topic=TOPIC)
    (change,) = prepare(declared.stacks(Topic=TOPIC))
    assert not any(each.data_lost for each in change.resources)


def test_a_new_stack_that_is_discarded_leaves_nothing(declared: Declared) -> None:
    discard(prepare(declared.stacks(Queue=QUEUE)))
    assert deployed_template(declared.name) is None


def test_a_resource_that_fails_is_named_with_its_reason_and_the_stack_is_as_it_was(declared: Declared) -> None:
    declared.deploy(Queue=QUEUE)
    deployment.client("s3").create_bucket(Bucket=f"{declared.name}-mine")
    taken = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": f"{declared.name}-mine"}}
    with pytest.raises(CommandError, match=rf"{declared.name}/Bucket \(AWS::S3::Bucket\) failed: ") as failed:
        declared.deploy(Queue=QUEUE, Bucket=taken)
    assert "UPDATE_ROLLBACK_COMPLETE" in str(failed.value)
    assert "is as it was before" in failed.value.safe
    assert list((deployed_template(declared.name) or {})["Resources"]) == ["Queue"]
    assert declared.deploy(Queue=QUEUE, Topic=TOPIC) != []  # the next one succeeds


def test_a_template_that_cannot_be_deployed_changes_nothing(declared: Declared) -> None:
    declared.deploy(Queue=QUEUE)
    with pytest.raises(CommandError, match="Nothing was created") as failed:
        declared.deploy(Queue=QUEUE | {"Properties": {"Colour": "red"}})
    assert failed.value.safe == "nothing was deployed or changed."


def test_zips_of_the_same_files_are_the_same_bytes_and_keep_permissions(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "run.sh").write_text("true")
        (tmp_path / name / "inner" / "run.sh").chmod(0o755)
        write_zip(tmp_path / name, tmp_path / f"{name}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_what_a_local_aws_forgets_is_counted_without_what_cdk_put_there(
    local_aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"endpoint": local_aws.endpoint, "secret": "test", "region": "us-east-1"}
    monkeypatch.setattr(forgetting, "running_from", lambda _: found)
    before = counted(forgetting.what_ends(tmp_path))
    s3, glue = deployment.client("s3"), deployment.client("glue")
    s3.create_bucket(Bucket="mine")
    for number in range(3):
        s3.put_object(Bucket="mine", Key=str(number), Body=b"x")
    s3.put_object(Bucket="cdk-hnb659fds-assets-123456789012-us-east-1", Key="an-asset", Body=b"x")
    glue.create_database(DatabaseInput={"Name": "bronze"})
    glue.create_table(DatabaseName="bronze", TableInput={"Name": "visits"})

    tables, objects = counted(forgetting.what_ends(tmp_path))
    assert (tables - before[0], objects - before[1]) == (1, 3)

    found["endpoint"] = "http://127.0.0.1:9"  # nobody answers: it is ended all the same
    assert forgetting.what_ends(tmp_path) == ""


def counted(said: str) -> tuple[int, int]:
    found = re.search(r"forgets (\d+) tables? and (\d+) objects?", said)
    assert found, said
    return int(found[1]), int(found[2])


def test_a_stack_that_reads_from_one_that_was_made_anew_is_updated_though_its_text_is_the_same(
    local_aws: LocalAws, tmp_path: Path
) -> None:
    source, reader = (Declared(tmp_path / name, f"{name}-{uuid.uuid4().hex[:8]}") for name in ("source", "reader"))
    for each in (source, reader):
        each.folder.mkdir()
    made = source.stacks(B={"Type": "AWS::S3::Bucket"})
    template = json.loads((source.folder / "t.json").read_text())
    template["Outputs"]["Bucket"] = {"Value": {"Ref": "B"}}
    (source.folder / "t.json").write_text(json.dumps(template))
    reads = {"Fn::GetStackOutput": {"StackName": source.name, "OutputName": "Bucket"}}
    both = [*made, *reader.stacks(P={"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": reads}})]
    cfn, ssm = local_aws.context.client("cloudformation"), local_aws.context.client("ssm")

    def deploys() -> list[str]:
        changes = prepare(both)
        for change in changes:
            execute(change, lambda line: None)
        return [change.stack.name for change in changes]

    def held() -> str:
        (resource,) = cfn.list_stack_resources(StackName=reader.name)["StackResourceSummaries"]
        return str(ssm.get_parameter(Name=resource["PhysicalResourceId"])["Parameter"]["Value"])

    assert (deploys(), deploys()) == ([source.name, reader.name], [])
    before = held()
    assert outdated(both) == lacking(both) == {}
    cfn.delete_stack(StackName=source.name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=source.name, WaiterConfig={"Delay": 1})
    assert (set(outdated(both)), set(lacking(both))) == (set(), {reader.name})
    assert deploys() == [source.name]
    assert (set(outdated(both)), set(lacking(both))) == ({reader.name}, set())
    assert deploys() == [reader.name]
    assert held() != before
    assert held() in {each["Name"] for each in local_aws.context.client("s3").list_buckets()["Buckets"]}
    assert deploys() == []

    cfn.delete_stack(StackName=source.name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=source.name, WaiterConfig={"Delay": 1})
    assert deploys() == [source.name]
    local_aws.context.client("s3").create_bucket(Bucket=f"{reader.name}-mine")
    taken = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": f"{reader.name}-mine"}}
    right, before = both[1].template.read_text(), held()
    with pytest.raises(CommandError, match="UPDATE_ROLLBACK_COMPLETE"):
        reader.deploy(**both[1].body["Resources"], C=taken)
    both[1].template.write_text(right)
    assert held() == before  # its last update is later than that of what it reads from, and its values are the old ones
    assert deploys() == [reader.name]
    assert held() != before
