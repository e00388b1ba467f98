"""What of an environment's stacks an account has already."""

from __future__ import annotations

from dataclasses import dataclass

from sluice.cli.doctor.account import Account
from sluice.cli.doctor.needs import Needs

_NEVER = "REVIEW_IN_PROGRESS"
#: Statuses of a resource that the stack no longer has, or never had: one that it retained has them, too.
_NOT_THERE = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED", "CREATE_FAILED"})


@dataclass(frozen=True)
class Standing:
    """The stacks that are there, each with its status, and the names of the resources in them, by type.

    ``protected`` are those with termination protection.
    """

    statuses: dict[str, str]
    physical: frozenset[tuple[str, str]]
    protected: frozenset[str] = frozenset()

    @property
    def names(self) -> list[str]:
        """Return the names of the stacks that are there."""
        return list(self.statuses)

    def has(self, kind: str, name: object) -> bool:
        """Return whether a resource of this type and name is in one of the stacks."""
        return (kind, str(name)) in self.physical

    def count(self, kind: str) -> int:
        """Return how many resources of a type the stacks have."""
        return sum(1 for each, _ in self.physical if each == kind)


def read_standing(account: Account, needs: Needs) -> Standing:
    """Ask for each declared stack, and for what is in it."""
    statuses, physical, protected = {}, set(), set()
    for stack in needs.stacks:
        told = account.look("cloudformation", "DescribeStacks", StackName=stack.name)
        status = told["Stacks"][0]["StackStatus"] if told and told.get("Stacks") else _NEVER
        if status == _NEVER:  # a change set was made, and never executed
            continue
        statuses[stack.name] = status
        if told and told["Stacks"][0].get("EnableTerminationProtection"):
            protected.add(stack.name)
        held = account.ask("cloudformation", "ListStackResources", StackName=stack.name)
        physical |= {
            (each["ResourceType"], name_in(each["ResourceType"], each.get("PhysicalResourceId", "")))
            for each in held.get("StackResourceSummaries", ())
            if each["ResourceStatus"] not in _NOT_THERE
        }
    return Standing(statuses, frozenset(physical), frozenset(protected))


def name_in(kind: str, physical: str) -> str:
    """Return the name in a physical id: the end of an ARN, or of the address of a queue."""
    return physical.rpartition("/" if kind == "AWS::SQS::Queue" else ":")[2]
