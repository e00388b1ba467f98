"""A refresh now: ``refresh``."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.options import Environment, finite

commands = typer.Typer()


@commands.command()
def refresh(
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when no refresh is due, as `sluice status --wait`.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=0, callback=finite)] = 900.0,
    env: Environment = "dev",
) -> None:
    """Start a refresh of what is behind (`sluice plan` says what); each change of a table starts one, too."""
    from sluice.cli.commands.status import status
    from sluice.cli.deployment import deployed
    from sluice.cli.planning import start_refresh

    start_refresh(deployed(env))
    typer.echo("A refresh was started; `sluice runs` shows what it does.")
    if wait:
        status(wait=True, timeout=timeout, env=env)
