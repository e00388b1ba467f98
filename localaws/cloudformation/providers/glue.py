"""AWS::Glue: databases and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.cloudformation.errors import ResourceFailed
from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context

_JOB = (
    "Description LogUri Role ExecutionProperty Command DefaultArguments NonOverridableArguments Connections MaxRetries "
    "AllocatedCapacity Timeout MaxCapacity SecurityConfiguration NotificationProperty GlueVersion NumberOfWorkers "
    "WorkerType ExecutionClass"
)


def _create_database(ctx: Context, request: Request) -> ResourceOutcome:
    database = dict(request["DatabaseInput"])
    database.setdefault("Name", request.get("DatabaseName") or request.name(255, lower=True))
    api.call(ctx, "glue", "CreateDatabase", CatalogId=_catalog(ctx, request), DatabaseInput=database)
    return ResourceOutcome(database["Name"])


def _found_database(ctx: Context, name: str) -> ResourceOutcome | None:
    return ResourceOutcome(name) if api.find(ctx, "glue", "GetDatabase", Name=name) is not None else None


def _update_database(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    database = {**new["DatabaseInput"], "Name": outcome.physical_id}
    api.call(ctx, "glue", "UpdateDatabase", Name=outcome.physical_id, DatabaseInput=database)
    return outcome


def _delete_database(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "glue", "DeleteDatabase", Name=outcome.physical_id)


def _catalog(ctx: Context, request: Request) -> str:
    catalog = str(request.get("CatalogId", ctx.account))
    if catalog != ctx.account:
        raise ResourceFailed(f"CatalogId is {catalog}, but the only account here is {ctx.account}")
    return catalog


def _create_job(ctx: Context, request: Request) -> ResourceOutcome:
    name = request.get("Name") or request.name(255)
    api.must_be_new(api.find(ctx, "glue", "GetJob", JobName=name), f"the job {name}")
    api.call(ctx, "glue", "CreateJob", Name=name, Tags=request.tags, **_job(request.properties))
    return ResourceOutcome(name)


def _job(properties: Mapping[str, Any]) -> dict[str, Any]:
    return api.pick(properties, _JOB)


def _update_job(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    # moto has no UpdateJob: the job is created again, with the run history of the old one.
    from moto.glue.models import glue_backends

    name, backend = outcome.physical_id, glue_backends[ctx.account][ctx.region]
    runs = backend.jobs[name].job_runs
    api.remove(ctx, "glue", "DeleteJob", JobName=name)
    api.call(ctx, "glue", "CreateJob", Name=name, Tags=new.tags, **_job(new.properties))
    backend.jobs[name].job_runs = runs
    return outcome


def _delete_job(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "glue", "DeleteJob", JobName=outcome.physical_id)


PROVIDERS = (
    Provider(
        "AWS::Glue::Database",
        honoured="CatalogId DatabaseName DatabaseInput.{Name,Description,LocationUri,Parameters}",
        accepted={
            "DatabaseInput.CreateTableDefaultPermissions": "Lake Formation permissions are not enforced locally",
        },
        required=frozenset({"CatalogId", "DatabaseInput"}),
        create=_create_database,
        update=_update_database,
        delete=_delete_database,
        immutable=frozenset({"CatalogId", "DatabaseName", "DatabaseInput.Name"}),
        identifier="DatabaseName",
        found=_found_database,
    ),
    Provider(
        "AWS::Glue::Job",
        honoured=" ".join(
            [
                "Name Tags",
                "Command.{Name,PythonVersion,Runtime,ScriptLocation}",
                "ExecutionProperty.MaxConcurrentRuns Connections.Connections NotificationProperty.NotifyDelayAfter",
                *(
                    n
                    for n in _JOB.split()
                    if n not in ("Command", "ExecutionProperty", "Connections", "NotificationProperty")
                ),
            ]
        ),
        accepted={"JobRunQueuingEnabled": "runs start at once locally"},
        required=frozenset({"Role", "Command"}),
        create=_create_job,
        update=_update_job,
        delete=_delete_job,
        immutable=frozenset({"Name"}),
        name_property="Name",
    ),
)
