"""The example's own commands, ``generate`` and ``demo``; pyproject's entry point joins them to ``sluice``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.console import console
from sluice.cli.options import Environment, finite, usable_path

commands = typer.Typer()
#: A hundred years.
_MOST_DAYS = 36_525


@commands.command()
def generate(
    context: typer.Context,
    *,
    days: Annotated[int, typer.Option(help="How many days of history.", min=1, max=_MOST_DAYS)] = 365,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.", min=0)] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write to; default shopsphere-history.", parser=usable_path, metavar="FOLDER"),
    ] = None,
    rows_per_day: Annotated[
        int | None, typer.Option(help="Order lines a day on average.", min=1, max=10_000_000)
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Clicks onto their Kinesis stream; with --out, all that streams as files.")
    ] = False,
    events: Annotated[int, typer.Option(help="With --stream: how many clicks.", min=1)] = 100_000,
    rate: Annotated[
        float | None, typer.Option(help="With --stream: clicks a second at most.", min=0.01, callback=finite)
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="With --stream: time of the first event, UTC, or `now`; files begin in 2025 by default."),
    ] = None,
    manifest: Annotated[
        Path,
        typer.Option(
            help="With --stream and no --out: file that tells what was sent.", parser=usable_path, metavar="FILE"
        ),
    ] = Path("clickstream.manifest.json"),
    env: Environment = "dev",
) -> None:
    """Write a believable ShopSphere history with planted dirt, and a manifest of what was planted."""
    from shopsphere import generating

    _refuse_idle(context, stream=stream, live=stream and out is None)
    if stream and out is None:
        generating.live(
            events=events, seed=seed, rate=rate, start=start, manifest=manifest, environment=env, console=console()
        )
    elif stream and out is not None:
        generating.stream_files(events=events, seed=seed, rate=rate, start=start, out=out, console=console())
    else:
        folder = out or Path("shopsphere-history")
        generating.history(days=days, seed=seed, out=folder, rows_per_day=rows_per_day, console=console())


def _refuse_idle(context: typer.Context, *, stream: bool, live: bool) -> None:
    """Raise ``BadParameter`` for an option that was given and would have no effect."""
    idle = {"days": not stream, "rows_per_day": not stream, "manifest": live}
    idle |= dict.fromkeys(("events", "rate", "start"), stream) | {"env": live}
    for name, acts in idle.items():
        source = context.get_parameter_source(name)
        if not acts and source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                f"--{name.replace('_', '-')} has no effect {'with' if stream else 'without'} --stream"
                + (" and --out" if stream and name in {"manifest", "env"} else "")
            )


@commands.command()
def demo(
    days: Annotated[int, typer.Option(help="Days of history to generate.", min=1, max=_MOST_DAYS)] = 365,
    seed: Annotated[int, typer.Option(help="Seed of the history.", min=0)] = 1,
    port: Annotated[int, typer.Option(help="Loopback port; 0 takes a free one.", min=0, max=65_535)] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the local AWS running afterwards.")] = False,
) -> None:
    """Generate a year of ShopSphere, upload it to a local AWS and show what came of it."""
    from shopsphere.demo.run import run_demo

    sys.exit(run_demo(days=days, seed=seed, port=port, keep=keep, console=console()))
