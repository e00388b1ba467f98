"""AWS::ECR::Repository."""

from __future__ import annotations

import json
from typing import Any

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context


def _create(ctx: Context, request: Request) -> ResourceOutcome:
    name = request.get("RepositoryName") or request.name(256, lower=True)
    given = api.camel(api.pick(request.properties, "ImageTagMutability EncryptionConfiguration"))
    tags = api.pairs(request.tags) or None
    made = api.call(ctx, "ecr", "CreateRepository", repositoryName=name, tags=tags, **given)["repository"]
    return ResourceOutcome(name, {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]})


def _configure(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    name = outcome.physical_id

    def changed(property_: str) -> bool:
        return bool(new.get(property_) != (old.get(property_) if old else None))

    if old is not None and changed("ImageTagMutability"):
        kept = new.get("ImageTagMutability", "MUTABLE")
        api.call(ctx, "ecr", "PutImageTagMutability", repositoryName=name, imageTagMutability=kept)
    if changed("LifecyclePolicy"):
        text = new.get("LifecyclePolicy", {}).get("LifecyclePolicyText")
        _put_or_delete(ctx, name, "LifecyclePolicy", "lifecyclePolicyText", text)
    if changed("RepositoryPolicyText"):
        _put_or_delete(ctx, name, "RepositoryPolicy", "policyText", new.get("RepositoryPolicyText"))
    if old is not None and new.tags != old.tags:
        arn = outcome.attributes["Arn"]
        if gone := sorted(set(old.tags) - set(new.tags)):
            api.call(ctx, "ecr", "UntagResource", resourceArn=arn, tagKeys=gone)
        if new.tags:
            api.call(ctx, "ecr", "TagResource", resourceArn=arn, tags=api.pairs(new.tags))


def _put_or_delete(ctx: Context, repository: str, what: str, parameter: str, value: Any) -> None:
    if value is None:
        api.remove(ctx, "ecr", f"Delete{what}", repositoryName=repository)
        return
    text = value if isinstance(value, str) else json.dumps(value)
    verb = "Set" if what == "RepositoryPolicy" else "Put"
    api.call(ctx, "ecr", f"{verb}{what}", repositoryName=repository, **{parameter: text})


def _delete(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    force = request.get("EmptyOnDelete") in (True, "true")
    api.remove(ctx, "ecr", "DeleteRepository", repositoryName=outcome.physical_id, force=force)


PROVIDERS = (
    Provider(
        "AWS::ECR::Repository",
        honoured="""RepositoryName ImageTagMutability EncryptionConfiguration LifecyclePolicy.LifecyclePolicyText
        RepositoryPolicyText EmptyOnDelete Tags""",
        accepted={
            "ImageScanningConfiguration": "no image is scanned locally",
            "LifecyclePolicy.RegistryId": "there is one account",
        },
        attributes=frozenset({"Arn", "RepositoryUri"}),
        create=_create,
        configure=_configure,
        delete=_delete,
        immutable=frozenset({"RepositoryName", "EncryptionConfiguration"}),
        name_property="RepositoryName",
    ),
)
