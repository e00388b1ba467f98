"""Finds stacks that were made of outputs of other stacks which have been made anew since.

Their templates' texts stay, and nothing tells CloudFormation or the CDK CLI that what they read is another value now:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getstackoutput.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from sluice.cli.cloud_assembly import DeclaredStack
from sluice.cli.deployment import client


@dataclass(frozen=True)
class _Times:
    """When a stack was made, and when it was last made or updated."""

    made: datetime
    updated: datetime


def outdated(stacks: Iterable[DeclaredStack]) -> set[str]:
    """Return the names of those stacks that are there and read from one that was made after they were updated."""
    return {name for name, own, read in _readings(stacks) if read is not None and read.made > own.updated}


def lacking(stacks: Iterable[DeclaredStack]) -> set[str]:
    """Return the names of those stacks that are there and read from one that is not: it will be made anew."""
    return {name for name, _, read in _readings(stacks) if read is None}


def _readings(stacks: Iterable[DeclaredStack]) -> Iterator[tuple[str, _Times, _Times | None]]:
    """Yield each stack that is there by name with its times, and those of each stack that it reads from."""
    known: dict[str, _Times | None] = {}

    def times(name: str) -> _Times | None:
        if name not in known:
            known[name] = _times(name)
        return known[name]

    for stack in stacks:
        if (own := times(stack.name)) is not None:
            yield from ((stack.name, own, times(other)) for other in sorted(set(_read_by(stack.body))))


def _times(name: str) -> _Times | None:
    try:
        (found,) = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    if found["StackStatus"] == "REVIEW_IN_PROGRESS":  # a change set was made, and never executed
        return None
    return _Times(found["CreationTime"], found.get("LastUpdatedTime", found["CreationTime"]))


def _read_by(value: Any) -> Iterator[str]:
    """Yield the names of stacks whose outputs a template reads."""
    if isinstance(value, list):
        for each in value:
            yield from _read_by(each)
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Fn::GetStackOutput" and isinstance(inner, dict) and isinstance(inner.get("StackName"), str):
                yield inner["StackName"]
            yield from _read_by(inner)
