"""Reads a cloud assembly as the CDK CLI does: its stacks in order, and the files that must be published first.

https://github.com/aws/aws-cdk-cli/tree/main/packages/%40aws-cdk/cloud-assembly-schema
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from sluice.errors import CommandError

_STACK, _ASSETS, _NESTED = "aws:cloudformation:stack", "cdk:asset-manifest", "cdk:cloud-assembly"
_OLDER_ASSET = "aws:cdk:asset"
#: Zips of the same content are the same bytes.
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Asset:
    """One file or folder that a stack needs in a bucket; ``bucket`` and ``key`` may hold CDK's placeholders."""

    path: Path
    zipped: bool
    bucket: str
    key: str


@dataclass(frozen=True)
class DeclaredStack:
    """One stack as it is declared now: ``template_url`` is where its published template will be (``s3://…``).

    ``region`` is empty where the declaration leaves it to whoever deploys.
    """

    name: str
    template: Path
    template_url: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    assets: tuple[Asset, ...]
    region: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """Return the template."""
        found: dict[str, Any] = json.loads(self.template.read_text(encoding="utf-8"))
        return found


def declared_stacks(assembly: Path) -> list[DeclaredStack]:
    """Return the stacks of the assembly in the folder, each after those that it depends on."""
    return list(_stacks(assembly))


def _stacks(folder: Path) -> Iterator[DeclaredStack]:
    artifacts: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    needs = {
        name: [other for other in artifact.get("dependencies", ()) if other in artifacts]
        for name, artifact in artifacts.items()
    }
    for name in TopologicalSorter(needs).static_order():
        properties = artifacts[name].get("properties", {})
        if artifacts[name]["type"] == _NESTED:
            yield from _stacks(folder / properties["directoryName"])
        elif artifacts[name]["type"] == _STACK:
            manifests = [artifacts[other] for other in needs[name] if artifacts[other]["type"] == _ASSETS]
            files = [folder / each["properties"]["file"] for each in manifests]
            yield DeclaredStack(
                properties.get("stackName", name),
                folder / properties["templateFile"],
                properties["stackTemplateAssetObjectUrl"],
                properties.get("parameters", {}),
                properties.get("tags", {}),
                tuple(asset for file in files for asset in _assets(file)),
                artifacts[name].get("environment", "").rpartition("/")[2].removeprefix("unknown-region"),
            )


def _assets(manifest: Path) -> Iterator[Asset]:
    content = json.loads(manifest.read_text(encoding="utf-8"))
    if content.get("dockerImages"):
        raise CommandError(
            f"{manifest.name} declares container images, which the local AWS does not run.",
            safe="nothing was deployed or changed.",
            next_step="give the function its code as a folder: `Code.from_asset`.",
            file=str(manifest),
        )
    for file in content.get("files", {}).values():
        for to in file["destinations"].values():
            zipped = file["source"].get("packaging") == "zip"
            yield Asset(manifest.parent / file["source"]["path"], zipped, to["bucketName"], to["objectKey"])


def taken(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield what the manifests of an assembly have a deployment take: the manifest, and the file or folder."""
    manifest = folder / "manifest.json"
    for artifact in json.loads(manifest.read_text(encoding="utf-8")).get("artifacts", {}).values():
        properties = artifact.get("properties", {})
        named = [properties[each] for each in ("templateFile", "file", "directoryName") if each in properties]
        told = artifact.get("additionalMetadataFile")
        entries: dict[str, Any] = dict(artifact.get("metadata", {}))
        if told is not None:
            named.append(told)
            entries |= json.loads((folder / told).read_text(encoding="utf-8"))
        # Assets of the synthesizer before today's.
        older = [each["data"]["path"] for some in entries.values() for each in some if each["type"] == _OLDER_ASSET]
        yield from ((manifest, folder / path) for path in (*named, *older))
        if artifact["type"] == _ASSETS:
            yield from _sources(folder / properties["file"])
        elif artifact["type"] == _NESTED:
            yield from taken(folder / properties["directoryName"])


def _sources(manifest: Path) -> Iterator[tuple[Path, Path]]:
    content = json.loads(manifest.read_text(encoding="utf-8"))
    for asset in (*content.get("files", {}).values(), *content.get("dockerImages", {}).values()):
        for part in ("path", "directory"):
            if part in asset["source"]:
                yield manifest, manifest.parent / asset["source"][part]


def write_zip(folder: Path, out: Path) -> None:
    """Write the files below ``folder`` to the zip ``out``, with their permissions and without their times."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for place, folders, names in os.walk(folder, followlinks=True):
            folders.sort()
            for name in sorted(names):
                file = Path(place, name)
                entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _LONG_AGO)
                entry.external_attr = file.stat().st_mode << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
