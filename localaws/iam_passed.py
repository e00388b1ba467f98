"""Which roles a call hands to a service: whoever makes it needs leave to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.calls import Request
from localaws.context import Context
from localaws.iam_actions import Need
from localaws.iam_conditions import Given


def passed(ctx: Context, request: Request) -> list[Need]:
    """Who hands a role to a service needs leave to: else whoever may create a function may do all that any role may.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    found = [
        role if role.startswith("arn:") else f"arn:aws:iam::{ctx.account}:role/{role}"
        for path in _PASSED.get((request.service, request.action), ())
        for role in _at(request.parameters, path.split("."))
    ]
    context: dict[str, Given] = {"iam:passedtoservice": f"{request.service}.amazonaws.com"}
    return [Need("iam:PassRole", tuple(dict.fromkeys(found)), context)] if found else []


def _at(given: Any, path: list[str]) -> list[str]:
    """Return the texts at ``path``, through lists as well."""
    if isinstance(given, list):
        return [text for each in given for text in _at(each, path)]
    if not path:
        return [given] if isinstance(given, str) and given else []
    return _at(given.get(path[0]), path[1:]) if isinstance(given, Mapping) else []


#: Where calls name roles that a service is to act in.
_PASSED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("lambda", "CreateFunction"): ("Role",),
    ("lambda", "UpdateFunctionConfiguration"): ("Role",),
    ("glue", "CreateJob"): ("Role",),
    ("glue", "UpdateJob"): ("JobUpdate.Role",),
    ("glue", "CreateCrawler"): ("Role",),
    ("glue", "UpdateCrawler"): ("Role",),
    ("states", "CreateStateMachine"): ("roleArn",),
    ("states", "UpdateStateMachine"): ("roleArn",),
    ("scheduler", "CreateSchedule"): ("Target.RoleArn",),
    ("scheduler", "UpdateSchedule"): ("Target.RoleArn",),
    ("events", "PutRule"): ("RoleArn",),
    ("events", "PutTargets"): ("Targets.RoleArn",),
}
