"""The roles that a call passes to a service: its caller needs ``iam:PassRole`` for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localaws.context import Context
from localaws.gateway import operations
from localaws.gateway.calls import Request
from localaws.iam.actions import Need, UnknownAction
from localaws.iam.conditions import Given


def passed(ctx: Context, request: Request) -> list[Need]:
    """Return the ``iam:PassRole`` permissions that a call needs.

    Otherwise whoever may create a function could do everything that any role may do.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    paths = _paths(request)
    if paths and request.protocol == "cbor":  # its body is not read here
        raise UnknownAction(f"{request.service}:{request.action}")
    texts = [text for path in paths for text in _at(request.parameters, path)]
    if request.protocol == "query":  # a form names nested parameters with dots
        texts += [str(given) for path in paths if (given := request.parameters.get(".".join(path))) and len(path) > 1]
    found = [role if role.startswith("arn:") else f"arn:aws:iam::{ctx.account}:role/{role}" for role in texts]
    context: dict[str, Given] = {"iam:passedtoservice": f"{request.service}.amazonaws.com"}
    return [Need("iam:PassRole", tuple(dict.fromkeys(found)), context)] if found else []


def _paths(request: Request) -> tuple[tuple[str, ...], ...]:
    """Return the paths of the parameters that pass a role; empty for STS and IAM.

    STS assumes a role, and IAM changes roles: neither passes one.
    """
    model = operations.MODELS.get(request.service)
    if model is None or request.service in {"sts", "iam"}:
        return ()
    return operations.roles(model, request.action)


def _at(given: Any, path: Sequence[str]) -> list[str]:
    """Return the texts at ``path``, inside lists as well; ``*`` stands for each key of a map."""
    if isinstance(given, list):
        return [text for each in given for text in _at(each, path)]
    if not path:
        return [given] if isinstance(given, str) and given else []
    if not isinstance(given, Mapping):
        return []
    inside = given.values() if path[0] == "*" else [given.get(path[0])]
    return [text for each in inside for text in _at(each, path[1:])]
