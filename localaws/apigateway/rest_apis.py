"""Answers a request to a REST API: the method of the deployment that its stage has.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from localaws.apigateway import declared_rest, routes
from localaws.apigateway.answers import Answer, Malformed, answer, read, told
from localaws.apigateway.invoking import Failure, invoke
from localaws.apigateway.payloads import Asked, Taken, is_binary, rest_event
from localaws.context import Context

log = logging.getLogger("localaws.apigateway")

_FAILED = told(502, "Internal server error")
_MISCONFIGURED = told(500, "Internal server error")
_OF_FAILURES = {
    Failure.FORBIDDEN: _MISCONFIGURED,
    Failure.THROTTLED: _MISCONFIGURED,
    Failure.SLOW: told(504, "Endpoint request timed out"),
}
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
_LONGEST_MS = 29_000


def lets(api: Any, path: str, origin: str) -> bool:
    """Return whether a page of ``origin`` may ask ``path``: the fixed answer to OPTIONS there names it, or all."""
    _, deployment, inner = _deployed(api, path)
    found = _found(deployment, "OPTIONS", inner) if deployment is not None else None
    if found is None or found[1].integration.integration_type != "MOCK":
        return False
    headers = {name.lower(): value for name, value in _mocked(found[1].integration).headers}
    return headers.get("access-control-allow-origin") in ("*", origin)


def _deployed(api: Any, path: str) -> tuple[Any, Any, str]:
    """Return the stage and the deployment that a path means, and the rest of it; None where there is none.

    The path is the one that was sent: unlike an HTTP API's it is not decoded, and a slash at its end stays.
    """
    name, _, rest = path.lstrip("/").partition("/")
    stage = api.stages.get(name)
    deployment = api.deployments.get(stage.deployment_id) if stage is not None else None
    return stage, deployment, f"/{rest}"


def _found(deployment: Any, method: str, path: str) -> tuple[str, declared_rest.Method, Mapping[str, str]] | None:
    """Return the method that a request takes; a slash at its path's end is not looked at."""
    return routes.find(declared_rest.deployed(deployment), method, path.rstrip("/") or "/")


def answered(ctx: Context, api: Any, asked: Asked) -> Answer:
    """Return the answer of moto's REST API ``api``."""
    stage, deployment, path = _deployed(api, asked.path)
    if deployment is None:
        return told(403, "Forbidden")
    found = _found(deployment, asked.method, path)
    if found is None:
        return told(403, "Missing Authentication Token")
    key, method, values = found
    integration = method.integration
    variables = stage.variables or {}
    taken = Taken(ctx.account, ctx.region, api.id, stage.name, key, values, variables, method.resource_id)
    if integration.integration_type == "MOCK":
        return _mocked(integration)
    return _invoked(ctx, api, replace(asked, path=path), taken, integration)


def _mocked(integration: Any) -> Answer:
    """Return the fixed answer of a MOCK integration, as CDK makes them for preflight requests."""
    responses = list((integration.integration_responses or {}).values())
    if len(responses) != 1:
        return _MISCONFIGURED
    response = responses[0]
    header = "method.response.header."
    headers = [
        (name.removeprefix(header), value.strip("'"))
        for name, value in (response.response_parameters or {}).items()
        if name.startswith(header)
    ]
    templates = response.response_templates or {}
    body = next(iter(templates.values()), None) or ""
    kind = [("Content-Type", next(iter(templates), "application/json"))]
    return Answer(int(response.status_code), [*headers, *kind], body.encode())


def _invoked(ctx: Context, api: Any, asked: Asked, taken: Taken, integration: Any) -> Answer:
    returned = invoke(
        ctx,
        str(integration.uri),
        rest_event(asked, taken, binary=api.binaryMediaTypes),
        source=f"{taken.api_id}/{taken.stage}/{asked.method}{taken.resource}",
        seconds=int(integration.timeout_in_millis or _LONGEST_MS) / 1000,
    )
    if isinstance(returned, Failure):
        return _OF_FAILURES.get(returned, _FAILED)
    try:
        said = read(returned)
        accepted = asked.joined.get("accept", "").partition(",")[0]
        if isinstance(said, dict) and not is_binary(accepted, api.binaryMediaTypes):
            said["isBase64Encoded"] = False  # it stays a text unless the client asks for a type that is binary
        return answer("1.0", said, default_type="application/json")
    except Malformed as error:
        log.error("the answer to %s of the API %s is malformed: %s", taken.route_key, taken.api_id, error)
        return _FAILED
