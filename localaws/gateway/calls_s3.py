"""Reads which S3 call a request is: by its method, its path, and all arguments of its address.

The API model says how each operation is requested. Any other request is no known operation, which only the
administrator may call: moto would read some of its arguments and overlook others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict  # type: ignore[import-untyped]  # it has no types of its own

from localaws.gateway import body, operations, s3_copies
from localaws.gateway.refusals import Refused

#: Headers that policies refer to, or that change the operation; they become parameters of this name.
_HEADERS = (
    "x-amz-acl", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
)  # fmt: skip
_GRANTS = ("read", "write", "read-acp", "write-acp", "full-control")
#: Headers that, besides writing an object, do what is another operation; its permission is needed as well.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
ALSO = {
    "x-amz-acl": "PutObjectAcl",
    **{f"x-amz-grant-{name}": "PutObjectAcl" for name in _GRANTS},
    "x-amz-tagging": "PutObjectTagging",
    "x-amz-object-lock-mode": "PutObjectRetention",
    "x-amz-object-lock-retain-until-date": "PutObjectRetention",
    "x-amz-object-lock-legal-hold": "PutObjectLegalHold",
}
#: Arguments that are no parameter of an operation: signatures, and headers that older presigned URLs contain.
_BESIDE = {
    "x-id", "awsaccesskeyid", "expires", "signature", "x-amz-algorithm", "x-amz-content-sha256", "x-amz-credential",
    "x-amz-date", "x-amz-expires", "x-amz-security-token", "x-amz-signature", "x-amz-signedheaders", "content-md5",
    "content-type",
}  # fmt: skip
#: The parameter with the copied object, a `localaws.gateway.s3_copies.CopySource`.
COPIED = "copied"


def read(environ: dict[str, Any], query: Mapping[str, str]) -> tuple[str, str, str, dict[str, Any]]:
    """Return the action (empty if it is unknown), the bucket, the key and the parameters."""
    path = str(environ["PATH_INFO"])
    if path.startswith("/v20180820/"):  # S3 Control, which moto recognizes by this path; it belongs to no bucket
        return "", "", "", {}
    bucket, _, key = path.lstrip("/").encode("latin-1").decode("utf-8", "replace").partition("/")
    arguments = {n: v for n, v in query.items() if n.lower() not in _BESIDE and not n.lower().startswith("x-amz-meta-")}
    headers = {name: environ[it] for name in (*_HEADERS, *ALSO) if (it := _in_environ(name)) in environ}
    copied = s3_copies.read(environ)
    level = f"{'B' * bool(bucket)}{'K' * bool(key)}"
    action = action_of(environ["REQUEST_METHOD"], level, arguments, copied is not None)
    if environ["REQUEST_METHOD"] == "POST" and body.is_form(environ) and body.whole(environ):
        action = ""  # moto would read the form, not the address
    parameters: dict[str, Any] = {**arguments, **headers}
    if copied is not None:
        parameters |= {COPIED: copied, s3_copies.HEADER: f"{copied.bucket}/{copied.key}"}
    if action == "DeleteObjects":
        parameters["keys"] = _deleted(body.whole(environ))
    if action == "PutBucketPolicy":
        parameters["Policy"] = body.whole(environ).decode("utf-8", "replace")
    if action == "PutBucketReplication":
        parameters |= _parsed(body.whole(environ))
    return action, bucket, key, parameters


def action_of(method: str, level: str, arguments: Mapping[str, str], copies: bool) -> str:
    """Return the one operation of such a request; ``level``: the service (empty), a bucket (B), a key (BK)."""
    able = [
        place
        for place in operations.places()
        if (place.method, place.level) == (method, level) and place.matches(arguments) and place.copies <= copies
    ]
    most = max((place.weight for place in able), default=0)
    meant = [place for place in able if place.weight == most]
    if len(meant) != 1 or (copies and not meant[0].copies):
        return ""
    return meant[0].name


def _in_environ(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


def _deleted(content: bytes) -> list[tuple[str, str]]:
    """Return (key, version or empty) of each object in a bulk deletion, read with the same parser as moto's."""
    try:
        listed = _parsed(content)["Delete"]["Object"]
        found = [_object(each) for each in (listed if isinstance(listed, list) else [listed])]
    except (KeyError, TypeError) as error:
        raise Refused("MalformedXML", f"The list of objects to delete cannot be read: {error}", service="s3") from error
    return found


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = xmltodict.parse(content, strip_whitespace=False, disable_entities=True)
    except (ExpatError, ValueError) as error:
        raise Refused("MalformedXML", f"The body cannot be read: {error}", service="s3") from error
    return found


def _object(each: Mapping[str, Any]) -> tuple[str, str]:
    key, version = each["Key"], each.get("VersionId") or ""
    if not isinstance(key, str) or not isinstance(version, str):
        raise TypeError("an object has one Key, and at most one VersionId, without attributes")
    return key, version
