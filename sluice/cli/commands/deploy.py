"""What is declared now comes to what is deployed: ``deploy``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.options import Contracts, Data, Environment

if TYPE_CHECKING:
    from sluice.cli.deploying import Outcome

commands = typer.Typer()


@commands.command()
def deploy(  # noqa: PLR0917  options of a command
    contracts: Contracts = None,
    data: Data = None,
    env: Environment = "dev",
    accept_data_loss: Annotated[
        bool, typer.Option("--accept-data-loss", help="Deploy also what loses data, as the summary says.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    account: Annotated[
        bool, typer.Option("--account", help="Deploy to the account of your AWS credentials, with the CDK CLI.")
    ] = False,
    assembly: Annotated[
        Path | None,
        typer.Option("--assembly", help="Deploy this cloud assembly, made by `cdk synth --output`, as it is."),
    ] = None,
    sealed: Annotated[
        str | None,
        typer.Option("--sealed", help="The digest of `sluice seal`, which the --assembly must still have."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what changed as one JSON object.")] = False,
    cdk: Annotated[
        list[str] | None, typer.Argument(help="After --: further options of `cdk deploy`, with --account.")
    ] = None,
) -> None:
    """Bring the local AWS that runs, or with --account an AWS account, to what is declared now; data are kept."""
    from sluice.cli import account_deploying, deploying, local
    from sluice.cli.console import progress
    from sluice.cli.sealing import check_seal
    from sluice.cli.standing import Standing
    from sluice.folders import needed_project

    here = needed_project(contracts or ())
    folders = contracts or [here.contracts]
    if sealed is not None and assembly is None:
        raise typer.BadParameter("--sealed says what an --assembly must be, and there is none")
    if assembly:
        _refuse_assembly(assembly, env, bool(contracts))
        check_seal(assembly, sealed)
    if account:
        raise typer.Exit(
            account_deploying.deploy(
                folders,
                env,
                accept_data_loss=accept_data_loss,
                dry_run=dry_run,
                options=cdk or [],
                assembly=assembly,
                note=lambda line: None if as_json else typer.echo(line),
            )
        )
    if cdk:
        raise typer.BadParameter("options of `cdk deploy` go with --account")
    folder = data or local.data_folder(here)
    owner = local.adopt_running(folder)
    deploying.endpoint_needed(folder)
    outcome = deploying.deploy(
        folders,
        env,
        accept_data_loss=accept_data_loss,
        dry_run=dry_run,
        note=progress(),
        show=lambda found: None if as_json else say(found),
        standing=Standing(folder, owner) if owner else None,
        assembly=assembly,
    )
    if as_json:
        typer.echo(json.dumps(outcome.as_data(), indent=2))
    elif outcome.deployed:
        took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in outcome.seconds.items())
        typer.echo(f"Deployed ({took}). A refresh of what is made of it was started; `sluice status` shows it.")
    elif dry_run and outcome.stacks:
        typer.echo("Nothing was changed; without --dry-run it is deployed.")


def _refuse_assembly(assembly: Path, env: str, contracts: bool) -> None:
    """Raise ``typer.BadParameter`` for a folder that holds no assembly, or that of another environment."""
    from sluice.cli.cloud_assembly import declared_stacks

    if contracts:
        raise typer.BadParameter("an assembly has its own contracts: --contracts and --assembly exclude each other")
    try:
        names = [stack.name for stack in declared_stacks(assembly)]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise typer.BadParameter(f"{assembly} is no cloud assembly: its manifest.json cannot be read") from error
    if not any(name.endswith(f"-{env}-storage") for name in names):
        raise typer.BadParameter(f"{assembly} is no assembly of {env}: it has {', '.join(names) or 'no stack'}")


def say(outcome: Outcome) -> None:
    """Print what changes, by table and by stack."""
    for name in outcome.left:
        delete = f"aws cloudformation delete-stack --stack-name {name}"
        typer.echo(f"{name}: no longer declared; it stays, with what is in it: `{delete}` deletes it")
    if not outcome.stacks:
        typer.echo("Nothing to deploy: what runs is what is declared.")
        return
    for table in outcome.tables:
        typer.echo(f"{table.table}: {table.what}")
    for stack in outcome.stacks:
        counts = {"Add": 0, "Modify": 0, "Remove": 0}
        for resource in stack.resources:
            counts[resource.action] += 1
        words = zip(("added", "changed", "removed"), counts.values(), strict=True)
        told = ", ".join(f"{count} {word}" for word, count in words if count)
        typer.echo(f"{stack.stack.name}: {'new stack, ' if stack.new else ''}{told or 'tags'}")
