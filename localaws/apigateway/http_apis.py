"""Answers a request to an HTTP API: its CORS configuration first, then the route that it takes."""

from __future__ import annotations

import logging
from typing import Any

from localaws import execute_api
from localaws.apigateway import routes
from localaws.apigateway.answers import Answer, Malformed, answer, read, told
from localaws.apigateway.invoking import Failure, invoke
from localaws.apigateway.payloads import Asked, Taken, event
from localaws.context import Context
from localaws.gateway import apis

log = logging.getLogger("localaws.apigateway")

_FAILED = told(500, "Internal Server Error")
_UNAVAILABLE = told(503, "Service Unavailable")
_OF_FAILURES = {Failure.THROTTLED: _UNAVAILABLE, Failure.SLOW: _UNAVAILABLE}


def answered(ctx: Context, api: Any, asked: Asked) -> Answer:
    """Return the answer of moto's HTTP API ``api``."""
    headers = asked.joined
    preflight = asked.method == "OPTIONS" and "access-control-request-method" in headers and "origin" in headers
    cors = apis.cors_headers(ctx, api.api_id, headers, preflight=preflight)
    if preflight and api.cors_configuration:
        return Answer(204, cors, b"")
    made = _through(ctx, api, asked)
    if not api.cors_configuration:
        return made
    kept = [pair for pair in made.headers if not pair[0].lower().startswith("access-control-")]
    return Answer(made.status, [*kept, *cors], made.body)


def _through(ctx: Context, api: Any, asked: Asked) -> Answer:
    first, _, rest = asked.path.lstrip("/").partition("/")
    named = first in api.stages
    stage = api.stages.get(first if named else routes.DEFAULT)
    if stage is None:
        return told(404, "Not Found")
    pairs = [(route.route_key, route) for route in list(api.routes.values())]
    found = routes.find(pairs, asked.method, f"/{rest}" if named else asked.path)
    if found is None:
        return told(404, "Not Found")
    key, route, values = found
    integration = api.integrations.get(str(route.target).removeprefix("integrations/"))
    if integration is None or (reason := _not_run(route, integration)):
        log.error("%s of the API %s: %s", key, api.api_id, "no integration" if integration is None else reason)
        return _FAILED
    taken = Taken(ctx.account, ctx.region, api.api_id, stage.name, key, values, stage.stage_variables or {})
    return _invoked(ctx, asked, taken, integration)


def _not_run(route: Any, integration: Any) -> str | None:
    """Return what moto took otherwise than by its API and is not run, if anything."""
    declared = {"authorizationType": route.authorization_type, "authorizerId": route.authorizer_id}
    target = {"integrationType": integration.integration_type, "integrationUri": integration.integration_uri}
    return execute_api.refused("route", declared) or execute_api.refused("integration", target)


def _invoked(ctx: Context, asked: Asked, taken: Taken, integration: Any) -> Answer:
    version = str(integration.payload_format_version or "1.0")
    path = f"/{routes.DEFAULT}" if taken.route_key == routes.DEFAULT else f"/{asked.method}{taken.resource}"
    returned = invoke(
        ctx,
        str(integration.integration_uri),
        event(version, asked, taken),
        source=f"{taken.api_id}/{taken.stage}{path}",
        seconds=int(integration.timeout_in_millis or 30_000) / 1000,
    )
    if isinstance(returned, Failure):
        return _OF_FAILURES.get(returned, _FAILED)
    try:
        return answer(version, read(returned))
    except Malformed as error:
        log.error("the answer to %s of the API %s is malformed: %s", taken.route_key, taken.api_id, error)
        return _FAILED
