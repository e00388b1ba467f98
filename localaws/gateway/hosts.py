"""The host names under which clients reach the local AWS, and the bucket that such a name may hold.

A page at ``http://evil.example`` can make its own name resolve to 127.0.0.1 (DNS rebinding); its browser then treats
this server as the page's own. The page cannot change the name itself, which ``Host`` gives, so only names that nobody
on the internet can point to this machine are answered.
"""

from __future__ import annotations

import ipaddress
import re

#: Names below these belong to AWS: only AWS decides what they resolve to.
_AWS = ("amazonaws.com", "amazonaws.com.cn", "api.aws")
#: Labels before AWS's in the names of customers' resources, which resolve to addresses that customers choose.
_CUSTOMERS = frozenset({"compute", "compute-1", "elb", "rds", "cache", "redshift", "docdb", "es", "mq", "kafka"})
_AUTHORITY = re.compile(r"(\[[0-9a-f:]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
#: Prefixes that SDKs add to an endpoint's name for some calls (Step Functions' StartSyncExecution).
_PREFIXES = ("sync-", "data-")
#: ``s3``, ``s3.eu-west-1``, ``s3-eu-west-1``, ``s3.dualstack.eu-west-1`` or ``s3-accelerate``, with a bucket before it.
_S3_NAME = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3(?:[.-](?:dualstack|fips|accelerate)){0,3}(?:[.-][a-z]+(?:-[a-z]+)+-[0-9])?"
)


def name_of(host: str) -> str | None:
    """Return the name in a ``Host`` (``Name.:80`` is ``name``), or None if it is not one name with an optional port."""
    found = _AUTHORITY.fullmatch(host.strip().lower())
    if found is None or int(found[2] or 0) > 65535:
        return None
    name = found[1].removesuffix(".")
    labels = name.split(".")
    return name if name.startswith("[") or all(labels) else None


def is_loopback(name: str) -> bool:
    """Return whether ``name`` always means this machine: a loopback address in its usual spelling, or ``localhost``.

    Names below ``localhost`` never leave the machine: https://www.rfc-editor.org/rfc/rfc6761#section-6.3
    """
    if name == "localhost" or name.endswith(".localhost"):
        return True
    if name.startswith("["):
        return name == "[::1]"
    try:
        return ipaddress.IPv4Address(name).is_loopback
    except ValueError:
        return False


def is_ours(name: str) -> bool:
    """Return whether the local AWS answers to ``name``: a name of this machine, or one of AWS's own."""
    plain = next((name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)), name)
    return is_loopback(name) or is_loopback(plain) or _is_service(name)


def _is_service(name: str) -> bool:
    front = next((name.removesuffix(f".{suffix}") for suffix in _AWS if name.endswith(f".{suffix}")), None)
    if front is None:
        return False
    found = _S3_NAME.fullmatch(front)
    return found is not None or _CUSTOMERS.isdisjoint(front.split("."))


def bucket_of(name: str) -> str:
    """Return the bucket in the host's name (virtual-hosted style), or an empty string.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html; below ``localhost`` the part for S3 and
    its region may be left out: ``bucket.localhost``.
    """
    for suffix in (*_AWS, "localhost"):
        if name.endswith(f".{suffix}"):
            front = name.removesuffix(f".{suffix}")
            if found := _S3_NAME.fullmatch(front):
                return found["bucket"] or ""
            return front if suffix == "localhost" else ""
    return ""
