"""A refresh now: ``refresh``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sluice.cli.options import Environment, finite

commands = typer.Typer()
_STARTED = "A refresh was started; `sluice runs` shows what it does."
_FOLLOW = " What is made of the table follows within its latency."


@commands.command()
def refresh(
    table: Annotated[
        str | None,
        typer.Argument(help="A derived table: it and what it needs. A dataset that arrives: what is staged of it."),
    ] = None,
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
    """Refresh what is behind now (`sluice plan` says what), and commit what is staged, whatever their latency."""
    from sluice.cli.commands.status import status
    from sluice.cli.deployment import deployed
    from sluice.cli.planning import bring_forward, start_refresh

    deployment = deployed(env)
    arriving = table is not None and table.startswith("bronze.")
    if arriving:
        committed = bring_forward(deployment, datasets=[str(table).partition(".")[2]], through=True, named=True)
    else:
        committed = [] if table else bring_forward(deployment, datasets="*", through=True)
    started = None if arriving else start_refresh(deployment, table)
    told = _STARTED + (_FOLLOW if table else "") if started else _told(committed, str(table))
    if wait:
        if not as_json:
            typer.echo(told)
        status(wait=True, timeout=timeout, as_json=as_json, env=env)
    answer = {"started": started is not None, "execution": started, "committed": committed}
    typer.echo(json.dumps(answer, indent=2) if as_json else told)


def _told(committed: list[str], table: str) -> str:
    return f"What is staged of {table} is committed now." if committed else f"Nothing waits to be committed to {table}."
