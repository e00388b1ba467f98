"""The project without a deployment: ``check``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.options import Contracts
from sluice.counted import counted
from sluice.errors import ContractError, EnvironmentRefused, SluiceError, TransformError

if TYPE_CHECKING:
    from sluice.project import Project

commands = typer.Typer()

#: What a check is for to find; all else is why there was none.
_FOUND = (ContractError, TransformError, EnvironmentRefused)


@commands.command()
def check(
    *,
    contracts: Contracts = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; docs/reference/projects.md has its keys.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show Python's whole traceback of errors in transforms.")
    ] = False,
) -> None:
    """Check environments, contracts and transforms without deploying anything; show all that is wrong at once."""
    try:
        project = _checked(list(contracts or ()))
    except _FOUND as error:
        if as_json:
            typer.echo(json.dumps({"sound": False, "errors": [_alone(each) for each in error.together]}, indent=2))
            raise typer.Exit(1) from error
        if traceback:
            sys.stderr.writelines(each.trace for each in error.together)
        raise
    arriving, made = (len(project.arriving), len(project.transforms)) if project else (0, 0)
    if as_json:
        typer.echo(json.dumps({"sound": True, "errors": [], "datasets": arriving, "transforms": made}, indent=2))
    elif project:
        what = f"{counted(arriving, 'landing dataset')} and {counted(made, 'transform')}"
        typer.echo(f"{what} are sound.")
    else:
        typer.echo("The environments are sound. Next: write the first contract, contracts/<dataset>.yaml.")


def _checked(contracts: list[Path]) -> Project | None:
    """Return the project, or None for one that declares nothing yet; raise with everything that is wrong."""
    from sluice.environments import read_environments
    from sluice.folders import needed_project
    from sluice.gathered import Gathered
    from sluice.load import contract_files, load_project
    from sluice.transforms.discover import refuse_undeclared

    found = Gathered()
    project = None
    if not contracts:
        here = needed_project()
        with found:
            read_environments(here.environments)
        contracts = [here.contracts]
        if here.contracts.is_dir() and not contract_files(here.contracts):
            with found:
                refuse_undeclared(contracts, ())
            found.refuse()
            return None
    with found:
        project = load_project(contracts)
    found.refuse()
    return project


def _alone(error: SluiceError) -> dict[str, object]:
    """Return one error of several as JSON: without the others."""
    return {key: value for key, value in error.as_data().items() if key != "also"}
