"""The local AWS: ``up`` and ``down``."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from sluice.cli.options import Contracts, Data, Environment

commands = typer.Typer()


@commands.command()
def up(  # noqa: PLR0917  options of a command
    port: Annotated[
        int, typer.Option(help="Loopback port that serves all AWS APIs; 0 takes a free one.", min=0, max=65_535)
    ] = 4566,
    contracts: Contracts = None,
    data: Data = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when ready; `sluice down` ends it.")] = False,
    env: Environment = "dev",
    secret: Annotated[
        bool, typer.Option("--secret", help="A secret of this run alone: keeps other users of this machine out.")
    ] = False,
) -> None:
    """Run the synthesized stacks on this machine and stay in the foreground."""
    from sluice.cli import local
    from sluice.folders import needed_project

    here = needed_project(contracts or ())
    folder = data or here.run
    # An end by SIGTERM or by a closed terminal is as orderly as one by Ctrl+C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    run = local.start(port, contracts or [here.contracts], data=folder, environment=env, detached=detach, secret=secret)
    try:
        typer.echo("ready")
        typer.echo(local.who_may(run.secret))
        for line in local.environment_lines(run.endpoint, run.secret, run.region):
            typer.echo(line)
        typer.echo("# Contracts were read once, and buckets and tables last until it ends.")
        if detach:
            return
        code = run.process.wait()
    except KeyboardInterrupt:
        run.process.send_signal(signal.SIGINT)
        code = run.process.wait()
    (folder / "pid").unlink(missing_ok=True)
    if code not in (0, -signal.SIGINT, -signal.SIGTERM):
        typer.echo(f"The local AWS ended with {code}; its log is {folder / 'serve.log'}.", err=True)
    raise typer.Exit(0 if code in (0, -signal.SIGINT, -signal.SIGTERM) else code)


@commands.command()
def down(data: Data = None) -> None:
    """End the local AWS that `sluice up` started; its buckets and tables end with it."""
    from sluice.cli import local
    from sluice.folders import needed_project

    folder = data or needed_project().run
    typer.echo("ended" if local.stop(folder) else f"nothing was running from {folder.resolve()}")
