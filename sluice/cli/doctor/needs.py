"""What the stacks of an environment need of an account, read from their synthesized templates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.cli.cloud_assembly import DeclaredStack, declared_stacks

#: Shards of a new stream whose number Kinesis scales: https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html
_ON_DEMAND_SHARDS = 4


@dataclass(frozen=True)
class Resource:
    """One declared resource: the ``stack`` that has it, its logical ``name`` there, its type and properties."""

    stack: str
    name: str
    type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Bootstrap:
    """What CDK's bootstrap must have made: ``roles`` and ``buckets`` may hold CDK's placeholders."""

    parameter: str
    version: int
    roles: tuple[str, ...]
    buckets: tuple[str, ...]


@dataclass(frozen=True)
class Needs:
    """Everything that the stacks declare; a number that a template only refers to counts as the one left out."""

    stacks: tuple[DeclaredStack, ...]
    resources: tuple[Resource, ...]
    bootstrap: Bootstrap

    def of_type(self, kind: str) -> list[Resource]:
        """Return the resources of a type."""
        return [each for each in self.resources if each.type == kind]

    @property
    def memory(self) -> int:
        """Return the MiB of the largest function."""
        return max((_number(each.properties, "MemorySize", 128) for each in self._functions), default=0)

    @property
    def reserved(self) -> int:
        """Return the calls that functions reserve for themselves."""
        return sum(_number(each.properties, "ReservedConcurrentExecutions", 0) for each in self._functions)

    @property
    def concurrency(self) -> int:
        """Return the calls that event sources make at the same time at most."""
        streams = {each.name: each for each in self.of_type("AWS::Kinesis::Stream")}
        return sum(_calls(each.properties, streams) for each in self.of_type("AWS::Lambda::EventSourceMapping"))

    @property
    def _functions(self) -> list[Resource]:
        return self.of_type("AWS::Lambda::Function")


def on_demand(stream: Resource) -> bool:
    """Return whether Kinesis scales the stream."""
    return _inner(stream.properties, "StreamModeDetails").get("StreamMode") == "ON_DEMAND"


def shards(stream: Resource) -> int:
    """Return the shards with which a stream begins."""
    return _ON_DEMAND_SHARDS if on_demand(stream) else _number(stream.properties, "ShardCount", 1)


def _number(properties: Mapping[str, Any], name: str, left_out: int) -> int:
    """Return a number of a template, which may be a text; ``left_out`` for a reference, as to a parameter."""
    found = properties.get(name, left_out)
    return int(found) if isinstance(found, int | float) or (isinstance(found, str) and found.isdigit()) else left_out


def _inner(properties: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = properties.get(name)
    return found if isinstance(found, dict) else {}


def _calls(mapping: Mapping[str, Any], streams: Mapping[str, Resource]) -> int:
    if most := _number(_inner(mapping, "ScalingConfig"), "MaximumConcurrency", 0):
        return most
    source = mapping.get("EventSourceArn")
    name = source["Fn::GetAtt"][0] if isinstance(source, dict) and "Fn::GetAtt" in source else ""
    if name in streams:
        return shards(streams[name]) * _number(mapping, "ParallelizationFactor", 1)
    return 1


def read_needs(assembly: Path) -> Needs:
    """Return what the stacks of the cloud assembly in the folder need."""
    stacks = tuple(declared_stacks(assembly))
    resources = tuple(
        Resource(stack.name, name, declared["Type"], declared.get("Properties", {}))
        for stack in stacks
        for name, declared in stack.body.get("Resources", {}).items()
    )
    return Needs(stacks, resources, _bootstrap(assembly, stacks))


def _bootstrap(assembly: Path, stacks: tuple[DeclaredStack, ...]) -> Bootstrap:
    """Return what the assembly's own manifests name: what the CDK CLI reads before it deploys."""
    parameter, version = "", 0
    roles: set[str] = set()
    for properties in _manifests(assembly):
        parameter = properties.get("bootstrapStackVersionSsmParameter", parameter)
        version = max(version, int(properties.get("requiresBootstrapStackVersion", 0)))
        for key in ("assumeRoleArn", "cloudFormationExecutionRoleArn"):
            roles |= {properties[key]} if key in properties else set()
        if look_up := properties.get("lookupRole"):
            roles.add(look_up["arn"])
            version = max(version, int(look_up.get("requiresBootstrapStackVersion", 0)))
    buckets = {asset.bucket for stack in stacks for asset in stack.assets}
    return Bootstrap(parameter, version, tuple(sorted(roles)), tuple(sorted(buckets)))


def _manifests(assembly: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the properties of each artifact and of each destination of an asset, also in nested assemblies."""
    artifacts = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    for artifact in artifacts.values():
        properties = artifact.get("properties", {})
        yield properties
        if artifact["type"] == "cdk:asset-manifest":
            files = json.loads((assembly / properties["file"]).read_text(encoding="utf-8")).get("files", {})
            yield from (to for file in files.values() for to in file["destinations"].values())
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _manifests(assembly / properties["directoryName"])
