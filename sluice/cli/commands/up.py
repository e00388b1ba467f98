"""The local AWS: ``up`` and ``down``."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.options import Contracts, Data, Environment

if TYPE_CHECKING:
    from sluice.cli.local import LocalRun

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
    watch: Annotated[bool, typer.Option("--watch", help="Deploy again, in place, each time a file is saved.")] = False,
) -> None:
    """Run the synthesized stacks on this machine and stay in the foreground."""
    from sluice.cli import local, local_access
    from sluice.cli.console import progress
    from sluice.folders import needed_project

    if watch and detach:
        raise typer.BadParameter("--watch stays in the foreground, and --detach does not")
    here = needed_project(contracts or ())
    folder = data or here.run
    # An end by SIGTERM or by a closed terminal is as orderly as one by Ctrl+C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    folders = contracts or [here.contracts]
    note = progress()
    try:
        run = local.start(port, folders, data=folder, environment=env, detached=detach, secret=secret, note=note)
    except KeyboardInterrupt:
        typer.echo("Ended before it was ready.", err=True)
        raise typer.Exit(130) from None
    finally:
        note("")
    try:
        took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in run.seconds.items())
        typer.echo(f"Ready after {sum(run.seconds.values()):.1f} s: {took}.", err=True)
        typer.echo("ready")
        typer.echo(local_access.who_may(run.secret))
        for line in local_access.environment_lines(run.endpoint, run.secret, run.region):
            typer.echo(line)
        typer.echo("# `sluice deploy` brings it to what is declared then; buckets and tables last until it ends.")
        if detach:
            return
        if watch:
            _watch(run, folders, folder, env)
        code = run.process.wait()
    except KeyboardInterrupt:
        run.process.send_signal(signal.SIGINT)
        code = run.process.wait()
    (folder / "pid").unlink(missing_ok=True)
    if code not in (0, -signal.SIGINT, -signal.SIGTERM):
        typer.echo(f"The local AWS ended with {code}; its log is {folder / 'serve.log'}.", err=True)
    raise typer.Exit(0 if code in (0, -signal.SIGINT, -signal.SIGTERM) else code)


def _watch(run: LocalRun, contracts: list[Path], data: Path, env: str) -> None:
    from sluice.cli import local_access
    from sluice.cli.commands.deploy import say
    from sluice.cli.standing import Standing
    from sluice.cli.watching import Watch

    local_access.export(run.endpoint, run.secret, run.region)
    Watch(contracts, env, Standing(data, run.process.pid), typer.echo, say).run(lambda: run.process.poll() is None)


@commands.command()
def down(data: Data = None) -> None:
    """End the local AWS that `sluice up` started; its buckets and tables end with it, which is said before."""
    from sluice.cli import local
    from sluice.cli.forgetting import what_ends
    from sluice.folders import needed_project

    folder = data or needed_project().run
    if told := what_ends(folder):
        typer.echo(told)
    typer.echo("ended" if local.stop(folder) else f"nothing was running from {folder.resolve()}")
