"""A delivery taken back: ``retract``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sluice.cli.console import tell
from sluice.cli.options import Environment, finite
from sluice.counted import counted
from sluice.shortened import harmless

commands = typer.Typer()


@commands.command()
def retract(
    *,
    delivery: Annotated[
        str, typer.Argument(help="A file's address (s3://…, with ?versionId= where it has several), or a _delivery_id.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would leave and what follows.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=0, callback=finite)] = 300.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    env: Environment = "dev",
) -> None:
    """Take a delivery out of bronze, quarantine and all that was made of it; the same version does not come back."""
    import msgspec

    from sluice.cli import retracting
    from sluice.cli.deployment import deployed

    done = retracting.retract(deployed(env), delivery, dry_run=dry_run, timeout=timeout, tell=tell)
    if as_json:
        typer.echo(json.dumps({**msgspec.to_builtins(done), "records": done.records}))
        return
    name = harmless(f"{done.uri}?versionId={done.version_id}")
    if done.already:
        records = counted(done.accepted + (done.quarantined or 0), "record")
        typer.echo(f"{name} is retracted already ({records}); nothing was changed.")
        return
    bad = "an unknown number" if done.quarantined is None else f"{done.quarantined:,}"
    verb = "left" if done.done else "would leave"
    typer.echo(
        f"{name}: {counted(done.accepted, 'row')} {verb} bronze.{done.dataset}, and {bad} quarantine.{done.dataset}."
    )
    typer.echo(f"Made from it, and refreshed next: {', '.join(done.follow) or 'nothing'}.")
