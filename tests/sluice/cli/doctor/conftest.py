"""A project, what a synthesis would give for it, and a local AWS that it is looked at with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localaws.server import LocalAws
from sluice.cli import app, assembly
from sluice.cli.starting import start_project

ROLE = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-hnb659fds-%s-role-${AWS::AccountId}-us-east-1"
RESOURCES: dict[str, Any] = {
    "Bronze": {"Type": "AWS::Glue::Database", "Properties": {"DatabaseInput": {"Name": "bronze"}}},
    "Clicks": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "clicks", "ShardCount": 3}},
    "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/aws/vendedlogs/states/shop"}},
    "Group": {"Type": "AWS::Athena::WorkGroup", "Properties": {"Name": "shop-dev"}},
    "Lake": {"Type": "AWS::S3::Bucket", "Properties": {}},
    "Ingest": {"Type": "AWS::Lambda::Function", "Properties": {"MemorySize": 512}},
    "Files": {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {"ScalingConfig": {"MaximumConcurrency": 10}, "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]}},
    },
    "Reads": {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {"ParallelizationFactor": 2, "EventSourceArn": {"Fn::GetAtt": ["Clicks", "Arn"]}},
    },
}


def write_assembly(folder: Path, resources: dict[str, Any]) -> Path:
    """Write a cloud assembly of one stack, as CDK does."""
    folder.mkdir(exist_ok=True)
    (folder / "storage.json").write_text(json.dumps({"Resources": resources}))
    properties = {
        "stackName": "shop-dev-storage",
        "templateFile": "storage.json",
        "stackTemplateAssetObjectUrl": "s3://assets/storage.json",
        "assumeRoleArn": ROLE % "deploy",
        "cloudFormationExecutionRoleArn": ROLE % "cfn-exec",
        "requiresBootstrapStackVersion": 6,
        "bootstrapStackVersionSsmParameter": "/cdk-bootstrap/hnb659fds/version",
        "lookupRole": {"arn": ROLE % "lookup", "requiresBootstrapStackVersion": 8},
    }
    artifacts = {"storage": {"type": "aws:cloudformation:stack", "properties": properties}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


@pytest.fixture(scope="package")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with LocalAws.start(scratch=tmp_path_factory.mktemp("localaws")) as running:
        yield running


def reach(monkeypatch: pytest.MonkeyPatch, endpoint: str, region: str = "us-east-1") -> None:
    """Let this shell ask the endpoint, with the credentials of a local AWS and no others."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    given = {
        "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": region, "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_MAX_ATTEMPTS": "1",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project in the present folder, with a CDK CLI of its own; `RESOURCES` are what is synthesized for it."""
    folder = tmp_path / "shop"
    start_project(folder, empty=False)
    (folder / "node_modules" / ".bin").mkdir(parents=True)
    (folder / "node_modules" / ".bin" / "cdk").touch()
    monkeypatch.chdir(folder)
    declare(monkeypatch, tmp_path, RESOURCES)
    return folder


def declare(monkeypatch: pytest.MonkeyPatch, folder: Path, resources: dict[str, Any]) -> None:
    """Have the synthesis give these resources: what CDK makes of a project is another test's."""
    made = write_assembly(folder / "assembly", resources)
    monkeypatch.setattr(assembly, "synthesize", lambda *_: made)


def doctor(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Give the command; return its status, and each check by its id."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        app(["doctor", "--port", "0", "--json", *options])
    said = capsys.readouterr()
    assert not said.err
    found = json.loads(said.out)
    assert found["well"] == (ended.value.code == 0) == all(each["status"] == "ok" for each in found["checks"])
    assert all(bool(each["next_step"]) == (each["status"] != "ok") for each in found["checks"])
    assert isinstance(ended.value.code, int)
    return ended.value.code, {each["id"]: each for each in found["checks"]}


def less_than_well(found: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return the status of each check that is not ok."""
    return {name: each["status"] for name, each in found.items() if each["status"] != "ok"}
