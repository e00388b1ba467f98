"""Where everything is: ``status``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.console import console, errors
from sluice.cli.options import Environment, finite
from sluice.errors import CommandError

if TYPE_CHECKING:
    from sluice.cli.deployment import Deployment
    from sluice.cli.status import Status

commands = typer.Typer()


@commands.command()
def status(
    dataset: Annotated[
        str, typer.Argument(help="Show all of one dataset, or of a derived table (silver.orders).")
    ] = "",
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when all is accounted for and no refresh is due.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=0, callback=finite)] = 900.0,
    strict: Annotated[
        bool, typer.Option("--strict", help="1 also when a dataset's newest file brought nothing into its table.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; docs/reference/status.md has its keys.")
    ] = False,
    env: Environment = "dev",
) -> None:
    """Show where every delivery and derived table is; 1 when something failed."""
    from sluice.cli import status_output
    from sluice.cli.deployment import deployed
    from sluice.cli.status import read_status
    from sluice.nearest import did_you_mean

    found = deployed(env)
    now, problems = _wait(found, timeout) if wait else ((seen := read_status(found)), seen.problems)
    if dataset and dataset not in (names := {*now.datasets, *(table.table for table in now.derived)}):
        meant = did_you_mean(dataset, sorted(names))
        raise typer.BadParameter(
            f"There is no dataset or derived table {dataset!r};{meant} `sluice status` lists them."
        )
    if dataset:  # but for what the wait itself found
        problems = [*(each for each in problems if each not in now.problems), *now.problems_of(dataset)]
    if strict:
        problems += [now.datasets[dataset].refusal] if dataset in now.datasets else [] if dataset else now.refusals
    problems = [each for each in problems if each]
    if as_json:
        shown = status_output.one_as_json(now, dataset) if dataset else status_output.as_json(now)
        typer.echo(json.dumps({**shown, "problems": problems, "healthy": not problems}, indent=2))
    elif dataset:
        status_output.print_dataset(now, dataset, console())
    else:
        status_output.print_status(now, found, console())
    unsaid = [each for each in problems if each not in now.problems]
    if unsaid and not as_json:
        raise CommandError(
            "\n".join(unsaid),
            next_step="mend the cause; `sluice redrive` tries again what is dead.",
            dataset=dataset or None,
        )
    raise typer.Exit(1 if problems else 0)


def _wait(deployment: Deployment, timeout: float) -> tuple[Status, list[str]]:
    """Wait, and say on the terminal's error side what for; on one that is none a line each half minute."""
    from sluice.cli.wait import Progress, wait

    progress = Progress(errors())
    with progress:
        return wait(deployment, timeout=timeout, progress=progress.show)
