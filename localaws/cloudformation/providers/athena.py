"""AWS::Athena: workgroups and named queries."""

from __future__ import annotations

from typing import Any

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context

_CONFIGURATION = (
    "{BytesScannedCutoffPerQuery,EnforceWorkGroupConfiguration,EngineVersion.SelectedEngineVersion,"
    "PublishCloudWatchMetricsEnabled,RequesterPaysEnabled,ResultConfiguration.{OutputLocation,ExpectedBucketOwner,"
    "EncryptionConfiguration.{EncryptionOption,KmsKey},AclConfiguration.S3AclOption}}"
)


def _create_workgroup(ctx: Context, request: Request) -> ResourceOutcome:
    name = request["Name"]
    api.call(
        ctx,
        "athena",
        "CreateWorkGroup",
        Name=name,
        Description=request.get("Description"),
        Configuration=request.get("WorkGroupConfiguration"),
        Tags=api.pairs(request.tags),
    )
    return ResourceOutcome(
        name, {"CreationTime": "0", "WorkGroupConfiguration.EngineVersion.EffectiveEngineVersion": "3"}
    )


def _configure_workgroup(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    name = outcome.physical_id
    if old is None:
        if new.get("State", "ENABLED") != "ENABLED":
            api.call(ctx, "athena", "UpdateWorkGroup", WorkGroup=name, State=new["State"])
        return
    api.call(
        ctx,
        "athena",
        "UpdateWorkGroup",
        WorkGroup=name,
        Description=new.get("Description", ""),
        State=new.get("State", "ENABLED"),
        ConfigurationUpdates=_updates(new.get("WorkGroupConfiguration", {})),
    )
    arn = f"arn:aws:athena:{ctx.region}:{ctx.account}:workgroup/{name}"
    api.retag(ctx, "athena", arn, old.tags, new.tags)


def _updates(configuration: dict[str, Any]) -> dict[str, Any]:
    out = {k: v for k, v in configuration.items() if k != "ResultConfiguration"}
    if "ResultConfiguration" in configuration:
        out["ResultConfigurationUpdates"] = configuration["ResultConfiguration"]
    return out


def _delete_workgroup(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    recursive = request.get("RecursiveDeleteOption")
    api.remove(ctx, "athena", "DeleteWorkGroup", WorkGroup=outcome.physical_id, RecursiveDeleteOption=recursive)


def _create_query(ctx: Context, request: Request) -> ResourceOutcome:
    query = api.call(
        ctx,
        "athena",
        "CreateNamedQuery",
        Name=request.get("Name") or request.name(128),
        **api.pick(request.properties, "Description Database QueryString WorkGroup"),
    )["NamedQueryId"]
    return ResourceOutcome(query, {"NamedQueryId": query})


def _delete_query(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    # moto has no DeleteNamedQuery, so the query is taken out of its state.
    from moto.athena.models import athena_backends

    athena_backends[ctx.account][ctx.region].named_queries.pop(outcome.physical_id, None)


PROVIDERS = (
    Provider(
        "AWS::Athena::WorkGroup",
        honoured=f"Name Description State RecursiveDeleteOption Tags WorkGroupConfiguration.{_CONFIGURATION}",
        required=frozenset({"Name"}),
        create=_create_workgroup,
        configure=_configure_workgroup,
        delete=_delete_workgroup,
        immutable=frozenset({"Name"}),
        name_property="Name",
    ),
    Provider(
        "AWS::Athena::NamedQuery",
        honoured="Name Description Database QueryString WorkGroup",
        required=frozenset({"Database", "QueryString"}),
        attributes=frozenset({"NamedQueryId"}),
        create=_create_query,
        delete=_delete_query,
    ),
)
