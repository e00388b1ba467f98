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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError

from localaws.cloudformation.yaml_templates import read_yaml
from sluice.cli.assembly import NODE
from sluice.cli.starting import render
from tests.end_to_end.from_wheel import environment_from_wheel, upgrade
from tests.folders import CACHE, ROOT

REGION = "us-east-1"
REPOSITORY = {"Owner": "owner", "OwnerId": "123456", "Repository": "shop", "RepositoryId": "789012"}
#: What `npm ci` does here: the locked CLI is in the project, and no other may be asked for.
NPM = f"""#!/bin/sh
test "$*" = "ci --ignore-scripts" || {{ echo "npm $*"; exit 1; }}
grep -q '"node_modules/aws-cdk"' package-lock.json && mkdir -p node_modules/.bin
ln -s "{(ROOT / "node_modules/aws-cdk/bin/cdk").resolve()}" node_modules/.bin/cdk
"""
#: `pip install` takes the wheel in the project; the rest is in the environment, which knows no index.
GH = """#!/bin/sh
test "$*" = "api repos/owner/shop/commits/main --jq .sha" && test -n "$GH_TOKEN" && cat "$HOME/head"
"""
PIP = """#!/bin/sh
case "$*" in
  "install --require-hashes -r requirements.lock") grep -q -- '--hash=sha256:' requirements.lock;;
  "install --no-deps --no-index -r requirements.txt")
    grep -q '^./wheels/.*[.]whl$' requirements.txt && ls $(grep '^./wheels/' requirements.txt);;
  check) ;;
  *) echo "pip $*"; exit 1;;
esac
"""


@dataclass
class Runner:
    """What runs the jobs of the workflow: one folder each, commands on the path, and a local AWS for the account."""

    root: Path
    project: Path
    bin: Path
    endpoint: str
    commit: str = "0123abc"
    #: What jobs hand on, by `needs.<job>.outputs.<name>`.
    outputs: dict[str, str] = field(default_factory=dict)

    def workflow(self) -> dict[str, Any]:
        return dict(yaml.load((self.project / ".github/workflows/ci.yml").read_text(), Loader=yaml.BaseLoader))

    def job(self, name: str, roles: Mapping[str, str]) -> str:
        """Run a job's steps in order, each as bash runs it there; return all that they said."""
        job, folder, said = self.workflow()["jobs"][name], self.root / name, ""
        keys: dict[str, str] = {}
        told_on = self.root / "output"
        told_on.write_text("")
        for step in job["steps"]:
            action, given = step.get("uses", "").partition("@")[0], step.get("with", {})
            if action == "actions/checkout":
                shutil.rmtree(folder, ignore_errors=True)
                shutil.copytree(self.project, folder, symlinks=True)
            elif action == "actions/upload-artifact":
                (self.root / "artifacts").mkdir(exist_ok=True)
                (self.root / "artifacts" / given["name"]).write_bytes((folder / given["path"]).read_bytes())
            elif action == "actions/download-artifact":
                (folder / f"{given['name']}.tar").write_bytes((self.root / "artifacts" / given["name"]).read_bytes())
            elif action == "aws-actions/configure-aws-credentials":
                variable = re.fullmatch(r"\$\{\{ vars\.(\w+) \}\}", given["role-to-assume"])
                assert variable is not None
                keys = self.session(roles[variable[1]])
            elif "run" in step:
                named = {key: self.filled(value) for key, value in step.get("env", {}).items()}
                told = {"GITHUB_REPOSITORY": "owner/shop", "GITHUB_SHA": self.commit, "GITHUB_OUTPUT": str(told_on)}
                told |= named
                said += self.shell(step["run"], folder, keys | told)
            else:
                assert action in {"actions/setup-python", "actions/setup-node"}, step
        written = dict(line.split("=", 1) for line in told_on.read_text().splitlines())
        for key, value in job.get("outputs", {}).items():
            (output,) = re.fullmatch(r"\$\{\{ steps\.\w+\.outputs\.(\w+) \}\}", value).groups()  # type: ignore[union-attr]
            self.outputs[f"needs.{name}.outputs.{key}"] = written[output]
        return said

    def filled(self, text: str) -> str:
        """Return a step's variable, in which outputs of other jobs are filled in."""
        return re.sub(r"\$\{\{ (needs\.[\w.]+) \}\}", lambda found: self.outputs[found[1]], text)

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


@pytest.fixture(scope="module")
def runner(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Runner:
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
    for name, text in (("npm", NPM), ("pip", PIP), ("gh", GH)):
        (binaries / name).unlink(missing_ok=True)
        (binaries / name).write_text(text)
        (binaries / name).chmod(0o755)
    (root / "config").write_text(f"[default]\nendpoint_url = {endpoint}\n")
    return Runner(root, project, binaries, endpoint)


def roles_of(runner: Runner, environments: str) -> dict[str, str]:
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
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in {**REPOSITORY, "Provider": provider, "Environments": environments}.items()
        ],
    )
    formation.get_waiter("stack_create_complete").wait(StackName="github", WaiterConfig={"Delay": 1})
    (stack,) = formation.describe_stacks(StackName="github")["Stacks"]
    return {each["Description"].removeprefix("Variable "): each["OutputValue"] for each in stack["Outputs"]}


@pytest.mark.proof
def test_a_change_is_tested_told_merged_and_deployed_by_roles_that_may_do_no_more(runner: Runner) -> None:
    roles = roles_of(runner, "dev")
    assert set(roles) == {"AWS_ROLE_DIFF", "AWS_ROLE_DEV"}
    said = runner.job("test", {})
    assert "passed" in said
    assert "skipped" not in said
    # A first pull request: nothing is deployed yet.
    formation, s3 = runner.client("cloudformation"), runner.client("s3")
    before = [stack["StackName"] for stack in formation.describe_stacks()["Stacks"]]
    assets = f"cdk-hnb659fds-assets-123456789012-{REGION}"
    kept = s3.list_objects_v2(Bucket=assets)["KeyCount"]
    said = runner.job("diff", roles)
    assert "shop-dev-storage" in said
    assert "AWS::S3::Bucket" in said
    # The role of pull requests changes nothing, and reads nothing but stacks of dev and assets.
    keys = runner.session(roles["AWS_ROLE_DIFF"])
    for command in (
        "sluice deploy --account --env dev --assembly build/dev -- --require-approval never",
        "node_modules/.bin/cdk deploy --all --app build/dev --require-approval never",
    ):
        with pytest.raises(AssertionError, match=r"could not be used to assume .*-role-"):
            runner.shell(command, runner.root / "diff", keys)
    own = {name.lower(): value for name, value in keys.items() if name != "AWS_REGION"}
    for name in ("lookup", "deploy", "file-publishing", "cfn-exec"):
        role = f"arn:aws:iam::123456789012:role/cdk-hnb659fds-{name}-role-123456789012-{REGION}"
        with pytest.raises(ClientError, match="AccessDenied"):
            runner.client("sts", **own).assume_role(RoleArn=role, RoleSessionName="attack")
    for service, call, given in (
        ("s3", "list_objects_v2", {"Bucket": assets}),
        ("s3", "put_object", {"Bucket": assets, "Key": "x.zip", "Body": b""}),
        ("cloudformation", "describe_stacks", {"StackName": "github"}),
        ("cloudformation", "get_template", {"StackName": "shop-prod-storage"}),
        ("iam", "get_role", {"RoleName": roles["AWS_ROLE_DEV"].rpartition("/")[2]}),
    ):
        with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
            getattr(runner.client(service, **own), call)(**given)
    assert [stack["StackName"] for stack in formation.describe_stacks()["Stacks"]] == before
    assert s3.list_objects_v2(Bucket=assets)["KeyCount"] == kept
    # It is merged; a run that another commit has overtaken deploys nothing.
    (runner.root / "head").write_text("4567def\n")
    with pytest.raises(AssertionError, match="main is at 4567def by now"):
        runner.job("dev", roles)
    assert [stack["StackName"] for stack in formation.describe_stacks()["Stacks"]] == before
    (runner.root / "head").write_text(f"{runner.commit}\n")
    # What is not what was tested is not deployed: the artifact's seal is another.
    tested = runner.outputs["needs.test.outputs.dev"]
    runner.outputs["needs.test.outputs.dev"] = "0" * 64
    with pytest.raises(AssertionError, match=r"sealed\.json: its digest is \w+, and what was tested is '0000"):
        runner.job("dev", roles)
    assert [stack["StackName"] for stack in formation.describe_stacks()["Stacks"]] == before
    runner.outputs["needs.test.outputs.dev"] = tested
    runner.job("dev", roles)
    now = {stack["StackName"]: stack["StackStatus"] for stack in formation.describe_stacks()["Stacks"]}
    deployed = {name: now[name] for name in now if name not in before}
    assert len(deployed) >= 5
    assert {(name.startswith("shop-dev-"), status) for name, status in deployed.items()} == {(True, "CREATE_COMPLETE")}
    # The same again: what would change now is nothing.
    assert "Number of stacks with differences: 0" in runner.job("diff", roles)


def jobs_of(name: str = "shop") -> dict[str, Any]:
    text = render(name, empty=True)[".github/workflows/ci.yml"]
    return dict(yaml.load(text, Loader=yaml.BaseLoader)["jobs"])


def test_prod_is_deployed_as_dev_is() -> None:
    jobs = jobs_of()
    as_dev = json.loads(json.dumps(jobs["prod"]).replace("PROD", "DEV").replace("prod", "dev"))
    assert {**as_dev, "needs": "test"} == jobs["dev"]
    assert jobs["prod"]["needs"] == ["test", "dev"]


def test_jobs_run_when_they_are_to_and_only_those_with_a_role_get_a_token() -> None:
    jobs = jobs_of()
    assert {name: job.get("if") for name, job in jobs.items()} == {
        "test": None,
        "diff": "github.event_name == 'pull_request' && vars.AWS_ROLE_DIFF",
        "dev": "github.event_name == 'push' && vars.AWS_ROLE_DEV",
        "prod": "github.event_name == 'push' && vars.AWS_ROLE_PROD",
    }
    reads = {"contents": "read"}
    token = {**reads, "id-token": "write"}
    assert {name: job.get("permissions", reads) for name, job in jobs.items()} == {
        "test": reads, "diff": token, "dev": token, "prod": token,
    }  # fmt: skip
    assert [(job.get("environment"), job.get("concurrency")) for job in jobs.values()] == [
        (None, None), (None, None), ("dev", "dev"), ("prod", "prod"),
    ]  # fmt: skip
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "test": None, "diff": "test", "dev": "test", "prod": ["test", "dev"],
    }  # fmt: skip


def claims(job: dict[str, Any], *, immutable: bool = True, **other: str) -> dict[str, str]:
    """Return what GitHub's token says of a job. https://docs.github.com/en/actions/reference/security/oidc"""
    named = {**REPOSITORY, **{name: value for name, value in other.items() if name in REPOSITORY}}
    branch = other.get("ref", "refs/heads/main" if "environment" in job else "refs/pull/7/merge")
    of = "{Owner}@{OwnerId}/{Repository}@{RepositoryId}" if immutable else "{Owner}/{Repository}"
    what = f"environment:{job['environment']}" if "environment" in job else "pull_request"
    return {
        "aud": "sts.amazonaws.com", "repository_id": named["RepositoryId"], "ref": branch,
        "sub": f"repo:{of.format(**named)}:{what}",
    }  # fmt: skip


def trusts(logical: str, token: dict[str, str]) -> bool:
    """Return whether a role of ``infra/github.yaml`` trusts a token: each key that its condition names must agree."""
    template = read_yaml(render("shop", empty=True)["infra/github.yaml"])
    (statement,) = template["Resources"][logical]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert set(statement["Condition"]) == {"StringEquals"}
    wanted = statement["Condition"]["StringEquals"]
    assert {"aud", "sub", "repository_id"} <= {key.partition(":")[2] for key in wanted}

    def filled(value: Any) -> list[str]:
        if isinstance(value, list):
            return [text for each in value for text in filled(each)]
        if isinstance(value, dict):
            ((kind, text),) = value.items()
            text = f"${{{text}}}" if kind == "Ref" else text
            return [re.sub(r"\$\{(\w+)\}", lambda name: REPOSITORY[name[1]], text)]
        return [value]

    return all(token.get(key.partition(":")[2]) in filled(value) for key, value in wanted.items())


@pytest.mark.parametrize("immutable", [True, False])
def test_each_role_trusts_the_job_that_takes_it_on_and_no_other(immutable: bool) -> None:
    jobs = jobs_of()
    of = {"Diff": "diff", "Dev": "dev", "Prod": "prod"}
    for logical, mine in of.items():
        for name in of.values():
            assert trusts(logical, claims(jobs[name], immutable=immutable)) == (mine == name), (logical, name)
        own = jobs[mine]
        # Another repository, also one that got the name later; another owner.
        assert not trusts(logical, claims(own, immutable=immutable, RepositoryId="789013"))
        assert not trusts(logical, claims(own, immutable=immutable, Repository="other"))
        assert not trusts(logical, claims(own, immutable=immutable, Owner="nobody"))
        assert not trusts(logical, {**claims(own, immutable=immutable), "aud": "elsewhere"})
    # A branch that names the environment in a workflow of its own.
    for logical, name in (("Dev", "dev"), ("Prod", "prod")):
        assert not trusts(logical, claims(jobs[name], immutable=immutable, ref="refs/heads/mine"))
        assert not trusts(logical, claims(jobs[name], immutable=immutable, ref="refs/pull/7/merge"))
