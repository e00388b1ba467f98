"""Which API of API Gateway a request addresses, and whether a web page may call it.

An API is open to whoever can reach it, as on AWS, so its requests are not signed. Web pages can reach it too: only
those that its CORS configuration names get through.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from moto.apigatewayv2.models import apigatewayv2_backends

from localaws import execute_api
from localaws.context import Context

#: Whether a REST API lets a page of an origin to a path: asks what is imported with the first REST API.
_rest_lets: Callable[[Any, str, str], bool] = lambda *_: False  # noqa: E731
#: In a WSGI ``environ``: the `Addressed` API.
API = "localaws.api"


@dataclass(frozen=True)
class Addressed:
    """The API that a request addresses, and the rest of its target as it was sent: a path and a query."""

    api_id: str
    path: str
    query: str


def addressed(ctx: Context, host: str, target: str) -> Addressed | None:
    """Return the API that a request addresses by its host's name or by its path; None if it addresses none."""
    if not target.startswith("/"):  # the whole address
        target = urlsplit(target)._replace(scheme="", netloc="").geturl()
    path, _, query = target.partition("?")
    if api_id := execute_api.id_in_host(host, ctx.region):
        return Addressed(api_id, path, query)
    if not path.startswith(execute_api.ROOT):
        return None
    api_id, slash, rest = path.removeprefix(execute_api.ROOT).partition("/")
    return Addressed(api_id, slash + rest, query)


def http_api(ctx: Context, api_id: str) -> Any:
    """Return moto's HTTP API of that id in this region, or None."""
    return apigatewayv2_backends[ctx.account][ctx.region].apis.get(api_id)


def rest_api(ctx: Context, api_id: str) -> Any:
    """Return moto's REST API of that id in this region, or None; moto's part is imported when one is made first."""
    models = sys.modules.get("moto.apigateway.models")
    return models.apigateway_backends[ctx.account][ctx.region].apis.get(api_id) if models else None


def ask_of_rest(lets: Callable[[Any, str, str], bool]) -> None:
    """Register what says whether a REST API lets a page of an origin to a path: ``lets(api, path, origin)``."""
    global _rest_lets  # noqa: PLW0603  as moto's classes are, process-wide
    _rest_lets = lets


def lets_page(ctx: Context, api: Addressed, headers: Mapping[str, str], *, preflight: bool) -> bool:
    """Return whether the API lets a page send this request: ``headers`` by lower-case name, ``origin`` among them."""
    if cors_headers(ctx, api.api_id, headers, preflight=preflight):
        return True
    rest = rest_api(ctx, api.api_id)
    return rest is not None and _rest_lets(rest, api.path, headers["origin"])


def cors_headers(ctx: Context, api_id: str, headers: Mapping[str, str], *, preflight: bool) -> list[tuple[str, str]]:
    """Return the headers by which the API's CORS configuration lets a page read; empty if it names no such origin.

    ``headers`` are the request's, by lower-case name.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
    """
    api, origin = http_api(ctx, api_id), headers.get("origin")
    rules: Mapping[str, Any] = (api.cors_configuration if api is not None else None) or {}
    allowed = rules.get("allowOrigins") or []
    if origin is None or not any(_names(pattern, origin) for pattern in allowed):
        return []
    told = [("Access-Control-Allow-Origin", "*" if "*" in allowed else origin), ("Vary", "Origin")]
    if rules.get("allowCredentials"):
        told.append(("Access-Control-Allow-Credentials", "true"))
    lists = {"Expose": rules.get("exposeHeaders")}
    if preflight:
        lists |= {"Allow-M": rules.get("allowMethods"), "Allow": rules.get("allowHeaders")}
        if rules.get("maxAge") is not None:
            told.append(("Access-Control-Max-Age", str(rules["maxAge"])))
    names = {"Expose": "Expose-Headers", "Allow-M": "Allow-Methods", "Allow": "Allow-Headers"}
    return told + [(f"Access-Control-{names[kind]}", ",".join(values)) for kind, values in lists.items() if values]


def _names(pattern: str, origin: str) -> bool:
    """Return whether an allowed origin is this one: itself, any, or any of one scheme."""
    scheme, _, rest = pattern.partition("://")
    return pattern in ("*", origin) or (rest == "*" and origin.startswith(f"{scheme}://"))
