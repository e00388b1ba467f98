"""What the stacks are called: ``outputs``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sluice.cli.options import Environment

commands = typer.Typer()


@commands.command()
def outputs(
    as_json: Annotated[bool, typer.Option("--json", help="Print one flat JSON object.")] = False,
    env: Environment = "dev",
) -> None:
    """Print the stacks' outputs: names of buckets, queues, workgroup, workflow."""
    from sluice.cli.deployment import deployed

    found = dict(deployed(env).outputs)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for name, value in sorted(found.items()):
        typer.echo(f"{name:32} {value}")
