"""Uploads by HTML form with a signed policy: checked, and carried out as PutObject.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import hmac
import io
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import parse_form_data

from localaws.context import Context
from localaws.gateway.gate import HEADERS
from localaws.gateway.refusals import Refused
from localaws.gateway.signatures import Caller, known_key, path_style, signing_key

_SCOPE = re.compile(r"([^\s,/]+)/(\d{8})/([a-z0-9-]+)/s3/aws4_request")
#: A form's limits before its policy's signer is verified: bytes, bytes of its fields, number of parts.
_MOST_BYTES, _MOST_FIELDS_BYTES, _MOST_PARTS = 256 * 2**20, 2**20, 100
#: Fields that no condition of the policy has to name.
_FREE = {"file", "policy", "signature", "x-amz-signature", "awsaccesskeyid"}
#: Fields that become headers of the object; the rest only say how to answer.
_HEADERS = re.compile(
    r"acl|cache-control|content-type|content-disposition|content-encoding|expires|x-amz-(?!signature|copy-source).*"
)
_OF_SIGNATURE = {"x-amz-algorithm", "x-amz-credential", "x-amz-date"}


def is_form(environ: Mapping[str, Any]) -> bool:
    """Return whether the request is an upload by form: itself unsigned, with a policy in its body."""
    kind = str(environ.get("CONTENT_TYPE", "")).lower()
    unsigned = "HTTP_AUTHORIZATION" not in environ and not environ.get("QUERY_STRING")
    return environ["REQUEST_METHOD"] == "POST" and unsigned and kind.startswith("multipart/form-data")


def admit(
    ctx: Context, environ: dict[str, Any], start_response: Callable[..., Any]
) -> tuple[Caller, Callable[..., Any]]:
    """Turn the form in ``environ`` into the PutObject that its policy allows.

    Returns who signed the policy, and the ``start_response`` for a form. Raises `Refused`.
    """
    bucket = path_style(environ).lstrip("/").partition("/")[0]
    try:
        _, form, files = parse_form_data(
            environ, silent=False, max_content_length=_MOST_BYTES, max_form_memory_size=_MOST_FIELDS_BYTES,
            max_form_parts=_MOST_PARTS,
        )  # fmt: skip
    except ValueError as error:
        raise Refused("MalformedPOSTRequest", f"The form is broken: {error}", service="s3") from error
    except RequestEntityTooLarge as error:
        what = f"{_MOST_BYTES} bytes, {_MOST_PARTS} fields and {_MOST_FIELDS_BYTES} bytes in these"
        raise Refused("EntityTooLarge", f"The form has more than {what}.", service="s3") from error
    fields = {name.lower(): value for name, value in form.items()}
    if len(fields) != len(list(form.items(multi=True))) or len(list(files.items(multi=True))) > 1:
        _refuse("InvalidArgument", "A form field is given more than once.")
    file = files["file"].stream if "file" in files else io.BytesIO(fields.pop("file", "").encode())
    if "file" in files:
        fields["key"] = fields.get("key", "").replace("${filename}", files["file"].filename or "")
    if not fields.get("key") or "policy" not in fields:
        _refuse("AccessDenied", "The form has no key or no policy.")
    caller = _signer(ctx, fields)
    _check_policy(fields["policy"], {**fields, "bucket": bucket}, file.seek(0, io.SEEK_END))
    file.seek(0)
    _become_put(environ, bucket, fields, file.read())
    return caller, _answered(start_response, bucket, fields)


def _refuse(code: str, message: str) -> NoReturn:
    raise Refused(code, message, service="s3")


def _signer(ctx: Context, fields: Mapping[str, str]) -> Caller:
    token = fields.get("x-amz-security-token", "")
    policy = fields["policy"].encode()
    if "x-amz-signature" in fields:
        scope = _SCOPE.fullmatch(fields.get("x-amz-credential", ""))
        if scope is None or fields.get("x-amz-algorithm") != "AWS4-HMAC-SHA256":
            _refuse("InvalidArgument", "The form is not signed with AWS4-HMAC-SHA256.")
        name, day, region = scope.groups()
        key = known_key(ctx, name, token, service="s3")
        made = hmac.digest(signing_key(key.secret, day, region, "s3"), policy, "sha256").hex()
        given = fields["x-amz-signature"]
    else:
        name, region, given = fields.get("awsaccesskeyid", ""), ctx.region, fields.get("signature", "")
        key = known_key(ctx, name, token, service="s3")
        made = base64.b64encode(hmac.digest(key.secret.encode(), policy, hashlib.sha1)).decode()
    if not hmac.compare_digest(made.encode(), given.encode()):
        _refuse("SignatureDoesNotMatch", "The request signature we calculated does not match the one provided.")
    return Caller(name, "s3", region)


def _check_policy(encoded: str, fields: Mapping[str, str], size: int) -> None:
    try:
        policy = json.loads(base64.b64decode(encoded, validate=True))
        until = datetime.datetime.fromisoformat(policy["expiration"])
        conditions = [_condition(raw) for raw in policy["conditions"]]
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise Refused("InvalidPolicyDocument", f"The form's policy cannot be read: {error}", service="s3") from error
    if until.tzinfo is None or until < datetime.datetime.now(datetime.UTC):
        _refuse("AccessDenied", "Invalid according to Policy: Policy expired.")
    named = set()
    for kind, name, wanted in conditions:
        if kind == "content-length-range":
            low, high = wanted
            if not low <= size <= high:
                _refuse("EntityTooLarge" if size > high else "EntityTooSmall", "The upload is not of the allowed size.")
            continue
        named.add(name)
        given = fields.get(name, "")
        if not (given.startswith(wanted) if kind == "starts-with" else given == wanted):
            _refuse("AccessDenied", f"Invalid according to Policy: Policy Condition failed: {name}")
    extra = sorted(n for n in fields if n not in named | _FREE | {"bucket"} and not n.startswith("x-ignore-"))
    if extra:
        _refuse("AccessDenied", f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")
    if "bucket" not in named or "key" not in named:
        _refuse("AccessDenied", "Invalid according to Policy: it names no bucket or no key.")


def _condition(raw: Any) -> tuple[str, str, Any]:
    if isinstance(raw, dict):
        ((name, wanted),) = raw.items()
        return "eq", str(name).lower(), str(wanted)
    kind, name, wanted = raw
    if str(kind).lower() == "content-length-range":
        return "content-length-range", "", (int(name), int(wanted))
    if str(kind).lower() not in {"eq", "starts-with"} or not str(name).startswith("$"):
        raise ValueError(f"the condition {raw} is unknown")
    return str(kind).lower(), str(name)[1:].lower(), str(wanted)


def _become_put(environ: dict[str, Any], bucket: str, fields: Mapping[str, str], content: bytes) -> None:
    kept = {n: v for n, v in fields.items() if _HEADERS.fullmatch(n) and n not in _OF_SIGNATURE}
    headers = [("x-amz-acl" if n == "acl" else n, v.replace("\r", " ").replace("\n", " ")) for n, v in kept.items()]
    path = f"/{bucket}/{fields['key']}"
    for name in [n for n in environ if n.startswith("HTTP_X_AMZ_")] + ["CONTENT_TYPE", "wsgi.input_terminated"]:
        environ.pop(name, None)
    environ |= {"HTTP_" + n.upper().replace("-", "_"): v for n, v in headers if n != "content-type"}
    environ[HEADERS] = [*((n, v) for n, v in environ[HEADERS] if n.lower() == "host"), *headers]
    environ |= {
        "REQUEST_METHOD": "PUT",
        "PATH_INFO": path.encode().decode("latin-1"),
        "RAW_URI": quote(path),
        "REQUEST_URI": quote(path),
        "CONTENT_TYPE": fields.get("content-type", "binary/octet-stream"),
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.input": io.BytesIO(content),
        "localaws.bucket_in_path": True,
    }


def _answered(start_response: Callable[..., Any], bucket: str, fields: Mapping[str, str]) -> Callable[..., Any]:
    """Return ``start_response`` for a form: 204 or the requested status, or a redirect to the requested page."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if status.startswith("200"):
            status = {"200": "200 OK", "201": "201 Created"}.get(
                fields.get("success_action_status", ""), "204 No Content"
            )
            if target := fields.get("success_action_redirect"):
                etag = {n.lower(): v for n, v in headers}.get("etag", "")
                where = urlsplit(target)
                query = "&".join(
                    filter(None, [where.query, urlencode({"bucket": bucket, "key": fields["key"], "etag": etag})])
                )
                status, headers = "303 See Other", [*headers, ("Location", urlunsplit(where._replace(query=query)))]
        return start_response(status, headers, *([exc_info] if exc_info else []))

    return start
