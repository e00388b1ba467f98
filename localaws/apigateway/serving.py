"""Answers the requests that address an API, without a signature; all others go on."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from localaws import execute_api
from localaws.apigateway import http_apis
from localaws.apigateway.answers import Answer, told
from localaws.apigateway.payloads import Asked
from localaws.context import Context
from localaws.gateway import apis
from localaws.gateway.gate import HEADERS

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
_LONGEST_BODY = 10 * 2**20


def middleware(app: App, ctx: Context) -> App:
    """Return ``app`` for requests that address no API; those that do are answered here."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        addressed = environ.get(apis.API)
        if addressed is None:
            return app(environ, start_response)
        asked = _read(environ, addressed)
        found = _answered(ctx, addressed.api_id, asked)
        length = [] if found.status in (204, 304) else [("Content-Length", str(len(found.body)))]
        phrase = http.client.responses.get(found.status, "-")
        start_response(f"{found.status} {phrase}", [*found.headers, *length, ("Apigw-Requestid", asked.id)])
        return [b"" if asked.method == "HEAD" or not length else found.body]

    return serve


def _read(environ: dict[str, Any], addressed: apis.Addressed) -> Asked:
    headers: list[tuple[str, str]] = environ[HEADERS]
    host = next((value for name, value in headers if name.lower() == "host"), "")
    source = str(environ.get("REMOTE_ADDR", "127.0.0.1"))
    forwarded = [
        ("X-Forwarded-For", source), ("X-Forwarded-Port", host.rpartition(":")[2]), ("X-Forwarded-Proto", "http"),
    ]  # fmt: skip
    return Asked(
        method=environ["REQUEST_METHOD"],
        path=addressed.path or "/",
        query=addressed.query,
        headers=[*headers, *forwarded],
        body=environ["wsgi.input"].read(_LONGEST_BODY + 1),
        protocol=str(environ.get("SERVER_PROTOCOL", "HTTP/1.1")),
        source_ip=source,
    )


def _answered(ctx: Context, api_id: str, asked: Asked) -> Answer:
    api, rest = apis.http_api(ctx, api_id), apis.rest_api(ctx, api_id)
    closed = api.disable_execute_api_endpoint if api else rest.disableExecuteApiEndpoint if rest is not None else True
    if closed in (True, "true"):
        return told(404, f"There is no API {api_id} here that is reached by its address")
    if len(asked.body) > _LONGEST_BODY:
        return told(413, "Request Entity Too Large")
    if asked.method not in execute_api.METHODS:  # a route's ARN has it in its path: one with slashes would be another
        return told(400, "Bad Request")
    if api is not None:
        return http_apis.answered(ctx, api, replace(asked, path=unquote(asked.path)))
    from localaws.apigateway import rest_apis  # it is there, so moto's REST APIs are imported

    return rest_apis.answered(ctx, rest, asked)
