"""The answer that is made of what a function returns: its types are looked at before anything of it is sent.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Headers that are the connection's, or this server's own: a function's would end the answer elsewhere than it ends.
_NEVER_SENT = frozenset(
    {"connection", "content-length", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade", "apigw-requestid"}
)  # fmt: skip
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True)
class Answer:
    """What a client gets."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class Malformed(Exception):
    """A function's answer is none that API Gateway can send."""


def told(status: int, message: str) -> Answer:
    """Return an answer of API Gateway's own."""
    return Answer(status, [("Content-Type", "application/json")], json.dumps({"message": message}).encode())


def read(returned: bytes) -> Any:
    """Return what a function returned, as JSON has it; raises `Malformed`."""
    try:
        return json.loads(returned, parse_constant=_no_number)
    except ValueError as error:
        raise Malformed(f"it is no JSON: {error}") from error


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def answer(version: str, returned: Any, *, default_type: str = "text/plain; charset=utf-8") -> Answer:
    """Return the answer for what a function returned; raises `Malformed`."""
    if not isinstance(returned, dict) or "statusCode" not in returned:
        if version != "2.0":
            raise Malformed("it has no statusCode")
        text = returned if isinstance(returned, str) else json.dumps(returned)
        return Answer(200, [("Content-Type", "application/json")], _encoded(text))
    headers = [(name, _text(name, value)) for name, value in _object(returned, "headers").items()]
    if version == "2.0":
        headers += [("Set-Cookie", _text("cookies", cookie)) for cookie in _list("cookies", returned.get("cookies"))]
    else:
        given = _object(returned, "multiValueHeaders").items()
        many = [(name, _text(name, value)) for name, values in given for value in _list(name, values)]
        headers = [*(pair for pair in headers if pair not in many), *many]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", default_type))
    for name, _ in headers:
        if not _NAME.fullmatch(name):
            raise Malformed(f"{name!r} is no name of a header")
    sent = [pair for pair in headers if pair[0].lower() not in _NEVER_SENT]
    return Answer(_status(returned["statusCode"]), sent, _content(returned))


def _object(returned: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = returned.get(name)
    if found is not None and not isinstance(found, dict):
        raise Malformed(f"its {name} are no object")
    return found or {}


def _list(name: str, values: Any) -> list[Any]:
    if values is not None and not isinstance(values, list):
        raise Malformed(f"its {name} are no list")
    return values or []


def _text(name: str, value: Any) -> str:
    """Return a header's value as it is sent; raises `Malformed` for one that cannot be."""
    if not isinstance(value, str | bool | int | float):
        raise Malformed(f"the value of {name!r} is {value!r}")
    text = value if isinstance(value, str) else json.dumps(value)
    if not _VALUE.fullmatch(text):
        raise Malformed(f"the value of {name!r} is {value!r}, which no header can be")
    return text


def _status(given: Any) -> int:
    """Return a status that ends a request: those below 200 announce another."""
    if isinstance(given, bool) or not re.fullmatch(r"[2-5]\d\d", str(given)):
        raise Malformed(f"its statusCode is {given!r}")
    return int(given)


def _content(returned: Mapping[str, Any]) -> bytes:
    body, encoded = returned.get("body"), returned.get("isBase64Encoded")
    if encoded is not None and not isinstance(encoded, bool):
        raise Malformed(f"its isBase64Encoded is {encoded!r}")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise Malformed("its body is no text")
    if not encoded:
        return _encoded(body)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"its body is not base64: {error}") from error


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:  # half of a character that takes two
        raise Malformed(f"its body is no text: {error}") from error
