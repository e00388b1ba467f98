"""What a bucket's CORS rules allow a web page: the only way in which a page may call this local AWS.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.s3.models import s3_backends

from localaws import wildcards
from localaws.context import Context
from localaws.gateway import hosts


@dataclass(frozen=True)
class Grant:
    """A page's request that the rules of ``bucket`` allow, and the headers that the answer then has."""

    bucket: str
    headers: list[tuple[str, str]]


def grant_for(ctx: Context, method: str, host: str, path: str, headers: Mapping[str, str]) -> Grant | None:
    """Return what the first matching rule of the bucket allows; None if no rule matches or no page sent the request.

    ``headers`` are by lower-case name. A preflight (OPTIONS) is matched with the method and headers that it announces.
    """
    origin = headers.get("origin")
    if origin is None:
        return None
    preflight = method == "OPTIONS"
    wanted = headers.get("access-control-request-method", "") if preflight else method
    announced = headers.get("access-control-request-headers", "") if preflight else ""
    names = [name.strip().lower() for name in announced.split(",") if name.strip()]
    name = hosts.bucket_of(host) or path.lstrip("/").partition("/")[0]
    bucket = s3_backends[ctx.account]["aws"].buckets.get(name)
    for rule in bucket.cors if bucket is not None else ():
        if granted := _headers(rule, origin, wanted, names, preflight=preflight):
            private = preflight and headers.get("access-control-request-private-network") == "true"
            return Grant(name, granted + ([("Access-Control-Allow-Private-Network", "true")] if private else []))
    return None


def _headers(rule: Any, origin: str, method: str, names: list[str], *, preflight: bool) -> list[tuple[str, str]]:
    origins, allowed = _listed(rule.allowed_origins), _listed(rule.allowed_methods)
    if not any(_matches(pattern, origin) for pattern in origins) or method not in allowed:
        return []
    patterns = [pattern.lower() for pattern in _listed(rule.allowed_headers)]
    if not all(any(_matches(pattern, name) for pattern in patterns) for name in names):
        return []
    anybody = "*" in origins
    answer = [("Access-Control-Allow-Origin", "*" if anybody else origin)]
    answer += [] if anybody else [("Access-Control-Allow-Credentials", "true")]
    answer.append(("Access-Control-Allow-Methods", ", ".join(allowed)))
    if exposed := _listed(rule.exposed_headers):
        answer.append(("Access-Control-Expose-Headers", ", ".join(exposed)))
    if preflight and names:
        answer.append(("Access-Control-Allow-Headers", ", ".join(names)))
    if preflight and rule.max_age_seconds is not None:
        answer.append(("Access-Control-Max-Age", str(rule.max_age_seconds)))
    return [*answer, ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")]


def _matches(pattern: str, text: str) -> bool:
    """Return whether ``text`` matches as in S3: ``*`` stands for any text, ``?`` for itself."""
    return wildcards.matches(pattern, text, marks=False)


def _listed(value: Iterable[str] | str | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
