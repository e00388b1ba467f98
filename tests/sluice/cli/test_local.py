"""Starting a local AWS: a port that is taken is told before anything starts, and a start that fails leaves nothing."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sluice.cli import deployment, local, local_access
from sluice.cli.send import progress_bar
from sluice.cli.starting import start_project
from sluice.errors import CommandError
from sluice.folders import ProjectFolder, present_project


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {port} cannot be listened on: Address already in use") as told:
            local.start(port, [], data=tmp_path / "aws", environment="dev", detached=True)
    assert told.value.safe == "nothing was started."
    assert "sluice up --port 0" in told.value.next_step
    assert not (tmp_path / "aws").exists()


@pytest.mark.parametrize("failing", ["synthesize", "_wait_until_ready", "_remember"])
def test_a_start_that_fails_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def sleeper(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        started.append(popen([sys.executable, "-c", "import time; time.sleep(60)"], **options))
        return started[0]

    def fails(*arguments: Any, **named: Any) -> Any:
        raise CommandError("failed on purpose")

    (tmp_path / "assembly").mkdir()
    monkeypatch.setattr(local.subprocess, "Popen", sleeper)
    monkeypatch.setattr(local, "assembly_folder", lambda *_: tmp_path / "assembly")
    monkeypatch.setattr(local, "synthesize", lambda *_, **__: tmp_path / "assembly")
    monkeypatch.setattr(local, "_wait_until_ready", lambda *_: None)
    monkeypatch.setattr(local, failing, fails)
    with pytest.raises(CommandError, match="failed on purpose"):
        local.start(0, [], data=tmp_path / "aws", environment="dev", detached=False)
    (process,) = started
    if process.stdin:
        process.stdin.close()
    assert process.poll() is not None
    assert not (tmp_path / "aws" / "pid").exists()


def test_the_local_aws_gets_ready_while_the_stacks_are_synthesized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told where the assembly will be, and who writes it: it ends with that process."""
    told: list[list[str]] = []

    class Ended(Exception):
        pass

    def begun(command: list[str], **_: Any) -> Any:
        told.append(command)
        return subprocess.Popen([sys.executable, "-c", ""])

    def synthesizes(*_: Any, folder: Path) -> None:
        assert [str(folder), str(os.getpid())] == [
            told[0][told[0].index(o) + 1] for o in ("--assembly", "--await-from")
        ]
        raise Ended

    monkeypatch.setattr(local, "subprocess", SimpleNamespace(Popen=begun, DEVNULL=subprocess.DEVNULL))
    monkeypatch.setattr(local, "_end", lambda process: process.wait())
    monkeypatch.setattr(local, "assembly_folder", lambda *_: tmp_path / "assembly")
    monkeypatch.setattr(local, "synthesize", synthesizes)
    with pytest.raises(Ended):
        local.start(0, [], data=tmp_path / "aws", environment="dev", detached=True)


def deploy(monkeypatch: pytest.MonkeyPatch, *stacks: str) -> None:
    """Have these stacks there, each with an output that all have, whose value is its own name."""

    class Stacks:
        def get_paginator(self, _: str) -> Stacks:
            return self

        def paginate(self) -> list[dict[str, Any]]:
            published = {"OutputKey": "PublishOutputX", "OutputValue": "x"}
            said = {name: [{"OutputKey": "LandingBucketName", "OutputValue": name}, published] for name in stacks}
            return [
                {
                    "Stacks": [
                        {"StackName": name, "StackStatus": "UPDATE_COMPLETE", "Outputs": outputs}
                        for name, outputs in said.items()
                    ]
                }
            ]

    monkeypatch.setattr(deployment, "client", lambda _: Stacks())


def stacks(*titles: str) -> list[str]:
    return [f"{title}-{part}" for title in titles for part in deployment.STACKS]


def test_an_environment_that_is_not_there_is_told_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(monkeypatch, *stacks("sluice-dev", "sluice-prod"), "other-storage", "sluice-half-storage")
    assert deployment.deployed("dev").outputs == {"LandingBucketName": "sluice-dev-serving"}
    with pytest.raises(CommandError, match=r"There is no environment foo here; deployed: dev, prod\."):
        deployment.deployed("foo")
    with pytest.raises(CommandError, match=r"There is no stack sluice-half-ingestion, sluice-half-processing, "):
        deployment.deployed("half")


def test_who_may_not_list_stacks_reads_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [*stacks("sluice-dev"), "sluice-dev-streams", "sluice-dev-streams1"]
    asked = []

    class Stacks:
        def get_paginator(self, _: str) -> Any:
            return self

        def paginate(self) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "DescribeStacks")

        def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 (boto3's name)
            asked.append(StackName)
            if StackName not in there:
                error = {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}
                raise ClientError({"Error": error}, "DescribeStacks")
            output = {"OutputKey": f"Name{len(asked)}", "OutputValue": StackName}
            return {"Stacks": [{"StackName": StackName, "StackStatus": "CREATE_COMPLETE", "Outputs": [output]}]}

    monkeypatch.setattr(deployment, "client", lambda _: Stacks())
    assert sorted(deployment.deployed("dev").outputs.values()) == sorted(there)
    assert sorted(deployment.deployed("dev").stacks) == sorted(there)
    asked.clear()
    deployment.deployed("dev")
    assert asked == [*stacks("sluice-dev"), "sluice-dev-recovery", *(f"sluice-dev-streams{n}" for n in ("", 1, 2))]
    with pytest.raises(CommandError, match="There is no stack sluice-prod-storage, "):
        deployment.deployed("prod")
    monkeypatch.setattr(deployment, "meant_project", lambda _: None)
    with pytest.raises(CommandError, match=r"The stacks of dev cannot be read: .* not authorized") as outside:
        deployment.deployed("dev")
    assert outside.value.next_step.startswith("give the command in the project's folder")


@pytest.mark.parametrize(
    "other", ["sluice-dev-prod-storage", "sluice-dev-own", "sluice-dev-streams-mine", "sluice-dev-storages"]
)
def test_outputs_are_those_of_this_deployments_stacks_alone(monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    ours = [*stacks("sluice-dev"), "sluice-dev-recovery", "sluice-dev-streams", "sluice-dev-streams12"]
    deploy(monkeypatch, *ours, other, "xsluice-dev-storage")  # the last one with an output of the name wins
    assert deployment.deployed("dev").outputs == {"LandingBucketName": "sluice-dev-streams12"}


def test_a_progress_bar_shows_nothing_before_something_moved(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    console = Console(force_terminal=True)
    with pytest.raises(CommandError), progress_bar(console, "orders"):
        raise CommandError("no such stream")
    assert capsys.readouterr().out == ""
    with progress_bar(console, "orders") as move:
        move(3, 1, 1)
    assert "orders: 3 records" in capsys.readouterr().out


def test_outside_of_a_project_the_only_one_that_is_deployed_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(*names: str) -> dict[str, dict[str, str]]:
        return {name: {"StackStatus": "CREATE_COMPLETE"} for name in names}

    one, other = stacks("shop-dev"), stacks("site-dev")
    here = present_project()
    assert deployment._name_prefix(made(*one, "shop-prod-storage"), "dev", here) == "sluice"  # as this repository says
    monkeypatch.chdir(tmp_path)
    # A stack of somebody else's is none of Sluice's for its name alone.
    assert deployment._name_prefix(made(*one, *stacks("site-prod"), "mine-dev-storage"), "dev", None) == "shop"
    assert deployment._name_prefix({}, "dev", None) == "sluice"
    with pytest.raises(CommandError, match=r"The projects shop, site are deployed here, and .* is in none") as told:
        deployment._name_prefix(made(*one, *other), "dev", None)
    assert "in the folder of the project that is meant" in told.value.next_step
    with pytest.raises(CommandError, match=r"There is no environment foo here; deployed: dev, prod\."):
        deployment._name_prefix(made(*one, *stacks("shop-prod")), "foo", None)


def test_what_is_deployed_is_of_the_project_that_the_contracts_are_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_project(tmp_path / "shop", empty=True)
    deploy(monkeypatch, *stacks("shop-dev", "sluice-dev"))
    found = [deployment.deployed("dev", given).outputs for given in ([tmp_path / "shop" / "contracts"], [tmp_path], ())]
    ours = {"LandingBucketName": "sluice-dev-serving"}
    assert found == [{"LandingBucketName": "shop-dev-serving"}, ours, ours]


@pytest.mark.parametrize(("given", "region"), [(None, "eu-central-1"), ("us-west-2", "us-west-2")])
def test_the_region_of_a_local_aws_is_that_of_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, region: str
) -> None:
    start_project(tmp_path / "shop", empty=True)
    monkeypatch.chdir(tmp_path / "shop")
    endpoint, data = "http://127.0.0.1:4599", tmp_path / "aws"
    data.mkdir()
    access = {"endpoint": endpoint, "region": "eu-central-1", "secret": "own", "token": "t"}
    (data / "access.json").write_text(json.dumps(access))
    project = present_project()
    assert project is not None
    assert local._remember(endpoint, data, project) == "own"
    with monkeypatch.context() as environment:
        for line in local_access.environment_lines(endpoint):
            environment.delenv(line.removeprefix("export ").partition("=")[0], raising=False)
        environment.setenv("AWS_ENDPOINT_URL", endpoint)
        if given:
            environment.setenv("AWS_REGION", given)
        environment.setattr(os, "environ", dict(os.environ))
        local_access.adopt()
        assert (os.environ["AWS_REGION"], os.environ["AWS_SECRET_ACCESS_KEY"]) == (region, "own")


def test_a_port_that_this_projects_local_aws_has_is_told_with_what_to_do(tmp_path: Path) -> None:
    start_project(tmp_path / "shop", empty=False)
    project = ProjectFolder(tmp_path / "shop")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        endpoint = f"http://127.0.0.1:{other.getsockname()[1]}"
        (tmp_path / "aws").mkdir()
        (tmp_path / "aws" / "access.json").write_text(json.dumps({"endpoint": endpoint, "secret": "s"}))
        local._remember(endpoint, tmp_path / "aws", project)
        with pytest.raises(CommandError, match="This project's own local AWS runs there: `sluice deploy`"):
            local.free_port(other.getsockname()[1], project)


def test_the_data_folder_is_that_of_the_local_aws_at_the_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = ProjectFolder(tmp_path / "project")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "access.json").write_text(json.dumps({"endpoint": "http://127.0.0.1:9", "secret": "s"}))
    local._remember("http://127.0.0.1:9", elsewhere, project)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9/")
    assert local.data_folder(project) == elsewhere.resolve()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:10")  # of another project
    assert local.data_folder(project) == project.run
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert local.data_folder(project) == project.run


def test_another_start_from_the_same_folder_names_the_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pid").write_text("7")
    (tmp_path / "access.json").write_text(json.dumps({"endpoint": "http://127.0.0.1:9", "secret": "s", "region": "r"}))
    monkeypatch.setattr(local, "is_local_aws", lambda pid: pid == 7)
    with pytest.raises(CommandError, match=r"already runs from .* at http://127\.0\.0\.1:9 \(process 7\)") as told:
        local.start(0, [], data=tmp_path, environment="dev", detached=True)
    assert "sluice deploy" in told.value.next_step
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "")
    assert local.adopt_running(tmp_path) == 7
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:10")  # a shell that talks to another one means that
    assert local.adopt_running(tmp_path) is None


@pytest.mark.parametrize(
    ("region", "more", "named"),
    [
        ("us-east-1", "vpc: {subnets: {subnet-0a1b2c3d: us-east-1a}, security_groups: [sg-0a1b2c3d]}", "`vpc`"),
        ("cn-north-1", "log_days: 7", "`region`: cn-north-1 is of the partition aws-cn"),
        ("us-gov-west-1", "log_days: 7", "`region`: us-gov-west-1 is of the partition aws-us-gov"),
    ],
)
def test_what_cannot_be_on_one_machine_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, region: str, more: str, named: str
) -> None:
    declared = f"name_prefix: shop\nenvironments:\n  dev:\n    region: {region}\n    keep_data: false\n    {more}\n"
    (tmp_path / "environments.yaml").write_text(declared)
    (tmp_path / "cdk.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match=re.escape(f"environments.yaml: dev: {named}")) as told:
        local.start(0, [], data=tmp_path / "run", environment="dev", detached=True)
    assert told.value.safe == "nothing was started."
