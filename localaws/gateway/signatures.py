"""Verifies who signed a request: Signature Version 4 in headers or in the address, or S3's older presigned URLs.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import base64
import datetime
import email.utils
import functools
import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlsplit

from botocore.auth import HmacV1Auth
from botocore.credentials import Credentials

from localaws.context import Context
from localaws.gateway import body, hosts, signed_chunks
from localaws.gateway.callers import Key, key_of
from localaws.gateway.gate import HEADERS, TARGET
from localaws.gateway.refusals import Refused

#: How far a client's clock may be off, in seconds.
_SKEW = 15 * 60
_LONGEST_PRESIGNED = 7 * 24 * 3600
_HASH = re.compile("[0-9a-f]{64}")
#: The most bytes of a body that are read before its sender is verified: Lambda takes 70,167,211, of code in base64.
_UNHASHED = 72 * 2**20
_UNSIGNED = "UNSIGNED-PAYLOAD"
_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_AUTH_PARAMETERS = ("X-Amz-", "AWSAccessKeyId", "Expires", "Signature")
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^\s,/]+)/(\d{8})/([a-zA-Z0-9-]+)/([a-zA-Z0-9-]+)/aws4_request,\s*"
    r"SignedHeaders=([^\s,=]+),\s*Signature=([0-9a-f]{64})"
)
_SCOPE = re.compile(r"([^\s,/]+)/(\d{8})/([a-zA-Z0-9-]+)/([a-zA-Z0-9-]+)/aws4_request")


@dataclass(frozen=True)
class Caller:
    """The signer of a request, with the service (as in the signature) and the region that it is signed for."""

    access_key: str
    service: str
    region: str


@dataclass(frozen=True)
class _Claim:
    """A request's own statements about its signature; ``expires`` in seconds if it is a presigned URL."""

    access_key: str
    day: str
    region: str
    service: str
    signed: tuple[str, ...]
    signature: str
    time: str
    expires: int | None = None

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


def verify(ctx: Context, environ: dict[str, Any]) -> Caller:
    """Return who signed the request in ``environ``; its body stays readable. Raises `Refused`."""
    headers = {name.lower(): value for name, value in environ[HEADERS]}
    query = urlsplit(environ[TARGET]).query
    names = Counter(name for name, _ in parse_qsl(query, keep_blank_values=True))
    presigned = [name for name in ("X-Amz-Signature", "Signature") if name in names]
    if ("authorization" in headers) + len(presigned) > 1:
        raise Refused("InvalidArgument", "Only one auth mechanism is allowed in a request.")
    if doubled := sorted({name for name in names if name.startswith(_AUTH_PARAMETERS) and names[name] > 1}):
        raise Refused("AuthorizationQueryParametersError", f"{doubled[0]} is given more than once.")
    if presigned == ["Signature"] and "AWSAccessKeyId" in names:
        return _verify_v2(ctx, environ, headers, query)
    if not presigned and "authorization" not in headers:
        raise Refused("MissingAuthenticationToken", "The request is not signed.")
    claim = _in_query(dict(parse_qsl(query, keep_blank_values=True))) if presigned else _in_headers(headers)
    key = _key(ctx, claim, _token(headers, query))
    _check_time(claim)
    _check_signed(claim, headers)
    payload = _payload(claim, environ, headers, dict(parse_qsl(query)))
    secret = signing_key(key.secret, claim.day, claim.region, claim.service)
    if not any(_matches(claim, secret, request) for request in _canonical(claim, environ, payload)):
        raise Refused(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method.",
            service=claim.service,
        )
    if _HASH.fullmatch(payload):  # read only now, so that an unsigned request takes no memory
        _check_hash(claim, payload, environ)
    if payload in signed_chunks.KINDS:
        chain = signed_chunks.Chain(secret, claim.time, claim.scope, claim.signature)
        signed_chunks.check(body.whole(environ), payload, headers.get("x-amz-decoded-content-length"), chain)
    return Caller(claim.access_key, claim.service, claim.region)


# ---- what a request claims


def _in_headers(headers: Mapping[str, str]) -> _Claim:
    found = _AUTHORIZATION.fullmatch(headers["authorization"].strip())
    if found is None:
        scope = _SCOPE.search(headers["authorization"])
        raise Refused(
            "IncompleteSignature",
            "The authorization header is not AWS4-HMAC-SHA256 with Credential, SignedHeaders and Signature.",
            service=scope[4] if scope else "",
        )
    access_key, day, region, service, signed, signature = found.groups()
    moment = headers.get("x-amz-date") or _from_date(headers.get("date", ""))
    return _Claim(access_key, day, region, service, tuple(signed.split(";")), signature, moment)


def _in_query(query: Mapping[str, str]) -> _Claim:
    scope = _SCOPE.fullmatch(query.get("X-Amz-Credential", ""))
    expires = query.get("X-Amz-Expires", "")
    if scope is None or query.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" or not query.get("X-Amz-SignedHeaders"):
        raise Refused("AuthorizationQueryParametersError", "The address is not signed with AWS4-HMAC-SHA256.")
    access_key, day, region, service = scope.groups()
    if not (expires.isascii() and expires.isdigit() and 0 < int(expires) <= _LONGEST_PRESIGNED):
        raise Refused(
            "AuthorizationQueryParametersError",
            f"X-Amz-Expires must be between 1 and {_LONGEST_PRESIGNED} seconds.",
            service=service,
        )
    signed = tuple(query["X-Amz-SignedHeaders"].split(";"))
    moment = query.get("X-Amz-Date", "")
    return _Claim(access_key, day, region, service, signed, query["X-Amz-Signature"], moment, int(expires))


def _from_date(text: str) -> str:
    try:
        return email.utils.parsedate_to_datetime(text).astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, TypeError):
        return ""


def _token(headers: Mapping[str, str], query: str) -> str:
    given = dict(parse_qsl(query))
    return headers.get("x-amz-security-token") or given.get(
        "X-Amz-Security-Token", given.get("x-amz-security-token", "")
    )


def _key(ctx: Context, claim: _Claim, token: str) -> Key:
    return known_key(ctx, claim.access_key, token, service=claim.service)


def known_key(ctx: Context, access_key: str, token: str, *, service: str) -> Key:
    """Return the data of ``access_key``; raise `Refused` unless ``token`` belongs to it and it has not expired.

    The administrator's key has no token; a token left in the user's environment by another account is ignored.
    """
    key = key_of(ctx, access_key)
    if key is None:
        message = "The security token included in the request is invalid."
        raise Refused("InvalidClientTokenId", message, service=service)
    if key.session is not None and not hmac.compare_digest(token.encode(), key.token.encode()):
        code = "InvalidToken" if service == "s3" else "InvalidClientTokenId"
        raise Refused(code, "The security token included in the request is invalid.", service=service)
    if key.expires is not None and key.expires < datetime.datetime.now(datetime.UTC):
        raise Refused("ExpiredToken", "The security token included in the request is expired", service=service)
    return key


# ---- what is checked


def _check_time(claim: _Claim) -> None:
    try:
        moment = datetime.datetime.strptime(claim.time, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    except ValueError as error:
        message = "X-Amz-Date is not a time such as 20261125T203000Z."
        raise Refused("IncompleteSignature", message, service=claim.service) from error
    if not claim.time.startswith(claim.day):
        message = f"Date in Credential scope does not match {claim.time}, the date of the request."
        raise Refused("SignatureDoesNotMatch", message, service=claim.service)
    age = (datetime.datetime.now(datetime.UTC) - moment).total_seconds()
    if claim.expires is not None and claim.service == "s3":
        if age < -_SKEW:
            raise Refused("AccessDenied", "Request is not valid yet", service="s3")
        if age > claim.expires:
            raise Refused("AccessDenied", "Request has expired", service="s3")
    elif not -_SKEW <= age <= (claim.expires or _SKEW):
        code = "RequestTimeTooSkewed" if claim.service == "s3" else "SignatureDoesNotMatch"
        message = (
            "The difference between the request time and the current time is too large."
            if claim.service == "s3"
            else f"Signature {'not yet current' if age < 0 else 'expired'}: {claim.time} is {abs(age):.0f} s off"
        )
        raise Refused(code, message, service=claim.service)


def _check_signed(claim: _Claim, headers: Mapping[str, str]) -> None:
    """Raise unless the host and all of AWS's own headers are signed: they determine what the request does."""
    left = [name for name in headers if (name == "host" or name.startswith("x-amz-")) and name not in claim.signed]
    if left:
        raise Refused(
            "AccessDenied",
            f"There were headers present in the request which were not signed: {', '.join(sorted(left))}",
            service=claim.service,
        )


def _payload(claim: _Claim, environ: dict[str, Any], headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Return the signed text for the body: what the request's header says, or the hash of a small body."""
    given = headers.get("x-amz-content-sha256")
    if claim.service == "s3":
        if claim.expires is not None:
            given = given or query.get("X-Amz-Content-Sha256") or _UNSIGNED
        if given is None:
            raise Refused(
                "InvalidRequest", "Missing required header for this request: x-amz-content-sha256", service="s3"
            )
        if given in {_UNSIGNED, _UNSIGNED_TRAILER, *signed_chunks.KINDS}:
            return given
        if _HASH.fullmatch(given) is None:
            message = (
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
                f"{', '.join(signed_chunks.KINDS)} or a valid sha256 value."
            )
            raise Refused("InvalidArgument", message, service="s3")
    elif given is not None and _HASH.fullmatch(given) is None:
        given = _from_base64(given)
        if given is None:
            message = "The x-amz-content-sha256 header is not the hash of the body."
            raise Refused("SignatureDoesNotMatch", message, service=claim.service)
    return given or hashlib.sha256(body.whole(environ, most=_UNHASHED)).hexdigest()


def _from_base64(given: str) -> str | None:
    """Return the hash that AWS's Java SDK 2 writes by base64 while it signs it by hexadecimal digits; else None.

    Iceberg's REST catalog signs so: https://github.com/aws/aws-sdk-java-v2/issues/3807
    """
    try:
        found = base64.b64decode(given, validate=True)
    except ValueError:
        return None
    return found.hex() if len(found) == hashlib.sha256().digest_size else None


def _check_hash(claim: _Claim, given: str, environ: dict[str, Any]) -> None:
    """Raise for a body other than the one whose hash was signed."""
    if hashlib.sha256(body.whole(environ)).hexdigest() != given:
        code = "XAmzContentSHA256Mismatch" if claim.service == "s3" else "SignatureDoesNotMatch"
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise Refused(code, message, service=claim.service)


# ---- what is signed


def _canonical(claim: _Claim, environ: Mapping[str, Any], payload: str) -> list[str]:
    """Return the canonical requests that a correct client may have signed.

    Clients spell the same address differently: some sign it as it is sent, some as AWS writes it. Both mean the same
    request, so either signature is accepted.
    """
    target = urlsplit(
        environ[TARGET]
    )  # urlsplit would take "//bucket/key", which S3 distinguishes from "/bucket/key", for a host
    pairs = [pair.partition("=")[::2] for pair in target.query.split("&") if pair]
    pairs = [(name, value) for name, value in pairs if name != "X-Amz-Signature"]
    headers = "".join(f"{name}:{_joined(environ[HEADERS], name)}\n" for name in claim.signed)
    rest = f"{headers}\n{';'.join(claim.signed)}\n{payload}"
    path = str(environ[TARGET]).split("?")[0] if str(environ[TARGET]).startswith("/") else target.path
    if claim.service == "s3":
        paths = [_encoded(path, safe="/"), path or "/"]
    else:
        paths = [quote(_without_dots(path), safe="/~"), quote(path or "/", safe="/~")]
    queries = [
        "&".join(
            f"{name}={value}" for name, value in sorted((_encoded(name), _encoded(value)) for name, value in pairs)
        ),
        "&".join(f"{name}={value}" for name, value in sorted(pairs)),
    ]
    method = environ["REQUEST_METHOD"]
    return [f"{method}\n{path}\n{query}\n{rest}" for path in dict.fromkeys(paths) for query in dict.fromkeys(queries)]


def _encoded(text: str, safe: str = "") -> str:
    return quote(unquote_to_bytes(text), safe=f"{safe}-_.~")


def _without_dots(path: str) -> str:
    """Return the path without dot segments and empty segments, as all services but S3 sign it.

    https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4
    """
    kept: list[str] = []
    for part in path.split("/"):
        if part == ".." and kept:
            kept.pop()
        elif part not in {"", ".", ".."}:
            kept.append(part)
    return f"/{'/'.join(kept)}{'/' if kept and path.endswith('/') else ''}"


def path_style(environ: Mapping[str, Any]) -> str:
    """Return the request's target with the bucket in its path, also where the host's name holds the bucket."""
    target = str(environ[TARGET])
    if not target.startswith("/"):
        parts = urlsplit(target)
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    bucket = hosts.bucket_of(hosts.name_of(str(environ["HTTP_HOST"])) or "")
    return f"/{bucket}{target}" if bucket else target


def _joined(headers: list[tuple[str, str]], wanted: str) -> str:
    return ",".join(" ".join(value.split()) for name, value in headers if name.lower() == wanted)


def _matches(claim: _Claim, secret: bytes, request: str) -> bool:
    hashed = hashlib.sha256(request.encode("utf-8", "surrogateescape")).hexdigest()
    signed = f"AWS4-HMAC-SHA256\n{claim.time}\n{claim.scope}\n{hashed}"
    return hmac.compare_digest(_hmac(secret, signed).hex().encode(), claim.signature.encode("utf-8", "replace"))


@functools.lru_cache(maxsize=512)
def signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Return the signing key of one day, region and service."""
    made = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        made = _hmac(made, part)
    return made


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


# ---- S3's presigned addresses of the older kind, which SDKs still make by default


def _verify_v2(ctx: Context, environ: Mapping[str, Any], headers: Mapping[str, str], query: str) -> Caller:
    """Return who signed an address in S3's older way (Signature Version 2).

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html#RESTAuthenticationQueryStringAuth
    """
    given = dict(parse_qsl(query, keep_blank_values=True))
    key = known_key(ctx, given["AWSAccessKeyId"], _token(headers, query), service="s3")
    expires = given.get("Expires", "")
    if not (expires.isascii() and expires.isdigit()):
        raise Refused("AccessDenied", "Query-string authentication requires Expires, in seconds.", service="s3")
    if int(expires) < datetime.datetime.now(datetime.UTC).timestamp():
        raise Refused("AccessDenied", "Request has expired", service="s3")
    signer = HmacV1Auth(Credentials(given["AWSAccessKeyId"], key.secret))
    token = {"x-amz-security-token": key.token} if key.token else {}
    custom = [
        f"{name}:{value.strip()}" for name, value in sorted({**headers, **token}.items()) if name.startswith("x-amz-")
    ]
    standard = [environ["REQUEST_METHOD"], headers.get("content-md5", ""), headers.get("content-type", ""), expires]
    # The addressed bucket stands in the path that is signed, also where the host's name holds it.
    resource = signer.canonical_resource(urlsplit(f"http://host{path_style(environ)}"))
    wanted = signer.sign_string("\n".join([*standard, *custom, resource]))
    if not hmac.compare_digest(wanted.encode(), given["Signature"].encode("utf-8", "replace")):
        message = "The request signature we calculated does not match the signature you provided."
        raise Refused("SignatureDoesNotMatch", message, service="s3")
    return Caller(given["AWSAccessKeyId"], "s3", ctx.region)
