"""The resource types that localaws deploys: one module for each service, found without a list."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Final

from localaws.cloudformation.errors import UnknownResourceType
from localaws.cloudformation.providers.provider import Provider

#: Modules of this folder that declare no resource type, but what the others are made with.
_TOOLS = ("api", "provider")


def _found() -> dict[str, Provider]:
    """Return the ``PROVIDERS`` of all modules in this folder, by resource type."""
    found: dict[str, Provider] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name in _TOOLS:
            continue
        for provider in importlib.import_module(f"{__name__}.{module.name}").PROVIDERS:
            if provider.type in found:
                raise ValueError(f"{provider.type} has two providers, one of them in {__name__}.{module.name}")
            found[provider.type] = provider
    return found


PROVIDERS: Final[Mapping[str, Provider]] = _found()


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
