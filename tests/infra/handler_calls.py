"""Which AWS actions a handler's own code calls, read from the sources: ``client("s3").put_object`` → ``s3:PutObject``.

Follows names from the handler through ``sluice``: a function is reached when its name is mentioned, a method when its
class and its name are. That finds too much rather than too little.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from botocore.session import get_session

from tests.folders import ROOT

#: Calls whose IAM action has another name than the API operation, or that are more than one operation.
_OTHER_ACTIONS = {
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "s3:ListObjectVersions": {"s3:ListBucketVersions"},
    "s3:DeleteObjects": {"s3:DeleteObject"},
    "s3:CreateMultipartUpload": {"s3:PutObject"},
    "s3:UploadPart": {"s3:PutObject"},
    "s3:CompleteMultipartUpload": {"s3:PutObject"},
    "sns:PublishBatch": {"sns:Publish"},
    "sqs:SendMessageBatch": {"sqs:SendMessage"},
    "lambda:Invoke": {"lambda:InvokeFunction"},
    "s3:upload_fileobj": {"s3:PutObject", "s3:AbortMultipartUpload"},
}
#: Services whose prefix in IAM differs from their name in boto3.
_PREFIXES = {"stepfunctions": "states"}
_NO_CALLS = {"exceptions", "get_paginator"}


@dataclass
class Part:
    """One function or method: the names it mentions, and the clients' methods it calls."""

    owner: str = ""
    names: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)


def actions_of(handler: Path) -> set[str]:
    """Return the IAM actions of all calls reachable from ``handler`` in the module at that path."""
    parts = {**_library(), **dict(_parts(handler))}
    classes = {part.owner for part in parts.values() if part.owner}
    reached = {f"{handler}:handler"}
    while True:
        names = {name for key in reached for name in parts[key].names}
        # A private function is called in its own module alone, and many modules have a ``_commit`` or a ``_read``.
        named_in = {(key.partition(":")[0], name) for key in reached for name in parts[key].names}
        called = {name for key in reached for name in parts[key].called}
        attributes = {name for key in reached for name in parts[key].attributes} - _fields() | called
        more = {
            key
            for key, part in parts.items()
            if (name := key.rpartition(":")[2])
            and (name in attributes or name.startswith("__") if part.owner else _is_named(key, name, names, named_in))
            and (not part.owner or part.owner in names & classes)
        }
        if more <= reached:
            return {action for key in reached for call in parts[key].calls for action in _actions(call)}
        reached |= more


@functools.cache
def _library() -> dict[str, Part]:
    paths = [path for path in (ROOT / "sluice").rglob("*.py") if {"cli", "generate"}.isdisjoint(path.parts)]
    return {key: part for path in paths for key, part in _parts(path)}


@functools.cache
def _fields() -> set[str]:
    """Return the names of all fields: mentioning one without a call is no mention of a method of that name."""
    paths = [*(ROOT / "sluice").rglob("*.py"), *(ROOT / "lambdas").rglob("*.py")]
    classes = [node for path in paths for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]
    assigned = [node.target for body in classes for node in body.body if isinstance(node, ast.AnnAssign)]
    return {target.id for target in assigned if isinstance(target, ast.Name)}


def _parts(path: Path) -> Iterator[tuple[str, Part]]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            yield f"{path}:{node.name}", _part(node)
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    yield f"{path}:{node.name}:{method.name}", _part(method, owner=node.name)


def _part(body: ast.AST, owner: str = "") -> Part:
    part = Part(owner)
    for node in ast.walk(body):
        if isinstance(node, ast.Name):
            part.names.add(node.id)
        elif isinstance(node, ast.Attribute):
            part.attributes.add(node.attr)
            if service := _service(node.value):
                part.calls |= {f"{service}:{node.attr}"} if node.attr not in _NO_CALLS else set()
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            part.called.add(node.func.attr)
            if node.func.attr == "get_paginator":
                operation = node.args[0]
                assert isinstance(operation, ast.Constant)
                part.calls.add(f"{_service(node.func.value)}:{operation.value}")
    return part


def _is_named(key: str, name: str, names: set[str], named_in: set[tuple[str, str]]) -> bool:
    """Tell whether a function is mentioned where its name can mean it."""
    return (key.partition(":")[0], name) in named_in if name.startswith("_") else name in names


def _service(node: ast.expr) -> str | None:
    """Return ``s3`` of ``client("s3")``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "client":
        (name,) = node.args
        assert isinstance(name, ast.Constant), "a client's service is written where it is made"
        return str(name.value)
    return None


@functools.cache
def _actions(call: str) -> set[str]:
    service, _, method = call.partition(":")
    if call in _OTHER_ACTIONS:
        return _OTHER_ACTIONS[call]
    operations = get_session().get_service_model(service).operation_names
    (operation,) = [name for name in operations if name.lower() == method.replace("_", "").lower()]
    return _OTHER_ACTIONS.get(f"{service}:{operation}", {f"{_PREFIXES.get(service, service)}:{operation}"})
