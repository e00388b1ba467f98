"""Verifies who signed a request, and rewrites the request to one form for everything that reads it later.

moto finds a request's service in different ways, depending on where it is signed, and the bucket in the host's name or
in the path. The call that is checked must be the call that is carried out, so each request gets its signature's scope
in its headers and its bucket in its path.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import HTTPException

from localaws.context import Context
from localaws.gateway import calls, calls_s3, gate, hosts, post_forms, refusals, signatures
from localaws.gateway.refusals import Refused

log = logging.getLogger("localaws.gate")

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def middleware(app: App, ctx: Context) -> App:
    """Return ``app`` for requests with a valid signature; others get the error that AWS answers."""

    def admit(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        try:
            if post_forms.is_form(environ):
                caller, start_response = post_forms.admit(ctx, environ, start_response)
            else:
                caller = signatures.verify(ctx, environ)
            _one_spelling(ctx, environ, caller)
            environ[calls.CALLER] = caller
            _only_what_a_page_may(environ, calls.read(environ))
        except (Refused, HTTPException) as error:
            refused = error if isinstance(error, Refused) else Refused("MalformedPOSTRequest", str(error), service="s3")
            log.warning(
                "refused %s %s: %s: %s", method, ascii(gate.target_of(environ))[1:-1][:200], refused.code, refused
            )
            protocol = calls.protocol_of(environ, refused.service)
            return refusals.answer(start_response, refused, protocol=protocol, method=method)
        return app(environ, start_response)

    return admit


def _one_spelling(ctx: Context, environ: dict[str, Any], caller: signatures.Caller) -> None:
    if "HTTP_AUTHORIZATION" not in environ:
        scope = f"{caller.access_key}/20000101/{caller.region}/{caller.service}/aws4_request"
        environ["HTTP_AUTHORIZATION"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=checked"
    if caller.service != "s3":
        return
    bucket = hosts.bucket_of(hosts.name_of(str(environ["HTTP_HOST"])) or "")
    if bucket and not environ.get("localaws.bucket_in_path"):
        target = signatures.path_style(environ)
        environ["RAW_URI"] = environ["REQUEST_URI"] = target
        environ["PATH_INFO"] = unquote_to_bytes(target.partition("?")[0]).decode("latin-1")
    environ["HTTP_HOST"] = ctx.endpoint.partition("://")[2]


#: What a page may do whose request a bucket's CORS rules allow, and what a browser may do without such a rule.
_OF_PAGES = {
    "GetObject", "HeadObject", "PutObject", "CopyObject", "DeleteObject", "CreateMultipartUpload", "UploadPart",
    "UploadPartCopy", "CompleteMultipartUpload", "AbortMultipartUpload", "ListParts",
}  # fmt: skip
_OPENED = {"GetObject", "HeadObject"}


def _only_what_a_page_may(environ: Mapping[str, Any], request: calls.Request | None) -> None:
    """Raise Refused for what a web page or a browser may not do.

    A CORS rule allows calls on its bucket's objects only: no other service, no change of the rules, no other bucket. A
    browser without such a rule may only open objects: a link or a redirect may have sent its user to any other address.
    """
    granted = environ.get(gate.CORS_BUCKET)
    if request is None or (granted is None and gate.BROWSER not in environ):
        return
    service, action = request.service, request.action
    if granted is None and not (service == "s3" and action in _OPENED):
        raise Refused("AccessDenied", "A browser may open objects of S3 here, and nothing else.", service=service)
    if granted is None:
        return
    copied = request.parameters.get(calls_s3.COPIED)
    elsewhere = request.bucket != granted or (copied is not None and copied.bucket != granted)
    if service != "s3" or action not in _OF_PAGES or elsewhere:
        raise Refused("AccessDenied", "CORSResponse: This CORS request is not allowed.", service=service)
