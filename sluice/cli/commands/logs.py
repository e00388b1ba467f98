"""What functions and jobs said: ``logs``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sluice.cli.console import tell
from sluice.cli.options import Environment
from sluice.shortened import harmless

commands = typer.Typer()


def _time(text: str) -> str:
    from sluice.cli.logs import seconds_of

    try:
        seconds_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


@commands.command()
def logs(
    run: Annotated[
        str,
        typer.Argument(
            help="A function (ingest_file), a derived table's last run (gold.daily_sales), or a run_id.",
            metavar="RUN|FUNCTION",
        ),
    ],
    *,
    since: Annotated[
        str, typer.Option("--since", help="Of a function: how far back, as 90s, 30m, 2h or 1d.", callback=_time)
    ] = "1h",
    following: Annotated[bool, typer.Option("--follow", help="Go on with each line that comes, until Ctrl-C.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; docs/reference/status.md has its keys.")
    ] = False,
    env: Environment = "dev",
) -> None:
    """Show the lines that a function, or the function or Spark job of a run, wrote to its log."""
    from sluice.cli.deployment import deployed
    from sluice.cli.logs import Line, follow, lines, places, seconds_of

    if following and as_json:
        raise typer.BadParameter("--follow has no end, and --json prints one object: give one of the two")
    found = places(deployed(env), run, seconds_of(since))

    def show(line: Line) -> None:
        typer.echo(harmless(f"{line.time} {line.source}: {line.message}"))

    if following:
        try:
            follow(found, show)
        except KeyboardInterrupt:
            return
    told = lines(found)
    if as_json:
        typer.echo(json.dumps({"lines": [line._asdict() for line in told]}, indent=2))
        return
    for line in told:
        show(line)
    if not told:
        where = ", ".join(dict.fromkeys(place.group for place in found)) or "any log"
        tell(f"There is no line of {run} in {where}; --since 1d looks further back.")
