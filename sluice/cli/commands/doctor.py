"""This machine and an account, before a deployment: ``doctor``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.options import Contracts, Data, Environment

if TYPE_CHECKING:
    from sluice.cli.doctor.checks import Check

commands = typer.Typer()


@commands.command()
def doctor(
    *,
    env: Environment = "dev",
    account: Annotated[
        bool,
        typer.Option("--account", help="Look at the account of your AWS credentials, too; nothing is changed in it."),
    ] = False,
    contracts: Contracts = None,
    data: Data = None,
    port: Annotated[
        int, typer.Option(help="Port that `sluice up` is to listen on; 0 takes a free one.", min=0, max=65_535)
    ] = 4566,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; docs/how-to/before-you-deploy.md has its keys.")
    ] = False,
) -> None:
    """Look at this machine, or with --account at an account, before you deploy; say what to do about what is found."""
    from sluice.cli.console import progress
    from sluice.cli.doctor import laptop
    from sluice.cli.doctor.checks import all_well, make
    from sluice.environments import declared_environment
    from sluice.errors import EnvironmentRefused
    from sluice.folders import meant_project, needed_project

    folders = list(contracts or ())
    here = needed_project(folders) if account else meant_project(folders)
    declared = broken = None
    try:
        declared = declared_environment(here.environments, env) if here else None
    except EnvironmentRefused as error:
        broken = error
    note = progress()
    found = make(laptop.questions(here, folders, env, data, port), note)
    if account and here:
        from sluice.cli.doctor.in_account import Examination, no_environment

        if declared:
            found += Examination(here, folders or [here.contracts], declared, note).checks()
        elif broken:
            found.append(no_environment(broken))
    note("")
    say(found, env, account=account, as_json=as_json)
    if not all_well(found):
        raise typer.Exit(1)


def say(found: list[Check], env: str, *, account: bool, as_json: bool) -> None:
    """Print each check with what was found and, where it is not ok, what to do."""
    from sluice.cli.doctor.checks import all_well

    if as_json:
        whole = {"well": all_well(found), "environment": env, "account": account}
        typer.echo(json.dumps({**whole, "checks": [check.as_data() for check in found]}, indent=2))
        return
    for check in found:
        typer.echo(f"{check.finding.status:8} {check.id}: {check.finding.found}")
        if check.finding.next_step:
            typer.echo(f"{'':8} Next: {check.finding.next_step}")
    less = [check.id for check in found if check.finding.status != "ok"]
    typer.echo(f"Not all is well: {', '.join(less)}." if less else f"All is well: {len(found)} checks.")
