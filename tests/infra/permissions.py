"""What the roles of an environment may do, asked of their resolved policies."""

from __future__ import annotations

import json
from typing import Any

from localaws.iam.policies import decide, parse
from tests.infra.templates import Cloud


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def documents(cloud: Cloud, role: str) -> list[dict[str, Any]]:
    """Return the policy documents of a role, by its name in the template."""
    return [
        policy.properties["PolicyDocument"]
        for policy in cloud.resources("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        if role in policy.properties["Roles"]
    ]


def granted(cloud: Cloud, role: str) -> set[tuple[str, str]]:
    """Return every (action, resource pattern) that a role's policies allow."""
    return {
        (action, resource)
        for document in documents(cloud, role)
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def may(cloud: Cloud, role: str, action: str, resource: str, **conditions: str) -> bool:
    """Whether a role's policies let it do ``action`` on the very ``resource``."""
    statements = [statement for document in documents(cloud, role) for statement in parse(json.dumps(document))]
    return decide(statements, action, resource, conditions).allowed
