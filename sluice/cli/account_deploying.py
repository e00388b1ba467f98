"""`sluice deploy --account`: the project's own CDK CLI deploys to the account of the credentials."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from sluice.cli.assembly import NODE, synthesize
from sluice.cli.cloud_assembly import declared_stacks
from sluice.cli.deploying import UNREAD, Outcome, changed_tables, refuse_losses
from sluice.cli.deployment import in_region_of, refuse_other_account
from sluice.cli.given_up import given_up
from sluice.cli.outdated import lacking, outdated, paused
from sluice.cli.starting import CDK_CLI
from sluice.environments import declared_environment
from sluice.errors import CommandError
from sluice.folders import ProjectFolder, needed_project


def deploy(
    contracts: list[Path],
    environment: str,
    *,
    accept_data_loss: bool,
    dry_run: bool,
    options: list[str],
    assembly: Path | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> int:
    """Run `cdk deploy` of all stacks, or with ``dry_run`` `cdk diff`, and return its exit status.

    The stacks are those of the ``assembly`` where one is given, else what is declared now. ``note`` gets a line for
    each table that changes, with what would be lost, before. Raise ``CommandError`` where no credentials or no CDK CLI
    are, where what is deployed cannot be asked for, and unless it is a ``dry_run`` for tables that would lose data.
    """
    project = needed_project(contracts)
    command = [*cdk_command(project), *(["diff"] if dry_run else ["deploy", "--all"])]
    command += ["--app", str(assembly.resolve())] if assembly else ["-c", f"env={environment}"]
    if assembly is None and contracts != [project.contracts]:
        command += ["-c", f"contracts={','.join(str(path.resolve()) for path in contracts)}"]
    credentials_needed()
    found, stale, stopped = _differences(project, assembly or synthesize(contracts, environment), environment)
    for line in (*_told(found), *_told_of_stale(stale, stopped)):
        note(line)
    if not dry_run:
        _refuse_losses(found, accepted=accept_data_loss)
        if stale and not stopped:  # the CLI passes over a stack whose text is the same, whatever it reads from others
            command.append("--force")
    return subprocess.run(
        [*command, *options], cwd=project.root, env={"JSII_NODE": str(NODE), **os.environ}, check=False
    ).returncode


def cdk_command(project: ProjectFolder) -> list[str]:
    """Return how the CDK CLI is called: the one that the project locks, one on the PATH, or what npx brings."""
    locked = project.root / "node_modules" / ".bin" / "cdk"
    if locked.is_file():
        return [str(NODE), str(locked)]
    if found := shutil.which("cdk"):
        return [found]
    if found := shutil.which("npx"):
        return [found, "--yes", f"aws-cdk@{CDK_CLI}"]
    raise CommandError(
        f"There is no CDK CLI: neither {locked} nor `cdk` or `npx` on the PATH.",
        safe="nothing was deployed or changed.",
        next_step=f"install Node, which brings npx, or `npm install aws-cdk@{CDK_CLI}` in the project's folder.",
        file=str(locked),
    )


def credentials_needed(command: str = "deploy") -> None:
    """Raise ``CommandError`` where the shell talks to an endpoint, or to no account."""
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        raise CommandError(
            f"AWS_ENDPOINT_URL is {endpoint}: this shell talks to that, and to no account.",
            safe="nothing was deployed or changed.",
            next_step=f"`sluice {command}` without --account is done there; in a shell without it --account is.",
            value=endpoint,
        )
    if boto3.Session().get_credentials() is None:
        raise CommandError(
            "There are no AWS credentials in this shell.",
            safe="nothing was deployed or changed.",
            next_step="`aws configure sso` or `aws login`, or set AWS_PROFILE; then `aws sts get-caller-identity`.",
            value=os.environ.get("AWS_PROFILE", ""),
        )


def _differences(
    project: ProjectFolder, assembly: Path, environment: str
) -> tuple[Outcome, dict[str, str], dict[str, str]]:
    """Return what changes of tables; stacks that may hold old values of others, and why; and those left half done."""
    stacks = declared_stacks(assembly)
    try:
        refuse_other_account(in_region_of(declared_environment(project.environments, environment)))
        tables, unread = changed_tables(project, stacks, environment)
        less, stale, stopped = given_up(stacks), outdated(stacks) | lacking(stacks), paused(stacks)
    except (ClientError, BotoCoreError) as error:
        raise CommandError(
            f"What is deployed in the account cannot be read: {error}",
            safe="nothing was deployed or changed.",
            next_step="mend the credentials: `aws sts get-caller-identity` says whose they are.",
            value=environment,
        ) from error
    return Outcome([], tables, unread, given_up=less), stale, stopped


def _told(found: Outcome) -> list[str]:
    """Return a line for each table that changes; also when none does, so that the look is seen."""
    if found.unread:
        return [f"{UNREAD}."]
    lines = [f"{each.table}: {each.what}" + (f"; lost: {each.loses}" if each.loses else "") for each in found.tables]
    lines += found.given_up
    return lines or ["No table that is deployed changes."]


def _told_of_stale(stale: dict[str, str], stopped: dict[str, str]) -> list[str]:
    """Return a line for each stack that is deployed though its text is the same, or why it is not."""
    if not stopped:
        return [f"{name}: deployed even if its template is the same: it {why}" for name, why in sorted(stale.items())]
    states = ", ".join(f"{name} is {status}" for name, status in sorted(stopped.items()))
    return [
        f"{name}: not deployed if its template is the same, though it {why}: {states}, which --force would roll back "
        "unasked. Deploy again when that is done."
        for name, why in sorted(stale.items())
    ]


def _refuse_losses(found: Outcome, *, accepted: bool) -> None:
    impossible = [each for each in found.tables if not each.possible]
    if accepted and impossible:
        raise CommandError(
            f"{impossible[0].table}: {impossible[0].what}: no deployment can do that, and no table of an account is "
            "dropped from here.",
            safe="nothing was deployed or changed; all rows and files are there.",
            next_step="add a column with a new name, or drop the table yourself and deploy again.",
            dataset=impossible[0].table,
        )
    refuse_losses(found, accepted=accepted)
