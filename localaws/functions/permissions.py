"""The policies of functions' versions and aliases: moto keeps a statement without the name that it is about.

A statement is kept with its function, and its Resource says what it is about: the function, a version or an alias. So
it stays when an alias moves on to another version, and allows nothing else.
https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import PreconditionFailedException, UnknownPolicyException
from moto.awslambda.models import LambdaBackend
from moto.awslambda.policy import Policy
from moto.awslambda.responses import LambdaResponse

from localaws.moto_patches import original, replace


def install() -> None:
    """Keep statements with what they are about."""
    replace(LambdaBackend, "add_permission", _add)
    replace(LambdaBackend, "get_policy", _get)
    replace(LambdaResponse, "remove_permission", _remove)


def _named(backend: Any, function: str, qualifier: str | None) -> tuple[Any, str]:
    """Return moto's function, and the ARN of what is named of it; raises moto's error for what is not there."""
    name, _, inner = function.rpartition(":function:")[2].partition(":")
    chosen = inner or qualifier or "$LATEST"
    backend.get_function(name, chosen)
    latest = backend.get_function(name)
    return latest, latest.function_arn if chosen == "$LATEST" else f"{latest.function_arn}:{chosen}"


def _add(self: Any, function_name: str, qualifier: str | None, raw: str) -> Any:
    function, arn = _named(self, function_name, qualifier)
    statement = json.dumps({**json.loads(raw), "Resource": arn})
    return original(LambdaBackend, "add_permission")(self, function.function_name, None, statement)


def _get(self: Any, function_name: str, qualifier: str | None = None) -> str:
    function, arn = _named(self, function_name, qualifier)
    shown = Policy(function)
    shown.revision = function.policy.revision
    shown.statements = [each for each in function.policy.statements if each["Resource"] == arn]
    return shown.wire_format()


def _remove(self: Any) -> Any:
    *_, name, _, statement = self.path.split("?")[0].split("/")
    function, arn = _named(self.backend, unquote(name), self.querystring.get("Qualifier", [None])[0])
    policy = function.policy
    if (revision := self.querystring.get("RevisionId", [""])[0]) and revision != policy.revision:
        raise PreconditionFailedException("The RevisionId provided does not match the latest RevisionId")
    for each in policy.statements:
        if each.get("Sid") == unquote(statement) and each["Resource"] == arn:
            policy.statements.remove(each)
            return 204, {"status": 204}, "{}"
    raise UnknownPolicyException
