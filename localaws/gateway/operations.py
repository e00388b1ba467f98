"""Reads from the API models which parameters an operation has, and where in a request each of them is sent."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: The API model of each service whose calls are read here, by its prefix in IAM policies.
MODELS: Mapping[str, str] = {
    "athena": "athena", "cloudformation": "cloudformation", "cloudwatch": "cloudwatch", "dynamodb": "dynamodb",
    "events": "events", "firehose": "firehose", "glue": "glue", "iam": "iam", "kinesis": "kinesis", "kms": "kms",
    "lakeformation": "lakeformation", "lambda": "lambda", "logs": "logs", "s3": "s3", "scheduler": "scheduler",
    "secretsmanager": "secretsmanager", "sns": "sns", "sqs": "sqs", "ssm": "ssm", "states": "stepfunctions",
    "sts": "sts", "tag": "resourcegroupstaggingapi",
}  # fmt: skip
STREAMS = "dynamodbstreams"
#: Services that still answer in the older protocol, which their models no longer name.
_OLDER = {"sqs": frozenset({"query"})}


@dataclass(frozen=True)
class Operation:
    """The names of an operation's parameters as they are sent: in the body (or form), in the address, as texts.

    ``raw`` if the whole body is one parameter.
    """

    body: frozenset[str]
    query: frozenset[str]
    texts: frozenset[str]
    raw: bool = False


@functools.cache
def protocols(model: str) -> frozenset[str]:
    """Return the protocols in which a service may be called: ``json``, ``query``, ``rest-json``, …"""
    metadata = _service(model).metadata
    return frozenset(metadata.get("protocols") or [metadata["protocol"]]) | _OLDER.get(model, frozenset())


@functools.cache
def target_prefix(model: str) -> str:
    """Return the part of ``X-Amz-Target`` before its dot; empty if the service has no such header."""
    return str(_service(model).metadata.get("targetPrefix", ""))


@functools.cache
def operation(model: str, action: str) -> Operation | None:
    """Return the operation's parameters; None if the service has no such operation."""
    service = _service(model)
    if action not in service.operation_names:
        return None
    shape = service.operation_model(action).input_shape
    if shape is None:
        return Operation(frozenset(), frozenset(), frozenset())
    places: dict[str, set[str]] = {"body": set(), "querystring": set()}
    texts: set[str] = set()
    payload = shape.serialization.get("payload")
    for name, member in shape.members.items():
        place = member.serialization.get("location", "body")
        places.setdefault(place, set()).update(_names(name, member))
        if member.type_name == "string":
            texts.update(_names(name, member))
    raw = payload is not None and shape.members[payload].type_name != "structure"
    return Operation(frozenset(places["body"]), frozenset(places["querystring"]), frozenset(texts), raw)


def _names(name: str, member: Any) -> Iterator[str]:
    """Yield the names that a parameter has in a form: its own, and for a flattened list that of its elements."""
    yield member.serialization.get("name", name)
    flattened = member.type_name == "list" and member.serialization.get("flattened")
    if flattened and (inner := member.member.serialization.get("name")):
        yield inner


@functools.cache
def roles(model: str, action: str) -> tuple[tuple[str, ...], ...]:
    """Return the paths of the parameters that are roles; ``*`` stands for each key of a map."""
    service = _service(model)
    if action not in service.operation_names:
        return ()
    return tuple(_roles(service.operation_model(action).input_shape, (), frozenset()))


def _roles(shape: Any, path: tuple[str, ...], above: frozenset[str]) -> Iterator[tuple[str, ...]]:
    if shape is None or shape.name in above:
        return
    inside = above | {shape.name}
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from _roles(member, (*path, member.serialization.get("name", name)), inside)
    elif shape.type_name == "list":
        yield from _roles(shape.member, path, inside)
    elif shape.type_name == "map":
        yield from _roles(shape.value, (*path, "*"), inside)
    elif shape.type_name == "string" and path and _ends_as_role(path[-1]):
        yield path


def _ends_as_role(name: str) -> bool:
    return re.search(r"role(arn)?s?$", name, re.IGNORECASE) is not None


@dataclass(frozen=True)
class Place:
    """How an S3 operation is requested: its method, whether on a key, and the arguments of its address."""

    name: str
    method: str
    level: str
    fixed: Mapping[str, str]
    required: frozenset[str]
    members: frozenset[str]
    headers: frozenset[str]
    copies: bool

    def matches(self, query: Mapping[str, str]) -> bool:
        """Return whether an address with these arguments can be a request of this operation."""
        named = all(n in query and (not value or query[n] == value) for n, value in self.fixed.items())
        return named and self.required <= query.keys() and query.keys() <= self.fixed.keys() | self.members

    @property
    def weight(self) -> int:
        """Return how many arguments the operation demands; of several that match, the one with most is meant."""
        return len(self.fixed) + len(self.required) + self.copies


@functools.cache
def places() -> tuple[Place, ...]:
    """Return how each S3 operation is requested; the newer one where two operations share a request."""
    service = _service("s3")
    found = []
    for name in service.operation_names:
        model = service.operation_model(name)
        path, _, query = model.http["requestUri"].partition("?")
        level = re.sub(r"[^BK]", "", path.replace("{Bucket}", "B").replace("{Key+}", "K"))
        if model.deprecated or path not in {"/", "/{Bucket}", "/{Bucket}/{Key+}"} or name == "ListDirectoryBuckets":
            continue
        members = model.input_shape.members if model.input_shape else {}
        sent = {n: m.serialization for n, m in members.items()}
        in_query = {s["name"]: n for n, s in sent.items() if s.get("location") == "querystring"}
        in_header = frozenset(s["name"].lower() for s in sent.values() if s.get("location") == "header")
        needed = set(model.input_shape.required_members) if model.input_shape else set()
        required = frozenset(wire for wire, member in in_query.items() if member in needed)
        fixed = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
        copies = "CopySource" in needed
        found.append(Place(name, model.http["method"], level, fixed, required, frozenset(in_query), in_header, copies))
    return tuple(found)


@functools.cache
def _service(model: str) -> Any:
    from moto.core.utils import get_service_model

    return get_service_model(model)
