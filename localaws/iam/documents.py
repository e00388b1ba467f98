"""Refuses a policy that cannot be read where it is put, as AWS does, whoever puts it.

Of what was put before, or in a protocol that is not read here, `localaws.iam.held` says that it cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localaws.gateway.calls import Request
from localaws.gateway.refusals import Refused
from localaws.iam import policies

_ROLES = "PolicyDocument"
#: By service and action, the parameter with a resource's or a trust policy.
_OF_RESOURCES = {
    ("dynamodb", "PutResourcePolicy"): "Policy",
    ("events", "PutPermission"): "Policy",
    ("iam", "CreateRole"): "AssumeRolePolicyDocument",
    ("iam", "UpdateAssumeRolePolicy"): _ROLES,
    ("kinesis", "PutResourcePolicy"): "Policy",
    ("kms", "CreateKey"): "Policy",
    ("kms", "PutKeyPolicy"): "Policy",
    ("s3", "PutBucketPolicy"): "Policy",
    ("secretsmanager", "PutResourcePolicy"): "ResourcePolicy",
}
_OF_ROLES = {("iam", name): _ROLES for name in ("CreatePolicy", "CreatePolicyVersion", "PutRolePolicy")}
#: Calls that set attributes, of which one is the policy.
_ATTRIBUTES = {
    ("sns", "CreateTopic"), ("sns", "SetTopicAttributes"), ("sqs", "CreateQueue"), ("sqs", "SetQueueAttributes"),
}  # fmt: skip
#: Each service's error for a policy that it cannot read, by the page of the call.
_CODES = {
    "dynamodb": "ValidationException",
    "events": "ValidationException",
    "kinesis": "InvalidArgument",
    "s3": "MalformedPolicy",
    "sns": "InvalidParameter",
    "sqs": "InvalidAttributeValue",
}


def refusal(request: Request) -> Refused | None:
    """Return why the policy that ``request`` puts is refused; None if it can be read, or none is put."""
    for text, parse in _put(request):
        try:
            parse(text)
        except ValueError as error:
            code = _CODES.get(request.service, "MalformedPolicyDocument")
            return Refused(code, f"The policy of {request.service}:{request.action} cannot be read: {error}")
    return None


def _put(request: Request) -> Iterator[tuple[str, Callable[[str], policies.Statements]]]:
    """Yield the policies that a call puts, and what parses each; an empty attribute takes a policy away."""
    asked = (request.service, request.action)
    if asked in _ATTRIBUTES and (text := _attribute(request.parameters)):
        yield text, policies.parse_of_resource
    for table, parse in ((_OF_RESOURCES, policies.parse_of_resource), (_OF_ROLES, policies.parse)):
        given = request.parameters.get(table.get(asked, ""))
        if isinstance(given, str):
            yield given, parse


def _attribute(given: Mapping[str, Any]) -> str:
    """Return the attribute ``Policy``: of a map, or of numbered names and values, as forms spell one; else empty."""
    attributes = given.get("Attributes")
    if isinstance(attributes, Mapping):
        return str(attributes.get("Policy") or "")
    for name, value in given.items():
        if value == "Policy" and name.endswith(("Name", "key")):
            stem = name.removesuffix("Name").removesuffix("key")
            return str(given.get(f"{stem}Value") or given.get(f"{stem}value") or "")
    return ""
