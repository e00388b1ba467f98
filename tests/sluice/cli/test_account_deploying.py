"""An account is deployed to by the CDK CLI: which command is run where, its status, and what is said before it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from sluice.cli import account_deploying, app, deployment
from sluice.cli.declared_changes import TableChange
from sluice.cli.starting import CDK_CLI, start_project
from sluice.environments import read_environments
from sluice.errors import CommandError

STANDS_IN = """#!/usr/bin/env python3
import json, os, sys
said = {"arguments": sys.argv[1:], "cwd": os.getcwd(), "node": os.environ["JSII_NODE"]}
json.dump(said, open(os.environ["SAID"], "w"))
sys.exit(int(os.environ["STATUS"]))
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, credentials of nobody, and a `cdk` on the PATH that notes how it was called."""
    start_project(tmp_path / "shop", empty=False)
    (tmp_path / "bin").mkdir()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("JSII_NODE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "ap-south-1")
    monkeypatch.setenv("SAID", str(tmp_path / "said"))
    monkeypatch.setenv("STATUS", "0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(account_deploying, "synthesize", lambda *_: tmp_path)
    monkeypatch.setattr(account_deploying, "declared_stacks", lambda _: [])
    changes(monkeypatch)
    return tmp_path / "shop"


def changes(monkeypatch: pytest.MonkeyPatch, *tables: TableChange, unread: bool = False) -> None:
    """Have these tables differ from what the account has."""
    monkeypatch.setattr(account_deploying, "changed_tables", lambda *_: (list(tables), unread))


def stand_in(shop: Path, name: str) -> None:
    (shop.parent / "bin" / name).write_text(STANDS_IN)
    (shop.parent / "bin" / name).chmod(0o755)


def deploy(shop: Path, *options: str, dry_run: bool = False, contracts: str = "contracts") -> int:
    return account_deploying.deploy(
        [shop / contracts], "prod", accept_data_loss=False, dry_run=dry_run, options=list(options)
    )


@pytest.mark.parametrize("status", [0, 1, 3])
def test_the_cdk_cli_is_run_in_the_project_and_its_status_is_ours(
    shop: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    stand_in(shop, "cdk")
    monkeypatch.setenv("STATUS", str(status))
    assert deploy(shop, "--require-approval", "never") == status
    said = json.loads((shop.parent / "said").read_text())
    assert said["arguments"] == ["deploy", "--all", "-c", "env=prod", "--require-approval", "never"]
    assert (said["cwd"], said["node"]) == (str(shop), str(account_deploying.NODE))


def test_contracts_elsewhere_are_passed_on_and_a_dry_run_is_a_diff(shop: Path) -> None:
    stand_in(shop, "cdk")
    assert deploy(shop, dry_run=True, contracts="contracts/gold") == 0
    said = json.loads((shop.parent / "said").read_text())["arguments"]
    assert said == ["diff", "-c", "env=prod", "-c", f"contracts={shop / 'contracts' / 'gold'}"]


def test_an_assembly_that_was_made_before_is_looked_at_and_deployed_as_it_is(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(shop, "cdk")
    seen = []
    monkeypatch.setattr(account_deploying, "synthesize", lambda *_: pytest.fail("it was synthesized again"))
    monkeypatch.setattr(account_deploying, "declared_stacks", lambda folder: seen.append(folder) or [])
    monkeypatch.chdir(shop)
    (shop / "build").mkdir()
    with pytest.raises(SystemExit) as end:
        app(["deploy", "--account", "--env", "prod", "--assembly", "build"])
    assert (end.value.code, seen) == (2, [])  # it is none yet
    (shop / "build" / "manifest.json").write_text("{}")
    with pytest.raises(SystemExit) as end:
        app(["deploy", "--account", "--env", "prod", "--assembly", "build"])
    assert (end.value.code, seen) == (0, [Path("build")])
    assert json.loads((shop.parent / "said").read_text())["arguments"] == ["deploy", "--all", "--app", f"{shop}/build"]


def test_without_a_cdk_cli_npx_brings_the_one_that_fits_and_without_either_that_is_said(shop: Path) -> None:
    stand_in(shop, "npx")
    assert deploy(shop) == 0
    assert json.loads((shop.parent / "said").read_text())["arguments"][:2] == ["--yes", f"aws-cdk@{CDK_CLI}"]
    os.environ["PATH"] = str(shop.parent / "nowhere")
    with pytest.raises(CommandError, match="There is no CDK CLI"):
        deploy(shop)


def test_no_credentials_and_a_shell_of_a_local_aws_are_told_before_anything_runs(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(shop, "cdk")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    with pytest.raises(CommandError, match=r"AWS_ENDPOINT_URL is http://127\.0\.0\.1:4566: this shell"):
        deploy(shop)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CommandError, match="There are no AWS credentials") as told:
        deploy(shop)
    assert "aws configure sso" in told.value.next_step
    assert not (shop.parent / "said").exists()


LOST = TableChange("bronze.visits", "column a from int to string", "its values", possible=False)
NEW = TableChange("gold.days", "new table")


@pytest.mark.parametrize("accepted", [False, True])
def test_what_would_be_lost_in_an_account_is_refused_before_the_cdk_cli_runs(
    shop: Path, monkeypatch: pytest.MonkeyPatch, accepted: bool
) -> None:
    stand_in(shop, "cdk")
    changes(monkeypatch, LOST)
    with pytest.raises(CommandError, match=r"bronze\.visits: column a from int to string") as told:
        account_deploying.deploy([shop / "contracts"], "prod", accept_data_loss=accepted, dry_run=False, options=[])
    assert "all rows and files are there" in told.value.safe
    assert not (shop.parent / "said").exists()


@pytest.mark.parametrize(
    ("tables", "unread", "lines"),
    [
        ([LOST, NEW], False, ["bronze.visits: column a from int to string; lost: its values", "gold.days: new table"]),
        ([], True, ["what is deployed cannot be read, so that nobody knows what would be lost."]),
        ([], False, ["No table that is deployed changes."]),
    ],
)
def test_a_dry_run_names_the_tables_and_what_would_be_lost_and_goes_on_to_the_stacks(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    tables: list[TableChange], unread: bool, lines: list[str],
) -> None:  # fmt: skip
    stand_in(shop, "cdk")
    changes(monkeypatch, *tables, unread=unread)
    monkeypatch.chdir(shop)
    with pytest.raises(SystemExit) as end:
        app(["deploy", "--account", "--env", "prod", "--dry-run"])
    assert end.value.code == 0
    assert capfd.readouterr().out.splitlines() == lines
    assert json.loads((shop.parent / "said").read_text())["arguments"][0] == "diff"


def test_the_account_is_asked_in_the_region_of_the_environment_whichever_the_shell_names(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(shop, "cdk")
    asked = []

    def notes(*_: object) -> tuple[list[TableChange], bool]:
        deployment.client.cache_clear()
        asked.append(deployment.client("cloudformation").meta.region_name)
        deployment.client.cache_clear()
        return [], False

    monkeypatch.setattr(account_deploying, "changed_tables", notes)
    declared = read_environments(shop / "environments.yaml")["prod"].region
    assert deploy(shop, dry_run=True) == 0
    assert asked == [declared] != ["ap-south-1"]


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_account_that_cannot_be_asked_is_told_before_the_cdk_cli_runs(
    shop: Path, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    stand_in(shop, "cdk")

    def refuses(*_: object) -> None:
        raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "DescribeStacks")

    monkeypatch.setattr(account_deploying, "changed_tables", refuses)
    with pytest.raises(CommandError, match=r"What is deployed in the account cannot be read: .*expired"):
        deploy(shop, dry_run=dry_run)
    assert not (shop.parent / "said").exists()
