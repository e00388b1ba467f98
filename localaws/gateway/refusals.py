"""Refusals in AWS's words, in the form of each service's protocol.

https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html and each API's common errors.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape


class Refused(Exception):
    """A refused request: ``code`` as services with the query protocol spell it, and the reason."""

    def __init__(self, code: str, message: str, *, service: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.service = service


@dataclass(frozen=True)
class _Spelling:
    code: str
    status: str = "403 Forbidden"


#: Error codes that the JSON protocols spell differently from the query protocol; most others add "Exception".
_JSON = {
    "InvalidAttributeValue": "InvalidAttributeValue",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}
_S3 = {
    "InvalidClientTokenId": _Spelling("InvalidAccessKeyId"),
    "MissingAuthenticationToken": _Spelling("AccessDenied"),
    "IncompleteSignature": _Spelling("AuthorizationHeaderMalformed", "400 Bad Request"),
    "ExpiredToken": _Spelling("ExpiredToken", "400 Bad Request"),
}
_BAD_REQUESTS = {
    "AuthorizationQueryParametersError", "EntityTooLarge", "EntityTooSmall", "IncompleteBody", "IncompleteSignature",
    "InvalidAction", "InvalidArgument", "InvalidAttributeValue", "InvalidParameter", "InvalidPolicyDocument",
    "InvalidRequest", "InvalidToken", "MalformedPolicy", "MalformedPolicyDocument",
    "MalformedPOSTRequest", "MalformedXML", "SerializationException", "ValidationException",
    "XAmzContentSHA256Mismatch",
}  # fmt: skip


def answer(
    start_response: Callable[..., Any], refused: Refused, *, protocol: str, method: str, service: str = ""
) -> list[bytes]:
    """Answer a refused request; ``protocol`` is one of `localaws.gateway.calls.Request.protocol`."""
    request_id = str(uuid.uuid4())
    spelling = _spelling(refused.code, protocol, service or refused.service)
    message = str(refused)
    headers = [("x-amzn-RequestId", request_id)]
    if protocol in {"s3", "query"}:
        text = f"<Code>{spelling.code}</Code><Message>{escape(message)}</Message>"
        text_id = f"<RequestId>{request_id}</RequestId>"
        inner = (
            f"<Error>{text}{text_id}</Error>"
            if protocol == "s3"
            else f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error>{text_id}</ErrorResponse>"
        )
        payload, kind = f'<?xml version="1.0" encoding="UTF-8"?>\n{inner}'.encode("utf-8", "replace"), "application/xml"
    else:
        payload, kind = _json_or_cbor(protocol, {"__type": spelling.code, "message": message, "Message": message})
        headers.append(("x-amzn-ErrorType", spelling.code))
        if protocol == "cbor":
            headers.append(("smithy-protocol", "rpc-v2-cbor"))
    body = b"" if method == "HEAD" else payload
    start_response(spelling.status, [*headers, ("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def _spelling(code: str, protocol: str, service: str) -> _Spelling:
    status = "400 Bad Request" if code in _BAD_REQUESTS else "403 Forbidden"
    if protocol == "s3":
        return _S3.get(code, _Spelling(code, status))
    if protocol == "query":
        return _Spelling("AuthorizationError" if service == "sns" and code == "AccessDenied" else code, status)
    named = _JSON.get(code, code if code.endswith("Exception") else f"{code}Exception")
    return _Spelling(named, "403 Forbidden" if protocol == "rest" else "400 Bad Request")


def _json_or_cbor(protocol: str, error: Mapping[str, str]) -> tuple[bytes, str]:
    if protocol != "cbor":
        return json.dumps(error).encode(), "application/x-amz-json-1.1"
    pairs = b"".join(_cbor_text(name) + _cbor_text(value) for name, value in error.items())
    return bytes([0xA0 + len(error)]) + pairs, "application/cbor"


def _cbor_text(text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    return b"\x79" + len(raw).to_bytes(2, "big") + raw
