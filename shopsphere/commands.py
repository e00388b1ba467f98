"""The example's own commands, ``generate`` and ``demo``; pyproject's entry point joins them to ``sluice``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.console import console
from sluice.cli.options import Environment

commands = typer.Typer()


@commands.command()
def generate(
    *,
    days: Annotated[int, typer.Option(help="How many days of history.")] = 365,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; default shopsphere-history.")] = None,
    rows_per_day: Annotated[int | None, typer.Option(help="Order lines a day on average.")] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Clicks onto their Kinesis stream; with --out, all that streams as files.")
    ] = False,
    events: Annotated[int, typer.Option(help="With --stream: how many clicks.")] = 100_000,
    rate: Annotated[float | None, typer.Option(help="With --stream: clicks a second at most.", min=0.01)] = None,
    start: Annotated[
        str | None,
        typer.Option(help="With --stream: time of the first event, UTC, or `now`; files begin in 2025 by default."),
    ] = None,
    manifest: Annotated[Path, typer.Option(help="With --stream and no --out: file that tells what was sent.")] = Path(
        "clickstream.manifest.json"
    ),
    env: Environment = "dev",
) -> None:
    """Write a believable ShopSphere history with planted dirt, and a manifest of what was planted."""
    from shopsphere import generating

    if stream and out is None:
        generating.live(
            events=events, seed=seed, rate=rate, start=start, manifest=manifest, environment=env, console=console()
        )
    elif stream and out is not None:
        generating.stream_files(events=events, seed=seed, rate=rate, start=start, out=out, console=console())
    else:
        folder = out or Path("shopsphere-history")
        generating.history(days=days, seed=seed, out=folder, rows_per_day=rows_per_day, console=console())


@commands.command()
def demo(
    days: Annotated[int, typer.Option(help="Days of history to generate.")] = 365,
    seed: Annotated[int, typer.Option(help="Seed of the history.")] = 1,
    port: Annotated[int, typer.Option(help="Loopback port; 0 takes a free one.")] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the local AWS running afterwards.")] = False,
) -> None:
    """Generate a year of ShopSphere, upload it to a local AWS and show what came of it."""
    from shopsphere.demo.run import run_demo

    sys.exit(run_demo(days=days, seed=seed, port=port, keep=keep, console=console()))
