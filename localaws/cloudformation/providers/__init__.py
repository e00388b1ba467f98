"""The resource types that localaws deploys: one module per service, one small provider per type, found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Final

from localaws.cloudformation.errors import UnknownResourceType
from localaws.cloudformation.providers.provider import Provider


def _found() -> Iterator[Provider]:
    """Yield what each module of this folder lists as its ``PROVIDERS``."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        yield from getattr(importlib.import_module(module.name), "PROVIDERS", ())


PROVIDERS: Final[Mapping[str, Provider]] = {provider.type: provider for provider in _found()}


def provider_for(resource_type: str, *, at: str) -> Provider:
    """Return the provider of a type; UnknownResourceType, naming ``at`` (stack and logical id), if there is none."""
    if resource_type.startswith("Custom::"):
        return PROVIDERS["AWS::CloudFormation::CustomResource"]
    if resource_type not in PROVIDERS:
        raise UnknownResourceType(
            f"{at}: the resource type {resource_type} has no provider in localaws. Nothing was created. "
            "`python -m localaws coverage` lists the known types."
        )
    return PROVIDERS[resource_type]
