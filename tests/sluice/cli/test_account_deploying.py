"""An account is deployed to by the CDK CLI: which command is run where, its status, and what is said before it is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError, NoRegionError

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
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep these credentials for the tests after these
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


def deploy(
    shop: Path,
    *options: str,
    dry_run: bool = False,
    contracts: str = "contracts",
    note: Callable[[str], None] = lambda line: None,
) -> int:
    return account_deploying.deploy(
        [shop / contracts], "prod", accept_data_loss=False, dry_run=dry_run, options=list(options), note=note
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


@pytest.mark.parametrize("what", ["outdated", "lacking"])
def test_stacks_that_may_hold_old_values_are_not_passed_over_and_named(
    shop: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    stand_in(shop, "cdk")
    monkeypatch.setattr(account_deploying, what, lambda _: {"shop-prod-ingestion": "reads from another"})
    told: list[str] = []
    assert deploy(shop, note=told.append) == 0
    arguments = json.loads((shop.parent / "said").read_text())["arguments"]
    assert arguments == ["deploy", "--all", "-c", "env=prod", "--force"]
    assert "shop-prod-ingestion: deployed even if its template is the same: it reads from another" in told


def test_nothing_is_forced_where_that_would_roll_a_stack_back_and_that_is_said(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(shop, "cdk")
    monkeypatch.setattr(account_deploying, "outdated", lambda _: {"shop-prod-ingestion": "reads from another"})
    monkeypatch.setattr(account_deploying, "paused", lambda _: {"shop-prod-serving": "UPDATE_FAILED"})
    told: list[str] = []
    assert deploy(shop, note=told.append) == 0
    assert "--force" not in json.loads((shop.parent / "said").read_text())["arguments"]
    (line,) = [each for each in told if each.startswith("shop-prod-ingestion: ")]
    assert "shop-prod-serving is UPDATE_FAILED" in line


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
    (shop / "build" / "manifest.json").write_text(DEV.replace("-dev-", "-prod-"))
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


#: The manifest of an assembly of one stack.
DEV = json.dumps(
    {
        "artifacts": {
            "shop-dev-storage": {
                "type": "aws:cloudformation:stack",
                "properties": {"templateFile": "t.json", "stackTemplateAssetObjectUrl": "s3://x/y"},
            }
        }
    }
)
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


@pytest.mark.slow
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


@pytest.mark.parametrize("shell", [None, "ap-south-1"])
@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:1"])
def test_every_command_asks_in_the_region_of_its_environment_and_a_local_aws_in_its_own(
    shop: Path, monkeypatch: pytest.MonkeyPatch, shell: str | None, endpoint: str | None
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, shell) if shell else monkeypatch.delenv(name)
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.chdir(shop)
    (shop / "environments.yaml").write_text(
        "name_prefix: shop\nenvironments:\n  prod: {region: eu-north-1, keep_data: true}\n"
    )
    asked = []

    def notes(service: str) -> None:
        asked.append(os.environ.get("AWS_REGION"))
        raise NoRegionError

    monkeypatch.setattr(deployment, "client", notes)
    with pytest.raises(CommandError, match="cannot be read"):
        deployment.deployed("prod")
    assert asked == [shell if endpoint else "eu-north-1"]


@pytest.mark.parametrize(("declared", "refused"), [("111122223333", True), ("123456789012", False), ("", False)])
def test_only_the_account_that_is_declared_is_deployed_to_whoever_made_the_assembly(
    shop: Path, monkeypatch: pytest.MonkeyPatch, declared: str, refused: bool
) -> None:
    stand_in(shop, "cdk")
    text = f"name_prefix: shop\nenvironments:\n  prod: {{region: eu-north-1, keep_data: true, account: '{declared}'}}\n"
    (shop / "environments.yaml").write_text(text)

    class Sts:
        def get_caller_identity(self) -> dict[str, str]:
            return {"Account": "123456789012"}

    monkeypatch.setattr(deployment, "client", lambda service: Sts())
    if refused:
        with pytest.raises(CommandError, match="prod belongs to the account 111122223333, the credentials to 1234567"):
            deploy(shop)
        assert not (shop.parent / "said").exists()
    else:
        assert deploy(shop) == 0


@pytest.mark.parametrize(
    ("manifest", "more", "why"),
    [
        (None, (), "is no cloud assembly"),
        ("{}", (), "is no cloud assembly"),
        ("[", (), "is no cloud assembly"),
        ('{"artifacts": {}}', (), "is no assembly of prod: it has no stack"),
        (DEV, (), "is no assembly of prod: it has shop-dev-storage"),
        (DEV, ("--contracts", "contracts"), "exclude each other"),
    ],
)
def test_what_is_no_assembly_of_the_environment_is_wrong_use(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    manifest: str | None, more: tuple[str, ...], why: str,
) -> None:  # fmt: skip
    stand_in(shop, "cdk")
    monkeypatch.chdir(shop)
    (shop / "build").mkdir()
    if manifest is not None:
        (shop / "build" / "manifest.json").write_text(manifest)
    with pytest.raises(SystemExit) as end:
        app(["deploy", "--account", "--env", "prod", "--assembly", "build", *more])
    assert end.value.code == 2
    assert why in " ".join(capsys.readouterr().err.split())
    assert not (shop.parent / "said").exists()
