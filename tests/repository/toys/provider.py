"""Toy::Shelf::Thing: a parameter of its name."""

from __future__ import annotations

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context


def _create(ctx: Context, request: Request) -> ResourceOutcome:
    api.call(ctx, "ssm", "PutParameter", Name=request["Label"], Value="on the shelf", Type="String")
    return ResourceOutcome(request["Label"])


def _delete(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "ssm", "DeleteParameter", Name=outcome.physical_id)


PROVIDERS = (
    Provider("Toy::Shelf::Thing", honoured="Label", create=_create, delete=_delete, required=frozenset({"Label"})),
)
