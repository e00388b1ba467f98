"""The resource types that localaws deploys: one module for each service, found without a list."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from localaws.cloudformation.errors import BrokenProvider, UnknownResourceType
from localaws.cloudformation.providers.provider import Provider

#: Modules of this folder that declare no resource type, but what the others are made with.
_TOOLS = ("__init__", "api", "provider")


def found_in(package: str, folder: Path) -> dict[str, Provider]:
    """Return the ``PROVIDERS`` of all modules in ``folder``, by resource type; BrokenProvider names a broken one."""
    found: dict[str, Provider] = {}
    owners: dict[str, Path] = {}
    for file in _files(folder):
        for provider in _declared(package, file):
            if other := owners.get(provider.type):
                raise _broken(file, f"{provider.type} is deployed by {other} already")
            found[provider.type], owners[provider.type] = provider, file
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Yield the modules of ``folder``; BrokenProvider for a folder of them, of which none would be imported."""
    for path in sorted(folder.glob("[!.]*")):
        if path.suffix == ".py" and path.is_file() and path.stem not in _TOOLS:
            yield path
        elif path.is_dir() and next(path.rglob("*.py"), None) is not None:
            raise _broken(path, "providers are modules, not folders of modules")


def _declared(package: str, file: Path) -> tuple[Provider, ...]:
    try:
        declared = vars(importlib.import_module(f"{package}.{file.stem}")).get("PROVIDERS")
    except (Exception, SystemExit) as error:
        # SystemExit, too: with status 0 nothing would be deployed, in silence.
        raise _broken(file, f"it cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(declared, tuple | list) or not declared:
        raise _broken(file, f"its PROVIDERS are {declared!r}, not a tuple of Provider")
    for each in declared:
        if not isinstance(each, Provider):
            raise _broken(file, f"its PROVIDERS hold {each!r}, which is no Provider")
    return tuple(declared)


def _broken(file: Path, why: str) -> BrokenProvider:
    return BrokenProvider(f"{file}: {why}. Nothing was created. Mend the file, or move it out of {file.parent}.")


PROVIDERS: Final[Mapping[str, Provider]] = found_in(__name__, Path(__file__).parent)


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
