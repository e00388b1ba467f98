"""AWS::SSM::Parameter."""

from __future__ import annotations

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context

_PARAMETER = "Type Value Description AllowedPattern Tier DataType Policies"


def _put(ctx: Context, request: Request, name: str, *, overwrite: bool) -> ResourceOutcome:
    given = api.pick(request.properties, _PARAMETER)
    tags = api.pairs(request.tags) if not overwrite else None
    api.call(ctx, "ssm", "PutParameter", Name=name, Overwrite=overwrite, Tags=tags or None, **given)
    return ResourceOutcome(name, {"Type": request["Type"], "Value": request["Value"]})


def _create(ctx: Context, request: Request) -> ResourceOutcome:
    name = request.get("Name") or request.name(1011)
    return _put(ctx, request, name, overwrite=name in ctx.lent)


def _update(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    name = outcome.physical_id
    if gone := sorted(set(old.tags) - set(new.tags)):
        api.call(ctx, "ssm", "RemoveTagsFromResource", ResourceType="Parameter", ResourceId=name, TagKeys=gone)
    if new.tags and new.tags != old.tags:
        tags = api.pairs(new.tags)
        api.call(ctx, "ssm", "AddTagsToResource", ResourceType="Parameter", ResourceId=name, Tags=tags)
    return _put(ctx, new, name, overwrite=True)


def _delete(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "ssm", "DeleteParameter", Name=outcome.physical_id)


PROVIDERS = (
    Provider(
        "AWS::SSM::Parameter",
        honoured=f"Name Tags {_PARAMETER}",
        required=frozenset({"Type", "Value"}),
        attributes=frozenset({"Type", "Value"}),
        create=_create,
        update=_update,
        delete=_delete,
        immutable=frozenset({"Name"}),
        name_property="Name",
    ),
)
