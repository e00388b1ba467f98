"""What a deleted deployment left is taken up: ``adopt``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.options import Contracts, Data, Environment

if TYPE_CHECKING:
    from sluice.cli.adopting import Adoption

commands = typer.Typer()


@commands.command()
def adopt(  # noqa: PLR0917  options of a command
    contracts: Contracts = None,
    data: Data = None,
    env: Environment = "dev",
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="LOGICAL_ID", help="Leave this one out, as one that was deleted by hand."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is left, and change nothing.")] = False,
    account: Annotated[
        bool, typer.Option("--account", help="In the account of your AWS credentials, not in a local AWS.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is left as one JSON object.")] = False,
) -> None:
    """Take up what a deleted deployment left: buckets, tables, streams, ledger; deploy after it."""
    from sluice.cli import account_deploying, adopting, deploying, local
    from sluice.cli.console import progress
    from sluice.folders import needed_project

    here = needed_project(contracts or ())
    if account:
        account_deploying.credentials_needed("adopt")
    else:
        folder = data or local.data_folder(here)
        local.adopt_running(folder)
        deploying.endpoint_needed(folder, "adopt")
    note = progress()
    note("synthesizing")
    left = adopting.found(env, adopting.declared(contracts or [here.contracts], env), without=without or ())
    if not as_json:
        for adoption in left:
            _say(adoption)
    if not dry_run:
        adopting.take_up(env, left, note)
    if as_json:
        told = {"adopted": bool(left) and not dry_run, "stacks": [adoption.as_data() for adoption in left]}
        typer.echo(json.dumps(told, indent=2))
    elif not left:
        typer.echo(f"Nothing to take up of {env}: each of its stacks stands, or left nothing when it was deleted.")
    elif dry_run:
        typer.echo("Nothing was changed; without --dry-run it is taken up.")
    else:
        typer.echo(f"Taken up. Now deploy: `sluice deploy --env {env}{' --account' if account else ''}`.")


def _say(adoption: Adoption) -> None:
    typer.echo(f"{adoption.stack.name}, deleted {adoption.deleted}, left:")
    for each in adoption.kept:
        typer.echo(f"  {each.logical_id:32} {each.type:24} {each.physical_id}")
    for other in adoption.left:
        typer.echo(f"  {other}: no longer declared, stays as it is")
