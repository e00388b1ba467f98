"""A derived table left alone for a while: ``pause`` and ``resume``."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from sluice.cli.options import Environment, derived_table

commands = typer.Typer()
Table = Annotated[str, typer.Argument(help="Derived table, e.g. gold.daily_sales.", callback=derived_table)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object; docs/reference/status.md has its keys.")]


@commands.command()
def pause(*, table: Table, as_json: AsJson = False, env: Environment = "dev") -> None:
    """Let refreshes leave a derived table as it is; what is made from it goes on from its present rows."""
    from sluice.cli import planning
    from sluice.cli.deployment import deployed

    _print(planning.pause(deployed(env), table), as_json)


@commands.command()
def resume(*, table: Table, as_json: AsJson = False, env: Environment = "dev") -> None:
    """End a table's pause, and start a refresh."""
    from sluice.cli import planning
    from sluice.cli.deployment import deployed

    _print(planning.resume(deployed(env), table), as_json)


def _print(done: dict[str, Any], as_json: bool) -> None:
    told = done.pop("told")
    typer.echo(json.dumps(done, indent=2) if as_json else told)
