"""A new project's workflow: its shell steps are run as GitHub runs them, with the roles that it takes on, no more.

What GitHub's actions do is done here: a checkout is a copy of the project; what is uploaded loses links and modes; the
role's credentials come from a trust in this account, since no identity provider is here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from sluice.cli.assembly import NODE
from sluice.cli.starting import CDK_CLI, render
from tests.end_to_end.from_wheel import environment_from_wheel, upgrade
from tests.folders import CACHE, ROOT

pytestmark = pytest.mark.slow

REGION = "us-east-1"
#: What `npm install --global` does here: the locked CLI is there, and no other may be asked for.
NPM = f"""#!/bin/sh
test "$*" = "install --global aws-cdk@{CDK_CLI}" || {{ echo "npm $*"; exit 1; }}
printf '#!/bin/sh\\nexec "{NODE}" "{ROOT}/node_modules/.bin/cdk" "$@" --no-notices\\n' > "$(dirname "$0")/cdk"
chmod +x "$(dirname "$0")/cdk"
"""
#: `pip install` takes the wheel in the project; the rest is in the environment, which knows no index.
PIP = """#!/bin/sh
test "$*" = "install -r requirements.txt" || { echo "pip $*"; exit 1; }
grep -q '^./wheels/.*[.]whl$' requirements.txt && ls $(grep '^./wheels/' requirements.txt)
"""


@dataclass
class Runner:
    """What runs the jobs of the workflow: one folder each, commands on the path, and a local AWS for the account."""

    root: Path
    project: Path
    bin: Path
    endpoint: str

    def workflow(self) -> dict[str, Any]:
        return dict(yaml.load((self.project / ".github/workflows/ci.yml").read_text(), Loader=yaml.BaseLoader))

    def job(self, name: str, roles: Mapping[str, str]) -> str:
        """Run a job's steps in order, each as bash runs it there; return all that they said."""
        job, folder, said = self.workflow()["jobs"][name], self.root / name, ""
        keys: dict[str, str] = {}
        for step in job["steps"]:
            action, given = step.get("uses", "").partition("@")[0], step.get("with", {})
            if action == "actions/checkout":
                shutil.copytree(self.project, folder, symlinks=True)
            elif action == "actions/upload-artifact":
                _without_modes(folder / given["path"], self.root / "artifacts" / given["name"])
            elif action == "actions/download-artifact":
                shutil.copytree(self.root / "artifacts" / given["name"], folder / given["path"])
            elif action == "aws-actions/configure-aws-credentials":
                variable = re.fullmatch(r"\$\{\{ vars\.(\w+) \}\}", given["role-to-assume"])
                assert variable is not None
                keys = self.session(roles[variable[1]])
            elif "run" in step:
                said += self.shell(step["run"], folder, keys)
            else:
                assert action in {"actions/setup-python", "actions/setup-node"}, step
        return said

    def shell(self, command: str, folder: Path, keys: Mapping[str, str]) -> str:
        nobody = ("VIRTUAL_ENV", "PYTHONPATH", "JSII_NODE")
        own = {name: value for name, value in os.environ.items() if name not in nobody and not name.startswith("AWS_")}
        given = {
            "PATH": os.pathsep.join([str(self.bin), str(NODE.parent), "/usr/bin", "/bin"]),
            "HOME": str(self.root),
            "CI": "true",
            # No AWS_ENDPOINT_URL, which would be a local AWS's shell: the account itself is elsewhere.
            "AWS_CONFIG_FILE": str(self.root / "config"),
            "AWS_EC2_METADATA_DISABLED": "true",
            **keys,
        }
        done = subprocess.run(
            ["bash", "-e", "-c", command], cwd=folder, env={**own, **given}, capture_output=True, text=True,
            check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return f"$ {command}\n{done.stdout}{done.stderr}"

    def client(self, service: str, **keys: str) -> Any:
        named = keys or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **named)

    def session(self, role: str) -> dict[str, str]:
        """Return the credentials of a role's session, as variables; its trust is extended to this account."""
        iam, name = self.client("iam"), role.rpartition("/")[2]
        trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        ours = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": role.split(":")[4]}}
        document = json.dumps({**trust, "Statement": [*trust["Statement"], ours]})
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)
        made = self.client("sts").assume_role(RoleArn=role, RoleSessionName="workflow")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
            "AWS_SESSION_TOKEN": made["SessionToken"],
            "AWS_REGION": REGION,
        }


def _without_modes(source: Path, target: Path) -> None:
    """Copy a folder as an artifact has it: files alone, each readable, nothing a link."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (target / path.relative_to(source)).write_bytes(path.read_bytes())


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    root = tmp_path_factory.mktemp("deliver")
    wheel, binaries = environment_from_wheel(root)
    subprocess.run([binaries / "sluice", "init", "shop"], cwd=root, check=True, capture_output=True, timeout=60)
    project = root / "shop"
    (project / "wheels").mkdir()
    shutil.copy(wheel, project / "wheels")
    upgrade(binaries, "--reinstall-package", "sluice", "-r", "requirements.txt", folder=project)
    (project / ".sluice" / "cache").mkdir(parents=True)
    for layer in CACHE.glob("layer-*"):  # its wheels are not what is tried here
        (project / ".sluice" / "cache" / layer.name).symlink_to(layer)
    for name, text in (("npm", NPM), ("pip", PIP)):
        (binaries / name).unlink(missing_ok=True)
        (binaries / name).write_text(text)
        (binaries / name).chmod(0o755)
    command = [sys.executable, "-m", "localaws", "serve", "--port", "0", "--with-stdin"]
    command += ["--data", str(root / "data")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout
        endpoint = served.stdout.readline().strip().removeprefix("ready at ")
        assert endpoint.startswith("http://127.0.0.1:"), endpoint
        (root / "config").write_text(f"[default]\nendpoint_url = {endpoint}\n")
        yield Runner(root, project, binaries, endpoint)
        served.terminate()


def roles_of(runner: Runner) -> dict[str, str]:
    """Make the roles of ``infra/github.yaml``, as the page says; return them by the variable that names each."""
    provider = runner.client("iam").create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com", ClientIDList=["sts.amazonaws.com"]
    )["OpenIDConnectProviderArn"]
    formation = runner.client("cloudformation")
    formation.create_stack(
        StackName="github",
        TemplateBody=(runner.project / "infra" / "github.yaml").read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": "Repository", "ParameterValue": "owner/shop"},
            {"ParameterKey": "Provider", "ParameterValue": provider},
        ],
    )
    formation.get_waiter("stack_create_complete").wait(StackName="github", WaiterConfig={"Delay": 1})
    (stack,) = formation.describe_stacks(StackName="github")["Stacks"]
    return {each["Description"].removeprefix("Variable "): each["OutputValue"] for each in stack["Outputs"]}


def test_a_change_is_tested_told_merged_and_deployed_by_roles_that_may_do_no_more(runner: Runner) -> None:
    roles = roles_of(runner)
    assert set(roles) == {"AWS_ROLE_DIFF", "AWS_ROLE_DEV", "AWS_ROLE_PROD"}
    said = runner.job("test", {})
    assert "passed" in said
    assert "skipped" not in said
    # A first pull request: nothing is deployed yet.
    formation = runner.client("cloudformation")
    before = [stack["StackName"] for stack in formation.describe_stacks()["Stacks"]]
    said = runner.job("diff", roles)
    assert "shop-dev-storage" in said
    assert "AWS::S3::Bucket" in said
    assert "could not" not in said
    assert [stack["StackName"] for stack in formation.describe_stacks()["Stacks"]] == before
    said = runner.job("dev", roles)
    now = {stack["StackName"]: stack["StackStatus"] for stack in formation.describe_stacks()["Stacks"]}
    assert {now[name] for name in now if name.startswith("shop-dev-")} == {"CREATE_COMPLETE"}
    assert len([name for name in now if name.startswith("shop-dev-")]) >= 5
    assert not [name for name in now if name.startswith("shop-prod-")]
    # The same again: what would change now is nothing.
    shutil.rmtree(runner.root / "diff")
    assert "Number of stacks with differences: 0" in runner.job("diff", roles)
    # The role of pull requests changes nothing, by no way.
    keys = runner.session(roles["AWS_ROLE_DIFF"])
    for command in (
        "sluice deploy --account --env prod --assembly build/prod -- --require-approval never",
        "cdk deploy --all --app build/prod --require-approval never",
    ):
        with pytest.raises(AssertionError, match=r"could not be used to assume .*-role-"):
            runner.shell(command, runner.root / "diff", keys)
    assert {stack["StackName"] for stack in formation.describe_stacks()["Stacks"]} == now.keys()


def test_prod_is_deployed_as_dev_is() -> None:
    jobs = yaml.load(render("shop", empty=True)[".github/workflows/ci.yml"], Loader=yaml.BaseLoader)["jobs"]
    as_dev = json.loads(json.dumps(jobs["prod"]).replace("PROD", "DEV").replace("prod", "dev"))
    assert as_dev["steps"] == jobs["dev"]["steps"]
    assert (jobs["prod"]["environment"], jobs["prod"]["needs"]) == ("prod", "dev")
