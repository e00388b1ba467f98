"""Answers the requests to APIs: the route is found, its function may be invoked and is, its answer is sent."""

from __future__ import annotations

import http.client
import json
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from localaws import execute_api
from localaws.apigateway import routes
from localaws.apigateway.payloads import Answer, Asked, Malformed, Taken, answer, event, told
from localaws.context import Context
from localaws.events.targets import Sender
from localaws.gateway import apis
from localaws.gateway.gate import HEADERS
from localaws.iam import enforcement

log = logging.getLogger("localaws.apigateway")

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
_LONGEST_BODY = 10 * 2**20
_FAILED = told(500, "Internal Server Error")
_UNAVAILABLE = told(503, "Service Unavailable")


def middleware(app: App, ctx: Context) -> App:
    """Return ``app`` for requests that address no API; those that do are answered here, without a signature."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        addressed = environ.get(apis.API)
        if addressed is None:
            return app(environ, start_response)
        asked = _read(environ, addressed)
        found = _answered(ctx, addressed.api_id, asked)
        length = [] if found.status in (204, 304) else [("Content-Length", str(len(found.body)))]
        own = [pair for pair in found.headers if pair[0].lower() not in ("content-length", "connection")]
        phrase = http.client.responses.get(found.status, "-")
        start_response(f"{found.status} {phrase}", [*own, *length, ("Apigw-Requestid", asked.id)])
        return [b"" if asked.method == "HEAD" else found.body]

    return serve


def _read(environ: dict[str, Any], addressed: apis.Addressed) -> Asked:
    headers = [(name.lower(), value) for name, value in environ[HEADERS]]
    host = dict(headers).get("host", "")
    forwarded = [
        ("x-forwarded-for", str(environ.get("REMOTE_ADDR", "127.0.0.1"))),
        ("x-forwarded-port", host.rpartition(":")[2]),
        ("x-forwarded-proto", "http"),
    ]
    return Asked(
        method=environ["REQUEST_METHOD"],
        path=unquote(addressed.path) or "/",
        query=addressed.query,
        headers=headers + forwarded,
        body=environ["wsgi.input"].read(_LONGEST_BODY + 1),
        protocol=str(environ.get("SERVER_PROTOCOL", "HTTP/1.1")),
        source_ip=str(environ.get("REMOTE_ADDR", "127.0.0.1")),
    )


def _answered(ctx: Context, api_id: str, asked: Asked) -> Answer:
    api = apis.http_api(ctx, api_id)
    if api is None or api.disable_execute_api_endpoint in (True, "true"):
        return told(404, f"There is no API {api_id} here that is reached by its address")
    headers = asked.joined
    preflight = asked.method == "OPTIONS" and "access-control-request-method" in headers and "origin" in headers
    cors = apis.cors_headers(ctx, api_id, headers, preflight=preflight)
    if preflight and api.cors_configuration:
        return Answer(204, cors, b"")
    if len(asked.body) > _LONGEST_BODY:
        return told(413, "Request Entity Too Large")
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
    function = function_in(str(integration.integration_uri))
    version = str(integration.payload_format_version or "1.0")
    verb = "" if taken.route_key == routes.DEFAULT else f"/{asked.method}"
    source = f"arn:aws:execute-api:{ctx.region}:{ctx.account}:{taken.api_id}/{taken.stage}{verb}"
    source += taken.resource if verb else f"/{taken.resource}"
    sender = Sender(service="apigateway.amazonaws.com", source_arn=source)
    if not enforcement.may_send(ctx, sender, "lambda:InvokeFunction", function):
        log.warning("the policy of %s does not let %s invoke it: AWS::Lambda::Permission does", function, source)
        return _FAILED
    payload = json.dumps(event(version, asked, taken)).encode()
    outcome = _within(lambda: _invoke(ctx, function, payload), int(integration.timeout_in_millis or 30_000) / 1000)
    if outcome is None or isinstance(outcome, Answer):
        return outcome or _UNAVAILABLE
    try:
        return answer(version, json.loads(outcome))
    except (Malformed, ValueError) as error:
        log.error("the answer of %s to the API %s is malformed: %s", function, taken.api_id, error)
        return _FAILED


def function_in(uri: str) -> str:
    """Return the function's ARN in an integration's address: the ARN itself, or API Gateway's path to it."""
    return uri.partition("/functions/")[2].removesuffix("/invocations") or uri


def _invoke(ctx: Context, function: str, payload: bytes) -> bytes | Answer:
    try:
        answered = ctx.client("lambda").invoke(FunctionName=function, Payload=payload)
        returned: bytes = answered["Payload"].read()
    except ClientError as error:
        if error.response["Error"].get("Code") == "TooManyRequestsException":
            return _UNAVAILABLE
        log.error("%s cannot be invoked: %s", function, error)
        return _FAILED
    except BotoCoreError as error:
        log.error("%s cannot be invoked: %s", function, error)
        return _FAILED
    return _FAILED if answered.get("FunctionError") else returned


def _within(work: Callable[[], bytes | Answer], seconds: float) -> bytes | Answer | None:
    """Return what ``work`` does, or None if that takes longer; as on AWS, the function then runs on."""
    done: list[bytes | Answer] = []
    thread = threading.Thread(target=lambda: done.append(work()), daemon=True, name="api invocation")
    thread.start()
    thread.join(seconds)
    return done[0] if done else None
