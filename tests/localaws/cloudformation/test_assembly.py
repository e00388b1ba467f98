from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from localaws.cloudformation.assembly import BOOTSTRAP_PARAMETER, POINTER_ENTRY, publish, read_assembly
from localaws.cloudformation.errors import AssemblyError, UnknownProperty
from localaws.server import LocalAws


def write(directory: Path, artifacts: dict[str, Any], **files: Any) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "manifest.json").write_text(json.dumps({"version": "1", "artifacts": artifacts}))
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    return directory


def stack(name: str, *needs: str) -> dict[str, Any]:
    return {
        "type": "aws:cloudformation:stack",
        "environment": "aws://123456789012/us-east-1",
        "properties": {"templateFile": "t.json", "stackName": name},
        "dependencies": list(needs),
    }


def asset(path: str, packaging: str, key: str) -> dict[str, Any]:
    destination = {"bucketName": "cdk-assets-${AWS::AccountId}-${AWS::Region}", "objectKey": key}
    return {"source": {"path": path, "packaging": packaging}, "destinations": {"d": destination}}


ASSETS = {"type": "cdk:asset-manifest", "properties": {"file": "assets.json"}}


def test_stacks_come_after_the_stacks_they_depend_on_nested_assemblies_too(tmp_path: Path) -> None:
    write(tmp_path / "stage", {"Late": stack("late", "Early"), "Early": stack("early")}, t={"Resources": {}})
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "stage"}}
    tree = {"type": "cdk:tree", "properties": {}}
    write(tmp_path, {"Last": stack("last", "Stage"), "Stage": nested, "Tree": tree}, t={"Resources": {}})
    assert [s.name for s in read_assembly(tmp_path)] == ["early", "late", "last"]


def test_an_unknown_artifact_type_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, {"X": {"type": "cdk:quantum"}})
    with pytest.raises(AssemblyError, match="cdk:quantum"):
        read_assembly(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match=r"manifest\.json does not exist"):
        read_assembly(tmp_path)
    write(tmp_path, {"S": stack("s")})
    with pytest.raises(AssemblyError, match=r"t\.json does not exist"):
        read_assembly(tmp_path)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({"files": {"a": asset("t.json", "tar", "a")}}, "unknown packaging 'tar'"),
        ({"files": {"a": asset("gone", "zip", "a")}}, "gone does not exist"),
        ({"files": {"a": {"source": {"executable": ["x"]}, "destinations": {}}}}, "built by a command"),
        ({"dockerImages": {"img": {}}}, "container images"),
    ],
)
def test_an_asset_that_cannot_be_published_is_refused_by_name(tmp_path: Path, manifest: Any, message: str) -> None:
    write(tmp_path, {"A": ASSETS, "S": stack("s", "A")}, t={"Resources": {}}, assets=manifest)
    with pytest.raises(AssemblyError, match=message):
        read_assembly(tmp_path)


def test_a_directory_is_published_as_a_pointer_and_a_file_as_it_is(local_aws: LocalAws, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    files = {"a": asset("code", "zip", "code.zip"), "b": asset("t.json", "file", "script.json")}
    write(tmp_path, {"A": ASSETS, "S": stack("s", "A")}, t={"Resources": {}}, assets={"files": files})
    publish(local_aws.context, read_assembly(tmp_path)[0].assets)
    s3, bucket = local_aws.context.client("s3"), "cdk-assets-123456789012-us-east-1"
    with zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket=bucket, Key="code.zip")["Body"].read())) as archive:
        assert archive.namelist() == [POINTER_ENTRY]
        assert archive.read(POINTER_ENTRY).decode() == str(tmp_path / "code")
    assert s3.get_object(Bucket=bucket, Key="script.json")["Body"].read() == b'{"Resources": {}}'


def test_the_bootstrap_version_can_be_read(local_aws: LocalAws) -> None:
    assert int(local_aws.context.client("ssm").get_parameter(Name=BOOTSTRAP_PARAMETER)["Parameter"]["Value"]) >= 6


def test_no_stack_is_deployed_when_a_later_one_is_refused(local_aws: LocalAws, tmp_path: Path, stack_name: str) -> None:
    good, bad = stack(f"{stack_name}-good"), stack(f"{stack_name}-bad", "Good")
    bad["properties"]["templateFile"] = "bad.json"
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"Colour": "red"}}
    write(tmp_path, {"Good": good, "Bad": bad}, t={"Resources": {}}, bad={"Resources": {"Q": queue}})
    with pytest.raises(UnknownProperty, match="Colour"):
        local_aws.deploy(tmp_path)
    assert f"{stack_name}-good" not in local_aws.engine.stacks


def test_a_stack_of_another_region_is_refused(local_aws: LocalAws, tmp_path: Path) -> None:
    elsewhere = {**stack("s"), "environment": "aws://123456789012/eu-west-1"}
    with pytest.raises(AssemblyError, match="eu-west-1"):
        local_aws.deploy(write(tmp_path, {"S": elsewhere}, t={"Resources": {}}))


def test_weak_references_between_stacks_resolve(local_aws: LocalAws, tmp_path: Path, stack_name: str) -> None:
    maker, reader = stack(f"{stack_name}-a"), stack(f"{stack_name}-b", "A")
    reader["properties"]["templateFile"] = "b.json"
    weak = {"Fn::GetStackOutput": {"StackName": f"{stack_name}-a", "OutputName": "Arn", "Region": "us-east-1"}}
    write(
        tmp_path,
        {"A": maker, "B": reader},
        t={"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"Arn": {"Value": {"Ref": "T"}}}},
        b={"Resources": {}, "Outputs": {"Same": {"Value": weak}}},
    )
    outputs = local_aws.deploy(tmp_path)
    assert outputs[f"{stack_name}-b"]["Same"] == outputs[f"{stack_name}-a"]["Arn"]
