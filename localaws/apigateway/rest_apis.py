"""Answers a request to a REST API: the method of the deployment that its stage has.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

from localaws.apigateway import declared_rest, routes
from localaws.apigateway.invoking import Failure, invoke
from localaws.apigateway.payloads import Answer, Asked, Malformed, Taken, answer, is_binary, rest_event, told
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
    found = routes.find(declared_rest.deployed(deployment), "OPTIONS", inner) if deployment is not None else None
    if found is None or found[1].integration_type != "MOCK":
        return False
    headers = {name.lower(): value for name, value in _mocked(found[1]).headers}
    return headers.get("access-control-allow-origin") in ("*", origin)


def _deployed(api: Any, path: str) -> tuple[Any, Any, str]:
    """Return the stage and the deployment that a path means, and the rest of it; None where there is none."""
    name, _, rest = path.lstrip("/").partition("/")
    stage = api.stages.get(name)
    deployment = api.deployments.get(stage.deployment_id) if stage is not None else None
    return stage, deployment, f"/{rest}".rstrip("/") or "/"


def answered(ctx: Context, api: Any, asked: Asked) -> Answer:
    """Return the answer of moto's REST API ``api``."""
    stage, deployment, path = _deployed(api, asked.path)
    if deployment is None:
        return told(403, "Forbidden")
    found = routes.find(declared_rest.deployed(deployment), asked.method, path)
    if found is None:
        return told(403, "Missing Authentication Token")
    key, integration, values = found
    taken = Taken(ctx.account, ctx.region, api.id, stage.name, key, values, stage.variables or {})
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
        said = json.loads(returned)
        accepted = asked.joined.get("accept", "").partition(",")[0]
        if isinstance(said, dict) and not is_binary(accepted, api.binaryMediaTypes):
            said["isBase64Encoded"] = False  # it stays a text unless the client asks for a type that is binary
        return answer("1.0", said, default_type="application/json")
    except (Malformed, ValueError) as error:
        log.error("the answer to %s of the API %s is malformed: %s", taken.route_key, taken.api_id, error)
        return _FAILED
