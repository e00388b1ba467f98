"""A refresh now: ``refresh``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sluice.cli.options import Environment, finite

commands = typer.Typer()
_STARTED = "A refresh was started; `sluice runs` shows what it does."


@commands.command()
def refresh(
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when no refresh is due, as `sluice status --wait`.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=0, callback=finite)] = 900.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; docs/reference/status.md has its keys.")
    ] = False,
    env: Environment = "dev",
) -> None:
    """Start a refresh of what is behind (`sluice plan` says what); each change of a table starts one, too."""
    from sluice.cli.commands.status import status
    from sluice.cli.deployment import deployed
    from sluice.cli.planning import start_refresh

    started = start_refresh(deployed(env))
    if wait:
        if not as_json:
            typer.echo(_STARTED)
        status(wait=True, timeout=timeout, as_json=as_json, env=env)
    typer.echo(json.dumps({"started": True, "execution": started}, indent=2) if as_json else _STARTED)
