"""Requests as anybody may send them: each header as it is given, signed or not, whatever a client would do."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlparse

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localaws.context import Context

USER = Credentials("test", "test")


@dataclass(frozen=True)
class Answer:
    """What came back; ``headers`` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> str:
        return self.body.decode("utf-8", "replace")


def send(
    ctx: Context,
    method: str,
    target: str,
    headers: Mapping[str, str] | list[tuple[str, str]] = {},  # noqa: B006  never changed
    body: bytes = b"",
) -> Answer:
    """Send exactly these headers (and Host, if it is not among them) and return the answer."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else headers
    names = {name.lower() for name, _ in pairs}
    connection = http.client.HTTPConnection(urlparse(ctx.endpoint).netloc, timeout=30)
    try:
        connection.putrequest(method, target, skip_host="host" in names, skip_accept_encoding=True)
        for name, value in pairs:
            connection.putheader(name, value)
        if (body or method in {"POST", "PUT"}) and not names & {"content-length", "transfer-encoding"}:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def signed(
    ctx: Context,
    service: str,
    method: str,
    target: str,
    body: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    credentials: Credentials = USER,
    host: str = "",
) -> dict[str, str]:
    """Return ``headers`` with botocore's own signature (and with Host)."""
    host = host or urlparse(ctx.endpoint).netloc
    request = AWSRequest(method, f"http://{host}{target}", headers={**(headers or {})}, data=body)
    (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials, service, "us-east-1").add_auth(request)
    return {"Host": host, **dict(request.headers.items())}
