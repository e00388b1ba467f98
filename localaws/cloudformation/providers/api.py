"""Calls AWS APIs with values as templates hold them: numbers as text, tags in each service's own form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from localaws.cloudformation.errors import ResourceFailed
from localaws.context import Context

#: The policy of a role that the local AWS lends until a stack makes it.
LENT_POLICY = "everything"
_GONE = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "EntityNotFound", "404")


def call(ctx: Context, service: str, operation: str, /, **parameters: Any) -> Any:
    """Call ``operation`` (``CreateQueue``) and return the answer; parameters that are None are left out.

    Text, numbers and booleans are converted to the types that the API declares, as CloudFormation does. An error of the
    service is raised as ResourceFailed with the service's message.
    """
    client = ctx.client(service)
    model = client.meta.service_model.operation_model(operation)
    given = {k: v for k, v in parameters.items() if v is not None}
    if model.input_shape is not None:
        given = shaped(given, model.input_shape)
    try:
        return getattr(client, xform_name(operation))(**given)
    except ClientError as error:
        code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        raise ServiceRefused(f"{service}:{operation}: {code}: {message}", code=code) from error
    except BotoCoreError as error:
        raise ResourceFailed(f"{service}:{operation}: {error}") from error


def make_bucket(ctx: Context, name: str) -> None:
    """Create an S3 bucket in the region of ``ctx``; in every region but one, S3 wants to be told which.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    """
    elsewhere = {"LocationConstraint": ctx.region} if ctx.region != "us-east-1" else None
    call(ctx, "s3", "CreateBucket", Bucket=name, CreateBucketConfiguration=elsewhere)


class ServiceRefused(ResourceFailed):
    """An AWS service answered a call with an error; ``code`` is the error's code."""

    def __init__(self, reason: str, *, code: str) -> None:
        super().__init__(reason)
        self.code = code

    @property
    def is_gone(self) -> bool:
        """Return whether the service said that the resource does not exist."""
        return any(word in self.code for word in _GONE)


def remove(ctx: Context, service: str, operation: str, /, **parameters: Any) -> None:
    """Call a deleting ``operation``; a resource that no longer exists counts as deleted."""
    try:
        call(ctx, service, operation, **parameters)
    except ServiceRefused as error:
        if not error.is_gone:
            raise


def find(ctx: Context, service: str, operation: str, /, **parameters: Any) -> Any:
    """Call a reading ``operation`` and return its answer, or None if the resource does not exist."""
    try:
        return call(ctx, service, operation, **parameters)
    except ServiceRefused as error:
        if error.is_gone:
            return None
        raise


def must_be_new(exists: object, what: str) -> None:
    """Raise ResourceFailed if ``what`` exists, for APIs that would answer a second creation with success."""
    if exists:
        raise ResourceFailed(f"{what} already exists and is not managed by this stack")


def shaped(value: Any, shape: Any) -> Any:
    """Return ``value`` with its scalars converted to the types that a botocore ``shape`` declares."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        return {k: shaped(v, shape.members[k]) if k in shape.members else v for k, v in value.items()}
    if kind == "map" and isinstance(value, Mapping):
        return {str(k): shaped(v, shape.value) for k, v in value.items()}
    if kind == "list" and isinstance(value, list | tuple):
        return [shaped(v, shape.member) for v in value]
    return _scalar(value, kind)


def _scalar(value: Any, kind: str) -> Any:
    if isinstance(value, str):
        return _from_text(value, kind)
    if kind == "string" and isinstance(value, bool):
        return "true" if value else "false"
    if kind == "string" and isinstance(value, int | float):
        return str(value)
    if kind in ("float", "double") and isinstance(value, int):
        return float(value)
    return value


def _from_text(value: str, kind: str) -> Any:
    if kind in ("integer", "long") and value.lstrip("-").isdigit():
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


def camel(value: Any) -> Any:
    """Return ``value`` with every key's first letter in lower case, as some APIs spell the names of templates."""
    if isinstance(value, Mapping):
        return {k[:1].lower() + k[1:]: camel(v) for k, v in value.items()}
    if isinstance(value, list):
        return [camel(v) for v in value]
    return value


def pick(properties: Mapping[str, Any], names: str) -> dict[str, Any]:
    """Return those of ``names`` (separated by blanks) that ``properties`` holds."""
    return {name: properties[name] for name in names.split() if name in properties}


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return ``tags`` as the list of Key and Value that most APIs take."""
    return [{"Key": k, "Value": v} for k, v in tags.items()]


def retag(ctx: Context, style: str, arn: str, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Change the tags of ``arn`` from ``old`` to ``new``; ``style`` names the service (see ``_TAGGING``)."""
    service, tag, untag, key, tags_key, keys_key, as_list = _TAGGING[style]
    gone = sorted(set(old) - set(new))
    changed = {k: v for k, v in new.items() if old.get(k) != v}
    if gone:
        call(ctx, service, untag, **{key: arn, keys_key: gone})
    if changed:
        call(ctx, service, tag, **{key: arn, tags_key: pairs(changed) if as_list else changed})


#: style: service, tagging operation, untagging operation, the names of its three arguments, tags as a list?
_TAGGING = {
    "athena": ("athena", "TagResource", "UntagResource", "ResourceARN", "Tags", "TagKeys", True),
    "dynamodb": ("dynamodb", "TagResource", "UntagResource", "ResourceArn", "Tags", "TagKeys", True),
    "events": ("events", "TagResource", "UntagResource", "ResourceARN", "Tags", "TagKeys", True),
    "glue": ("glue", "TagResource", "UntagResource", "ResourceArn", "TagsToAdd", "TagsToRemove", False),
    "iam": ("iam", "TagRole", "UntagRole", "RoleName", "Tags", "TagKeys", True),
    "kinesis": ("kinesis", "AddTagsToStream", "RemoveTagsFromStream", "StreamName", "Tags", "TagKeys", False),
    "lambda": ("lambda", "TagResource", "UntagResource", "Resource", "Tags", "TagKeys", False),
    "logs": ("logs", "TagResource", "UntagResource", "resourceArn", "tags", "tagKeys", False),
    "monitoring": ("cloudwatch", "TagResource", "UntagResource", "ResourceARN", "Tags", "TagKeys", True),
    "scheduler": ("scheduler", "TagResource", "UntagResource", "ResourceArn", "Tags", "TagKeys", True),
    "sns": ("sns", "TagResource", "UntagResource", "ResourceArn", "Tags", "TagKeys", True),
    "sqs": ("sqs", "TagQueue", "UntagQueue", "QueueUrl", "Tags", "TagKeys", False),
}


def json_text(document: Any) -> str:
    """Return a policy or definition as JSON text; the template may hold it as text or as data."""
    return document if isinstance(document, str) else json.dumps(document)
