"""Finds stacks that were made of outputs of other stacks which may be others since.

Their templates' texts stay, and nothing tells CloudFormation or the CDK CLI that what they read is another value now:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getstackoutput.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from sluice.cli.cloud_assembly import DeclaredStack
from sluice.cli.deployment import client

#: What a stack is when a deployment failed and was not rolled back: the CDK CLI's `--force` rolls it back unasked.
_PAUSED: Final = frozenset({"CREATE_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"})


@dataclass(frozen=True)
class _State:
    """What a stack is, and when it was last made or updated."""

    status: str
    updated: datetime

    @property
    def undone(self) -> bool:
        """Return whether its last update failed: AWS counts that as an update, and its values are those before."""
        return self.status == "UPDATE_FAILED" or self.status.startswith("UPDATE_ROLLBACK_")


def outdated(stacks: Iterable[DeclaredStack]) -> dict[str, str]:
    """Return those stacks that are there and may hold old values of what they read from others: name, and why.

    What they read from was made or updated later, or their own last update failed. Whether a value is another a change
    set tells: it is empty where none is.
    """
    found = {}
    for name, own, other, read in _readings(stacks):
        if read is not None and read.updated > own.updated:
            found[name] = f"reads from {other}, which was changed later"
        elif read is not None and own.undone:
            found[name] = f"reads from {other}, and its own last update failed"
    return found


def lacking(stacks: Iterable[DeclaredStack]) -> dict[str, str]:
    """Return those stacks that are there and read from one that is not and will be made anew: name, and why."""
    return {name: f"reads from {other}, which is made anew" for name, _, other, read in _readings(stacks) if not read}


def paused(stacks: Iterable[DeclaredStack]) -> dict[str, str]:
    """Return those stacks whose last deployment failed and was not rolled back: name, and status."""
    states = ((stack.name, _state(stack.name)) for stack in _here(stacks))
    return {name: state.status for name, state in states if state is not None and state.status in _PAUSED}


def _here(stacks: Iterable[DeclaredStack]) -> list[DeclaredStack]:
    """Return the stacks of the region that is asked."""
    region = client("cloudformation").meta.region_name
    return [stack for stack in stacks if stack.region in {"", region}]


def _readings(stacks: Iterable[DeclaredStack]) -> Iterator[tuple[str, _State, str, _State | None]]:
    """Yield each stack that is there by name with its state, and each of ``stacks`` that it reads from with that one's.

    Other stacks are not asked for: whoever deploys these need not have leave to.
    """
    here = _here(stacks)
    known: dict[str, _State | None] = {}

    def state(name: str) -> _State | None:
        if name not in known:
            known[name] = _state(name)
        return known[name]

    names, region = {stack.name for stack in here}, client("cloudformation").meta.region_name
    for stack in here:
        if (own := state(stack.name)) is not None:
            for other in sorted(set(_read_by(stack.body, region)) & names):
                yield stack.name, own, other, state(other)


def _state(name: str) -> _State | None:
    try:
        (found,) = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    if found["StackStatus"] == "REVIEW_IN_PROGRESS":  # a change set was made, and never executed
        return None
    return _State(found["StackStatus"], found.get("LastUpdatedTime", found["CreationTime"]))


def _read_by(value: Any, region: str) -> Iterator[str]:
    """Yield the names of stacks of this ``region`` and account whose outputs a template reads."""
    if isinstance(value, list):
        for each in value:
            yield from _read_by(each, region)
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Fn::GetStackOutput" and isinstance(inner, dict) and _is_here(inner, region):
                yield inner["StackName"]
            yield from _read_by(inner, region)


def _is_here(given: dict[str, Any], region: str) -> bool:
    """Return whether ``Fn::GetStackOutput`` names a stack of this ``region`` and account."""
    in_region = given.get("Region", region) in (region, {"Ref": "AWS::Region"})
    return isinstance(given.get("StackName"), str) and in_region and "RoleArn" not in given
