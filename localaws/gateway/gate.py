"""Refuses requests by their headers alone: requests of web pages, and of anybody without access.

A page in a browser reaches every port of the user's machine. Browsers add headers that scripts cannot change:
``Origin`` and ``Sec-Fetch-Site`` name the page, ``Host`` the requested name. No origin is trusted, not even this
server's own (an object or an API's page that is opened in a browser would have it, so they are sent as sandboxed); the
exceptions are a bucket's own CORS rules, an API's CORS configuration, and a REST API's fixed answer to OPTIONS. The
body is not read, and nothing is looked up but these.
https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from localaws.context import Context
from localaws.gateway import apis, cors, hosts

log = logging.getLogger("localaws.gate")

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
#: The request's headers as they were sent: a list of (name, value). WSGI's own form merges and drops some.
HEADERS = "localaws.headers"
#: The request's target as it was sent: Python's server drops a second slash at its beginning, which S3 clients sign.
#: https://github.com/python/cpython/issues/87389
TARGET = "localaws.target"
#: The bucket whose CORS rules allow a page's request; the request may be about no other resource.
CORS_BUCKET = "localaws.cors_bucket"
#: Set for a browser's request that no CORS rule allows: `gateway.admission` lets it open objects only.
BROWSER = "localaws.browser"
#: The header of requests to the server's own routes; its value is the token in the run's access file.
TOKEN_HEADER = "X-Localaws-Token"
OWN = "/_localaws/"
#: Headers that may stand only once: of two, one part of the program could read the first and another the second.
_ONCE = frozenset(
    {"host", "origin", "authorization", "content-length", "transfer-encoding", "content-type", "sec-fetch-site",
     "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-target", "x-localaws-token",
     "x-localaws-secure-transport"}
)  # fmt: skip
_OF_BROWSERS = ("sec-fetch-", "sec-ch-", "upgrade-insecure-requests")
_BROWSERS = ("mozilla/", "opera/", "lynx/", "links ", "elinks/", "w3m/", "dillo/", "netsurf/")
_MOTOS_OWN = ("moto-api", "latest/meta-data/", "latest/api/", "latest/dynamic/")
_BAD = "400 Bad Request"
#: Headers of every answer: an object that a browser shows must not run scripts as a page of this server.
_SANDBOXED = (("Content-Security-Policy", "sandbox allow-scripts"), ("X-Content-Type-Options", "nosniff"))


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused, in one sentence."""

    reason: str
    status: str = "403 Forbidden"


@dataclass(frozen=True)
class Asked:
    """A request without its body: ``headers`` by lower-case name, ``host`` without its port."""

    method: str
    path: str
    query: str
    host: str
    headers: Mapping[str, str]


def guard(app: App, ctx: Context) -> App:
    """Return ``app`` behind the gate: a refused request gets the reason as its answer, and the log as well."""

    def gate(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers: list[tuple[str, str]] = environ[HEADERS]
        asked = _read(environ, headers)
        if isinstance(asked, Refusal):
            return _refuse(environ, headers, start_response, asked)
        if (api := apis.addressed(ctx, asked.host, str(environ[TARGET]))) is not None:
            if refusal := _of_api(ctx, asked, api):
                return _refuse(environ, headers, start_response, refusal)
            environ[apis.API] = api
            return app(environ, _sandboxed(start_response))
        grant = cors.grant_for(ctx, asked.method, asked.host, asked.path, asked.headers)
        if refusal := _refusal(ctx, asked, grant):
            return _refuse(environ, headers, start_response, refusal)
        if grant is not None:
            environ[CORS_BUCKET] = grant.bucket
        elif _is_browser(asked.headers):
            environ[BROWSER] = True
        if grant is not None and asked.method == "OPTIONS":
            start_response("200 OK", [*grant.headers, ("Content-Length", "0")])
            return [b""]
        return app(environ, _with_headers(start_response, grant.headers if grant else []))

    return gate


def _read(environ: Mapping[str, Any], headers: list[tuple[str, str]]) -> Asked | Refusal:
    lower = [name.lower() for name, _ in headers]
    if twice := sorted(name for name in _ONCE if lower.count(name) > 1):
        return Refusal(f"it has {', '.join(twice)} more than once", _BAD)
    if any(mark in value for _, value in headers for mark in "\r\n\0"):
        return Refusal("a header goes on in a second line", _BAD)
    named = dict(zip(lower, (value for _, value in headers), strict=True))
    raw, host = str(environ["RAW_URI"]), named.get("host", "").strip()
    if not host:
        return Refusal("it does not say which host it asks", _BAD)
    target, name = urlsplit(raw), hosts.name_of(host)
    elsewhere = (target.scheme, target.netloc.lower()) != ("http", host.lower())
    if "#" in raw or (not raw.startswith("/") and elsewhere):
        return Refusal("its target is no path, nor an address of the host that it asks", _BAD)
    if name is None or not hosts.is_ours(name):
        return Refusal("its Host is neither this machine nor a name of AWS (a page that rebinds its name sends such)")
    return Asked(str(environ["REQUEST_METHOD"]), str(environ["PATH_INFO"]), target.query, name, named)


def _refusal(ctx: Context, asked: Asked, grant: cors.Grant | None) -> Refusal | None:
    if asked.path.lower().lstrip("/").startswith(_MOTOS_OWN):
        return Refusal("moto's own pages are closed")
    if any(name.startswith("x-moto-") for name in asked.headers):
        return Refusal("moto's own headers say who asks, which only a signature may")
    if asked.path.startswith(OWN):
        page = _page(asked, None)
        given = asked.headers.get(TOKEN_HEADER.lower(), "")
        if page is None and not hmac.compare_digest(given.encode("latin-1", "replace"), ctx.token.encode()):
            return Refusal(f"the server's own routes need this run's token in {TOKEN_HEADER}")
        return page
    if "upgrade" in asked.headers and asked.headers["upgrade"].lower() != "h2c":
        return Refusal("it asks for another protocol than HTTP")
    return _page(asked, grant)


def _of_api(ctx: Context, asked: Asked, api: apis.Addressed) -> Refusal | None:
    """Return why a request to an API is refused, which needs no signature: for the page that sent it, if one did."""
    if "upgrade" in asked.headers and asked.headers["upgrade"].lower() != "h2c":
        return Refusal("it asks for another protocol than HTTP")
    if "origin" in asked.headers:
        if apis.lets_page(ctx, api, asked.headers, preflight=asked.method == "OPTIONS"):
            return None
        return Refusal("a page of that origin asks, and neither the API's CORS configuration nor OPTIONS names it")
    if _is_browser(asked.headers) and "sec-fetch-site" not in asked.headers:
        return Refusal("a browser asks that does not say which page it asks for: its functions run for no page")
    return None if asked.method == "OPTIONS" and not _is_browser(asked.headers) else _page(asked, None)


def _page(asked: Asked, grant: cors.Grant | None) -> Refusal | None:
    """Return why a web page's request is refused; None if no page sent it or the bucket's CORS rules allow it."""
    if grant is not None:
        return None
    origin, site = asked.headers.get("origin"), asked.headers.get("sec-fetch-site")
    if origin is not None:
        return Refusal("a page of that origin asks, and no CORS rule of an addressed bucket names it")
    if site is not None and site.strip().lower() != "none":
        return Refusal("a page in a browser asks without saying which")
    if asked.method == "OPTIONS":
        return Refusal("only pages ask for OPTIONS, and this one does not say which it is")
    if _is_browser(asked.headers) and asked.method not in {"GET", "HEAD"}:
        return Refusal("a browser asks that does not say which page it asks for")
    return None


def _is_browser(headers: Mapping[str, str]) -> bool:
    """Return whether a browser sent the request: by ``Sec-Fetch-*``, or by the user agent of older browsers."""
    agent = headers.get("user-agent", "").strip().lower()
    return agent.startswith(_BROWSERS) or any(name.startswith(_OF_BROWSERS) for name in headers)


def _sandboxed(start_response: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``start_response`` for an API's answers: a page that one is runs as nobody's, as an object does."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        return start_response(status, [*headers, *_SANDBOXED], *([exc_info] if exc_info else []))

    return start


def _with_headers(start_response: Callable[..., Any], ours: list[tuple[str, str]]) -> Callable[..., Any]:
    """Return ``start_response`` with our CORS headers in place of any that the application sets."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        kept = [pair for pair in headers if not pair[0].lower().startswith("access-control-")]
        return start_response(status, [*kept, *ours, *_SANDBOXED], *([exc_info] if exc_info else []))

    return start


def _refuse(
    environ: Mapping[str, Any], headers: list[tuple[str, str]], start_response: Callable[..., Any], refusal: Refusal
) -> list[bytes]:
    told = {"host", "origin", "sec-fetch-site", "user-agent", "upgrade"}
    who = ", ".join(f"{name}: {_short(value)}" for name, value in headers if name.lower() in told)
    what = f"{_short(environ['REQUEST_METHOD'])} {_short(target_of(environ))}"
    log.warning("refused %s (%s): %s", what, who, refusal.reason)
    body = f"The local AWS refused this request: {refusal.reason}. Nothing was done.\n".encode()
    plain = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(refusal.status, [*plain, *_SANDBOXED, ("Connection", "close")])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def target_of(environ: Mapping[str, Any]) -> str:
    """Return the requested path for a log: without the query, which may hold signatures."""
    path, asked, _ = str(environ["RAW_URI"]).partition("?")
    return f"{path}{'?…' if asked else ''}"


def _short(text: object) -> str:
    """Return text of a client, shortened and escaped for one line of a log."""
    return ascii(str(text))[1:-1][:200]
