"""The event that a function gets for a request, and the answer that is made of what it returns.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

_TEXTS = ("text/", "application/json", "application/javascript", "application/xml")


@dataclass(frozen=True)
class Asked:
    """A request to an API as it was sent; of an HTTP API, ``path`` is decoded."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    protocol: str = "HTTP/1.1"
    source_ip: str = "127.0.0.1"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def joined(self) -> dict[str, str]:
        """Return the headers by lower-case name, the values of one name joined by commas."""
        found: dict[str, str] = {}
        for sent, value in self.headers:
            name = sent.lower()
            found[name] = f"{found[name]},{value}" if name in found else value
        return found

    @property
    def arguments(self) -> list[tuple[str, str]]:
        """Return the decoded arguments of the query."""
        return parse_qsl(self.query, keep_blank_values=True)


@dataclass(frozen=True)
class Taken:
    """The route that a request takes, in a stage of an API."""

    account: str
    region: str
    api_id: str
    stage: str
    route_key: str
    path_values: Mapping[str, str]
    stage_variables: Mapping[str, str]
    #: The id of a REST API's resource; an HTTP API's events have the route's key in its place.
    resource_id: str = ""

    @property
    def domain(self) -> str:
        """Return the name under which the API would be reached on AWS."""
        return f"{self.api_id}.execute-api.{self.region}.amazonaws.com"

    @property
    def resource(self) -> str:
        """Return the path of the route's key, or ``$default``."""
        return self.route_key.partition(" ")[2] or self.route_key


def event(version: str, asked: Asked, taken: Taken) -> dict[str, Any]:
    """Return the event of payload format ``version`` (``1.0`` or ``2.0``)."""
    return _second(asked, taken) if version == "2.0" else _first(asked, taken)


def _second(asked: Asked, taken: Taken) -> dict[str, Any]:
    headers = asked.joined
    cookies = headers.pop("cookie", "")
    arguments: dict[str, str] = {}
    for name, value in asked.arguments:
        arguments[name] = f"{arguments[name]},{value}" if name in arguments else value
    now = time.time()
    optional = {
        "cookies": [each.strip() for each in cookies.split(";") if each.strip()],
        "queryStringParameters": arguments,
        "pathParameters": dict(taken.path_values),
        "stageVariables": dict(taken.stage_variables),
    }
    body, encoded = _body(asked)
    context = {
        "accountId": taken.account,
        "apiId": taken.api_id,
        "domainName": taken.domain,
        "domainPrefix": taken.api_id,
        "http": {
            "method": asked.method,
            "path": asked.path,
            "protocol": asked.protocol,
            "sourceIp": asked.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": asked.id,
        "routeKey": taken.route_key,
        "stage": taken.stage,
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }
    return {
        "version": "2.0",
        "routeKey": taken.route_key,
        "rawPath": asked.path,
        "rawQueryString": asked.query,
        "headers": headers,
        **{name: value for name, value in optional.items() if value},
        "requestContext": context,
        **({} if body is None else {"body": body}),
        "isBase64Encoded": encoded,
    }


def _first(asked: Asked, taken: Taken) -> dict[str, Any]:
    many_headers, many_arguments = _many(asked.headers), _many(asked.arguments)
    now = time.time()
    body, encoded = _body(asked)
    context = {
        "accountId": taken.account,
        "apiId": taken.api_id,
        "domainName": taken.domain,
        "domainPrefix": taken.api_id,
        "extendedRequestId": asked.id,
        "httpMethod": asked.method,
        "identity": {"sourceIp": asked.source_ip, "userAgent": asked.joined.get("user-agent", "")},
        "path": asked.path,
        "protocol": asked.protocol,
        "requestId": asked.id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": taken.resource_id or taken.route_key,
        "resourcePath": taken.resource,
        "stage": taken.stage,
    }
    return {
        "version": "1.0",
        "resource": taken.resource,
        "path": asked.path,
        "httpMethod": asked.method,
        "headers": {name: values[-1] for name, values in many_headers.items()},
        "multiValueHeaders": many_headers,
        "queryStringParameters": {name: values[-1] for name, values in many_arguments.items()} or None,
        "multiValueQueryStringParameters": many_arguments or None,
        "requestContext": context,
        "pathParameters": dict(taken.path_values) or None,
        "stageVariables": dict(taken.stage_variables) or None,
        "body": body,
        "isBase64Encoded": encoded,
    }


def rest_event(asked: Asked, taken: Taken, *, binary: Sequence[str]) -> dict[str, Any]:
    """Return the event of a REST API's proxy integration; ``binary`` are the media types that it takes for binary."""
    made = _first(asked, taken)
    del made["version"]
    made["requestContext"]["path"] = f"/{taken.stage}{asked.path}"
    encoded = bool(asked.body) and is_binary(asked.joined.get("content-type", ""), binary)
    text = base64.b64encode(asked.body).decode() if encoded else asked.body.decode("utf-8", "replace")
    return {**made, "body": text if asked.body else None, "isBase64Encoded": encoded}


def is_binary(media_type: str, binary: Sequence[str]) -> bool:
    """Return whether a REST API takes a media type for binary: it is declared, or all are (``*/*``)."""
    return "*/*" in binary or media_type.partition(";")[0].strip().lower() in binary


def _many(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _body(asked: Asked) -> tuple[str | None, bool]:
    """Return the body as text, and whether it is encoded: unless its declared type is text, or none is declared."""
    if not asked.body:
        return None, False
    kind = asked.joined.get("content-type", "text/plain").partition(";")[0].strip().lower()
    if kind.startswith(_TEXTS) or kind.endswith(("+json", "+xml")):
        try:
            return asked.body.decode(), False
        except UnicodeDecodeError:
            pass  # not the text that it says it is, so it is encoded like everything else
    return base64.b64encode(asked.body).decode(), True
