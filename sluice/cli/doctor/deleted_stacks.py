"""What an environment's deleted stacks retained: CloudFormation knows it for 90 days.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sluice.cli.adopting import NEVER_WHOLE
from sluice.cli.doctor.account import Account
from sluice.cli.doctor.needs import Needs
from sluice.cli.doctor.standing_stacks import Standing, name_in

#: Statuses of a stack in whose place another can be made of what is retained; one that is not there can, too.
_EMPTY: Final = frozenset({"ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})


@dataclass(frozen=True)
class Retained:
    """One resource that outlived its stack: the stack's name, its logical id there, its type and its own name."""

    stack: str
    logical_id: str
    type: str
    name: str


def retained(account: Account, needs: Needs, stood: Standing) -> frozenset[Retained]:
    """Return what is left of each declared stack that does not stand, of the last one of its name that was whole."""
    wanted = {stack.name for stack in needs.stacks if stood.statuses.get(stack.name) in {None, *_EMPTY}}
    if not wanted:
        return frozenset()
    told = account.ask("cloudformation", "ListStacks", StackStatusFilter=["DELETE_COMPLETE"])
    deleted = [each for each in told.get("StackSummaries", ()) if each["StackName"] in wanted]
    newest_first = sorted(deleted, key=lambda each: each["DeletionTime"], reverse=True)
    found: set[Retained] = set()
    for name in sorted({each["StackName"] for each in deleted}):
        of_name = (each["StackId"] for each in newest_first if each["StackName"] == name)
        last = next((each for each in of_name if _was_whole(account, each)), None)
        if last is not None:
            found.update(_kept(account, name, last))
    return frozenset(found)


def _was_whole(account: Account, stack: str) -> bool:
    events: list[dict[str, Any]] = account.ask("cloudformation", "DescribeStackEvents", StackName=stack)["StackEvents"]
    return not any(each["ResourceStatus"] in NEVER_WHOLE and each.get("PhysicalResourceId") == stack for each in events)


def _kept(account: Account, name: str, stack: str) -> Iterator[Retained]:
    held = account.ask("cloudformation", "ListStackResources", StackName=stack)
    for each in held.get("StackResourceSummaries", ()):
        if each["ResourceStatus"] == "DELETE_SKIPPED":
            kind = each["ResourceType"]
            yield Retained(name, each["LogicalResourceId"], kind, name_in(kind, each["PhysicalResourceId"]))
