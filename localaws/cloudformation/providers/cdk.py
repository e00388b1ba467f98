"""AWS::CDK::Metadata: usage data that the CDK reports to AWS; it has no effect."""

from __future__ import annotations

from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context


def _create(ctx: Context, request: Request) -> ResourceOutcome:
    return ResourceOutcome(request.name())


def _update(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    return outcome


def _delete(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    """Do nothing: there is nothing to delete."""


PROVIDERS = (
    Provider(
        "AWS::CDK::Metadata",
        honoured="",
        accepted={"Analytics": "usage statistics of the CDK"},
        create=_create,
        update=_update,
        delete=_delete,
    ),
)
