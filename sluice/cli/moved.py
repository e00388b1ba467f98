"""Refuses to deploy to a local AWS that was started for another region or name prefix than are declared now.

Region and name prefix are of what is deployed there: no deployment in place moves it.
"""

from __future__ import annotations

from sluice.cli import local_access
from sluice.cli.deployment import client, whole_deployments
from sluice.environments import read_environments
from sluice.errors import CommandError
from sluice.folders import ProjectFolder


def refuse_moved(project: ProjectFolder, environment: str) -> None:
    """Raise ``CommandError`` where this project's own local AWS is not the one that is declared now."""
    running = local_access.own_run(project)
    declared = read_environments(project.environments).get(environment)
    if running is None or declared is None:
        return
    if declared.region != running["region"]:
        raise _moved(
            project,
            f"declares {environment} in the region {declared.region}, and the local AWS runs in {running['region']}",
            f"`region: {running['region']}`", declared.region,
        )  # fmt: skip
    pages = client("cloudformation").get_paginator("describe_stacks").paginate()
    there = [
        title
        for title, name in whole_deployments({stack["StackName"]: stack for page in pages for stack in page["Stacks"]})
        if name == environment
    ]
    if there and declared.name_prefix not in there:
        raise _moved(
            project, f"says name_prefix: {declared.name_prefix}, and the local AWS runs the stacks "
            f"{there[0]}-{environment}-…", f"`name_prefix: {there[0]}`", declared.name_prefix,
        )  # fmt: skip


def _moved(project: ProjectFolder, what: str, before: str, value: str) -> CommandError:
    return CommandError(
        f"{project.environments} {what}: what is deployed is not moved.",
        safe="nothing was deployed or changed.",
        next_step=f"put back {before}, or `sluice down`, which forgets all tables and files there, and `sluice up`.",
        value=value,
        file=str(project.environments),
    )
