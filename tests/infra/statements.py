"""The statements of deployed roles, each of which a test takes away while everything else stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from localaws import wildcards
from localaws.iam import enforcement
from localaws.iam.enforcement import AccessDecision
from tests.infra.permissions import listed

Document = dict[str, Any]


@dataclass(frozen=True)
class Held:
    """One statement of a policy of a role; ``policy`` is the name of an inline policy or the ARN of a managed one."""

    role: str
    policy: str
    place: int
    body: Document

    @property
    def uses(self) -> set[str]:
        """Return its actions; of a key with the service by way of which it is used, as ``kms:Decrypt by sns``."""
        via = self.body.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", "")
        by = "".join(f" by {service.partition('.')[0]}" for service in listed(via) if service)
        return {f"{action}{by}" for action in listed(self.body["Action"])}

    def covers(self, made: AccessDecision) -> bool:
        """Return whether it is about this call; of its conditions the service that a key is used by way of counts."""
        patterns = [_any_caller(each) for each in listed(self.body["Resource"])]
        via = self.body.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", made.via)
        return (
            made.action in listed(self.body["Action"])
            and made.via in listed(via)
            and any(each == "*" or wildcards.matches(each, made.resource) for each in patterns)
        )

    def __str__(self) -> str:
        resources = listed(self.body["Resource"])
        return f"{self.role}: {', '.join(sorted(self.uses))} on {resources[0]}{' …' if len(resources) > 1 else ''}"


def _any_caller(pattern: str) -> str:
    return pattern.replace("${aws:userid}", "*")


def held_by(iam: Any, role: str) -> list[Held]:
    """Return every statement of a role's own and managed policies."""
    found = []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        found += [Held(role, name, place, body) for place, body in enumerate(listed(document["Statement"]))]
    for each in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        document = _managed(iam, each["PolicyArn"])
        found += [
            Held(role, each["PolicyArn"], place, body) for place, body in enumerate(listed(document["Statement"]))
        ]
    return found


def _managed(iam: Any, arn: str) -> Document:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document: Document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return document


@contextmanager
def taken_away(iam: Any, statement: Held) -> Iterator[None]:
    """Take one statement from its role; the others stay. Afterwards it is there again."""
    if statement.policy.startswith("arn:"):
        with _version_without(iam, statement):
            yield
        return
    named = {"RoleName": statement.role, "PolicyName": statement.policy}
    document = iam.get_role_policy(**named)["PolicyDocument"]
    if left := _without(document, statement):
        iam.put_role_policy(**named, PolicyDocument=json.dumps({**document, "Statement": left}))
    else:
        iam.delete_role_policy(**named)
    try:
        yield
    finally:
        iam.put_role_policy(**named, PolicyDocument=json.dumps(document))


@contextmanager
def _version_without(iam: Any, statement: Held) -> Iterator[None]:
    arn = statement.policy
    before = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = _managed(iam, arn)
    left = _without(document, statement)
    if not left:
        iam.detach_role_policy(RoleName=statement.role, PolicyArn=arn)
        try:
            yield
        finally:
            iam.attach_role_policy(RoleName=statement.role, PolicyArn=arn)
        return
    text = json.dumps({**document, "Statement": left})
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)["PolicyVersion"]
    try:
        yield
    finally:
        iam.set_default_policy_version(PolicyArn=arn, VersionId=before)
        iam.delete_policy_version(PolicyArn=arn, VersionId=made["VersionId"])


def _without(document: Document, statement: Held) -> list[Document]:
    return [body for place, body in enumerate(listed(document["Statement"])) if place != statement.place]


def decided(since: int) -> list[AccessDecision]:
    """Return the decisions that were made after the first ``since`` of them."""
    return enforcement.decisions()[since:]


def hung_on(statement: Held, others: list[Held], made: list[AccessDecision]) -> bool:
    """Return whether something was allowed by this statement alone, by its patterns."""
    return any(
        each.role == statement.role
        and each.allowed
        and statement.covers(each)
        and not any(other != statement and other.covers(each) for other in others)
        for each in made
    )


def refused_without(statement: Held, made: list[AccessDecision]) -> bool:
    """Return whether something was refused that this statement is about."""
    return any(each.role == statement.role and not each.allowed and statement.covers(each) for each in made)
