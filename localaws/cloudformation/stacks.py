"""The state of a deployed stack: its resources, outputs, status and history."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from localaws.cloudformation.parameters import GivenParameter
from localaws.cloudformation.providers.provider import Request, ResourceOutcome

RETAIN = frozenset({"Retain", "RetainExceptOnCreate"})


@dataclass(frozen=True)
class Deployed:
    """One deployed resource: its request and its outcome."""

    request: Request
    outcome: ResourceOutcome
    deletion_policy: str
    replace_policy: str
    depends_on: frozenset[str]

    @property
    def properties(self) -> Mapping[str, Any]:
        """Return the resolved properties that it was last created or updated with."""
        return self.request.properties


@dataclass(frozen=True)
class StackOutput:
    """One output of a stack, and the name that it is exported under."""

    value: str
    export: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class StackEvent:
    """One event of a stack's history."""

    logical_id: str
    type: str
    status: str
    physical_id: str = ""
    reason: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Stack:
    """One stack; only :mod:`localaws.cloudformation.engine` changes it."""

    name: str
    id: str
    text: str = ""
    status: str = "REVIEW_IN_PROGRESS"
    reason: str | None = None
    description: str | None = None
    parameters: dict[str, GivenParameter] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Deployed] = field(default_factory=dict)
    #: What its deletion took out of it: deleted, or retained.
    gone: dict[str, Deployed] = field(default_factory=dict)
    outputs: dict[str, StackOutput] = field(default_factory=dict)
    imports: frozenset[str] = frozenset()
    #: Outputs of other stacks that it was last made of, by stack and output.
    outputs_read: dict[tuple[str, str], str] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)
    events: list[StackEvent] = field(default_factory=list)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime | None = None
    deleted: datetime | None = None
    #: The role that was last passed for it: what a later call acts with that passes none.
    role_arn: str | None = None
    #: Whether it has termination protection: it cannot be deleted.
    protected: bool = False

    @property
    def known(self) -> dict[str, Deployed]:
        """Return what it has, and of a deleted stack what it had: AWS tells of both."""
        return {**self.gone, **self.resources}

    def becomes(self, status: str, reason: str | None = None) -> None:
        """Set the status and add it to the history."""
        self.status, self.reason = status, reason
        self.note(self.name, "AWS::CloudFormation::Stack", status, physical_id=self.id, reason=reason)

    def note(
        self, logical_id: str, kind: str, status: str, *, physical_id: str = "", reason: str | None = None
    ) -> None:
        """Add one event to the history, later than the last by a millisecond at least.

        AWS tells milliseconds, by which the CDK CLI sorts events, newest first: two of one are shown the wrong way.
        """
        at = datetime.now(UTC)
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        if self.events:
            at = max(at, self.events[-1].at + timedelta(milliseconds=1))
        self.events.append(StackEvent(logical_id, kind, status, physical_id=physical_id, reason=reason, at=at))

    @property
    def exports(self) -> dict[str, str]:
        """Return the values that other stacks may import, by export name."""
        return {o.export: o.value for o in self.outputs.values() if o.export}
