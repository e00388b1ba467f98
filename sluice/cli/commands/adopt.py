"""What a deleted deployment left is taken up: ``adopt``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.options import Contracts, Environment

if TYPE_CHECKING:
    from sluice.cli.adopting import Adoption

commands = typer.Typer()


@commands.command()
def adopt(
    contracts: Contracts = None,
    env: Environment = "dev",
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="LOGICAL_ID", help="Leave this one out, as one that was deleted by hand."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is left, and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is left as one JSON object.")] = False,
) -> None:
    """Take up what a deleted deployment left: buckets, tables, streams, ledger; deploy after it."""
    from sluice.cli import adopting
    from sluice.cli.console import progress
    from sluice.folders import needed_project

    folders = contracts or [needed_project(()).contracts]
    note = progress()
    note("synthesizing")
    left = adopting.found(adopting.declared(folders, env), without=without or ())
    if not as_json:
        for adoption in left:
            _say(adoption)
    if not dry_run:
        for adoption in left:
            adopting.take_up(adoption, note if as_json else typer.echo)
    if as_json:
        told = {"adopted": bool(left) and not dry_run, "stacks": [adoption.as_data() for adoption in left]}
        typer.echo(json.dumps(told, indent=2))
    elif not left:
        typer.echo(f"Nothing to take up of {env}: each of its stacks stands, or left nothing when it was deleted.")
    elif dry_run:
        typer.echo("Nothing was changed; without --dry-run it is taken up.")
    else:
        typer.echo(f"Now deploy: `sluice deploy --env {env}` where AWS_ENDPOINT_URL is set, else with --account.")


def _say(adoption: Adoption) -> None:
    typer.echo(f"{adoption.stack.name}, deleted {adoption.deleted}, left:")
    for each in adoption.kept:
        typer.echo(f"  {each.logical_id:32} {each.type:24} {' '.join(each.identifier.values())}")
    for other in adoption.left:
        typer.echo(f"  {other}: stays as it is; it is no longer declared, or CloudFormation does not import its type")
