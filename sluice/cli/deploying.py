"""`sluice deploy`: brings what is deployed to what is declared now, in place, and says what changes before it does.

A local AWS is deployed to by change sets; an account by the CDK CLI, which is asked only after the same look at losses.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sluice.cli.adopting import predecessor_template
from sluice.cli.assembly import synthesize
from sluice.cli.change_sets import StackChange, deployed_template, discard, execute, prepare
from sluice.cli.cloud_assembly import DeclaredStack, declared_stacks
from sluice.cli.declared_changes import TableChange, has_functions, project_of_template, table_changes
from sluice.cli.deployment import PART, client, deployed, refused_by_aws
from sluice.cli.given_up import given_up
from sluice.cli.moved import refuse_moved
from sluice.cli.planning import start_refresh
from sluice.cli.standing import Standing
from sluice.errors import CommandError
from sluice.folders import ProjectFolder, needed_project

_DATA = "storage"  # the stack whose function makes the tables
UNREAD = "what is deployed cannot be read, so that nobody knows what would be lost"
_NOTHING_DONE = "nothing was deployed or changed; all rows and files are there."
_FIRST_DONE = "what is named was not done; all rows and files are there, other stacks are as they are declared now."


@dataclass
class Outcome:
    """What a deployment changes, or would change: ``unread`` when what is deployed could not be read.

    ``left`` are stacks of Sluice's that are deployed and no longer declared: no deployment deletes a stack.
    """

    stacks: list[StackChange]
    tables: list[TableChange]
    unread: bool = False
    left: list[str] = field(default_factory=list)
    #: What was kept until now when its stack is deleted, or could be read, and would not be from now on.
    given_up: list[str] = field(default_factory=list)
    deployed: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def losses(self) -> list[str]:
        """Return what would be lost, one sentence each."""
        found = [f"{each.table}: {each.what}; lost: {each.loses}" for each in self.tables if each.loses]
        for stack in self.stacks:
            gone = (each for each in stack.resources if each.data_lost)
            found += [f"{stack.stack.name}: {each.name} ({each.type}) is deleted with what is in it" for each in gone]
        return found + self.given_up

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "deployed": self.deployed,
            "stacks": [
                {
                    "stack": each.stack.name,
                    "new": each.new,
                    "resources": [{"name": r.name, "type": r.type, "action": r.action} for r in each.resources],
                }
                for each in self.stacks
            ],
            "tables": [{"table": each.table, "change": each.what, "loses": each.loses} for each in self.tables],
            "losses": self.losses,
            "left": self.left,
            "seconds": {name: round(seconds, 2) for name, seconds in self.seconds.items()},
        }


def deploy(
    contracts: list[Path],
    environment: str,
    *,
    accept_data_loss: bool = False,
    dry_run: bool = False,
    note: Callable[[str], None] = lambda line: None,
    show: Callable[[Outcome], None] = lambda outcome: None,
    standing: Standing | None = None,
    assembly: Path | None = None,
) -> Outcome:
    """Deploy what is declared now to the AWS at the environment's endpoint; ``show`` gets what changes before.

    Where an ``assembly`` is given it is deployed. ``note`` gets lines about progress; ``standing`` synthesizes where it
    is given. Raise ``CommandError`` when something would be lost and that is not accepted, and when a stack was rolled
    back; what is there is kept.
    """
    began = time.perf_counter()
    try:
        refuse_moved(needed_project(contracts), environment)
        note("synthesizing")
        assembly = assembly or synthesize(contracts, environment, standing)
        synthesized = time.perf_counter()
        outcome = _difference(needed_project(contracts), assembly, environment)
        outcome.seconds["synthesize"] = synthesized - began
        show(outcome)
        if dry_run or not outcome.stacks:
            discard(outcome.stacks)
            return outcome
        refuse_losses(outcome, accepted=accept_data_loss)
        _drop(outcome.tables, environment, contracts)
        _execute(outcome.stacks, note)
        again = Outcome(prepare(declared_stacks(assembly)), [])  # others may read from what is another now
        if again.stacks:
            show(again)
            refuse_losses(again, accepted=accept_data_loss, safe=_FIRST_DONE)
            outcome.stacks.extend(_execute(again.stacks, note))
        start_refresh(deployed(environment, contracts))
    except (ClientError, BotoCoreError) as error:
        raise refused_by_aws(error)(
            f"The deployment of {environment} did not come to its end: {error}",
            safe="each stack is as it was or as it is declared now; what was not accepted as lost is kept.",
            next_step="`sluice deploy` again; `sluice up` starts a local AWS where none answers.",
            value=environment,
        ) from error
    outcome.deployed = True
    outcome.seconds["deploy"] = time.perf_counter() - synthesized
    return outcome


def _execute(changes: list[StackChange], note: Callable[[str], None]) -> list[StackChange]:
    for change in changes:
        note(change.stack.name)
        execute(change, note)
    return changes


def _difference(project: ProjectFolder, assembly: Path, environment: str) -> Outcome:
    stacks = declared_stacks(assembly)
    tables, unread = changed_tables(project, stacks, environment)
    return Outcome(prepare(stacks), tables, unread, _left(stacks, environment), given_up(stacks))


def _left(stacks: list[DeclaredStack], environment: str) -> list[str]:
    """Return the names of this environment's stacks that are deployed and not among those that are declared."""
    names = {stack.name for stack in stacks}
    prefix = next(name for name in names if name.endswith(f"-{environment}-{_DATA}")).removesuffix(_DATA)
    pages = client("cloudformation").get_paginator("describe_stacks").paginate()
    there = (stack["StackName"] for page in pages for stack in page["Stacks"])
    return sorted(name for name in there if name not in names and re.fullmatch(re.escape(prefix) + PART, name))


def changed_tables(
    project: ProjectFolder, stacks: list[DeclaredStack], environment: str
) -> tuple[list[TableChange], bool]:
    """Return what differs of tables, and whether what is deployed could not be read."""
    declared = _storage(stacks, environment, project)
    template = deployed_template(declared.name)
    if not template:
        return [], False  # the first deployment: nothing can be lost
    if not has_functions(template):
        # Taken up from a deleted one, and not deployed since.
        template = predecessor_template(declared.name) or template
    before = project_of_template(template, project.cache.glob("assembly-*"))
    now = project_of_template(declared.body, [declared.template.parent])
    if now is None:
        raise CommandError(
            f"The code of {declared.name} carries no project.",
            safe="nothing was deployed or changed.",
            next_step="see that infra/app.py calls `synthesize` of sluice.infra.synthesis.",
            file=str(declared.template),
        )
    return (table_changes(before, now), False) if before is not None else ([], True)


def _storage(stacks: list[DeclaredStack], environment: str, project: ProjectFolder) -> DeclaredStack:
    """Return the stack that has the data; ``CommandError`` where the owner's app declares none, or several."""
    found = [stack for stack in stacks if stack.name.endswith(f"-{environment}-{_DATA}")]
    if len(found) == 1:
        return found[0]
    names = ", ".join(stack.name for stack in found or stacks) or "no stack"
    raise CommandError(
        f"infra/app.py declares {'several stacks' if found else 'no stack'} with the data of {environment}, "
        f"…-{environment}-{_DATA}: {names}.",
        safe="nothing was deployed or changed.",
        next_step="see that infra/app.py calls `synthesize` of sluice.infra.synthesis, once.",
        value=environment,
        file=str(project.root / "infra" / "app.py"),
    )


def refuse_losses(outcome: Outcome, *, accepted: bool, safe: str = _NOTHING_DONE) -> None:
    """Raise ``CommandError`` when something would be lost, or nobody knows, and that is not ``accepted``."""
    losses = outcome.losses
    if outcome.unread:
        losses.append(UNREAD)
    if accepted or not losses:
        return
    discard(outcome.stacks)
    raise CommandError(
        "This deployment would lose something:\n" + "\n".join(f"  {line}" for line in losses),
        safe=safe,
        next_step=f"put back what is named (a column of another type gets a new name); {_accepting(outcome.tables)}.",
        dataset=outcome.tables[0].table if outcome.tables else None,
    )


def _accepting(tables: list[TableChange]) -> str:
    """Return what `--accept-data-loss` does, and how rows that arrived come back."""
    anew = sorted({each.table for each in tables if not each.possible})
    if not anew:
        return "--accept-data-loss does it"
    said = f"--accept-data-loss makes {' and '.join(anew)} anew, empty"
    how = {each.arrives for each in tables if not each.possible}
    if "stream" in how:
        said += ": records of a stream come back only when they are sent again"
    if "files" in how:
        said += (
            ": a file that was read is not read again, but a copy of it is, "
            "in a folder below the dataset's in landing (`aws s3 cp --recursive`)"
        )
    return said


def _drop(tables: list[TableChange], environment: str, contracts: list[Path]) -> None:
    """Drop tables whose columns cannot change to what is declared, so that they are made anew."""
    for table in sorted({each.table for each in tables if not each.possible}):
        database, name = table.split(".")
        where = deployed(environment, contracts).settings.database(database)
        glue = client("glue")
        try:
            glue.delete_table(DatabaseName=where, Name=name)
        except glue.exceptions.EntityNotFoundException:
            continue  # a deployment that failed after this step dropped it, and this one repeats it


def endpoint_needed(data: Path, command: str = "deploy") -> None:
    """Raise ``CommandError`` where the environment names no endpoint: an account is changed only when asked."""
    if os.environ.get("AWS_ENDPOINT_URL"):
        return
    raise CommandError(
        f"No local AWS runs from {data}.",
        safe="nothing was deployed or changed.",
        next_step=f"`sluice up` starts one; `sluice {command} --account` goes to the account of your credentials.",
        file=str(data),
    )
