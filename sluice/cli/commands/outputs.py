"""What the stacks are called: ``outputs``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

import typer

from sluice.cli.options import Environment

commands = typer.Typer()


@commands.command()
def outputs(
    name: Annotated[
        str | None, typer.Argument(help="Print the value of this output alone, as of LandingBucketName.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one flat JSON object.")] = False,
    env: Environment = "dev",
) -> None:
    """Print the stacks' outputs: names of buckets, queues, workgroup, workflow."""
    from sluice.cli.deployment import deployed

    found = dict(deployed(env).outputs)
    if name is not None:
        found = {name: _value(found, name)}
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif name is not None:
        typer.echo(found[name])
    else:
        for each, value in sorted(found.items()):
            typer.echo(f"{each:32} {value}")


def _value(found: Mapping[str, str], name: str) -> str:
    if name in found:
        return found[name]
    from sluice.errors import WrongArgument
    from sluice.nearest import did_you_mean

    raise WrongArgument(
        f"The deployed stacks have no output {name[:80]!r};{did_you_mean(name, found)} "
        f"there are: {', '.join(sorted(found))}.",
        next_step="`sluice outputs` shows each with its value.",
        value=name,
    )
