"""Which AWS call an HTTP request is: its service, action, caller and parameters, read before anything answers it.

The body is read only where it names the action or the resource, and is put back for the application.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote

#: Where the verified caller of a request stands (a `localaws.signatures.Caller`).
CALLER = "localaws.caller"
_ENVIRON_KEY = "localaws.call"
#: Services whose signing name is not the one that IAM policies use.
_IAM_NAMES = {"monitoring": "cloudwatch", "eventbridge": "events", "tagging": "tag"}
_REST_SERVICES = {"lambda": "lambda", "scheduler": "scheduler", "lakeformation": "lakeformation", "pipes": "pipes"}
_LARGEST_BODY = 16 * 2**20


@dataclass(frozen=True)
class Request:
    """One AWS call; ``service`` as in IAM actions, ``parameters`` as the API names them (for S3: query and headers)."""

    service: str
    action: str
    access_key: str
    region: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    bucket: str = ""
    key: str = ""
    protocol: str = "json"

    @property
    def detail(self) -> str:
        """What the call is made on, in words of its service: ``bucket/key``, a table, a queue, a function."""
        if self.service == "s3":
            return f"{self.bucket}/{self.key}" if self.key else self.bucket
        for name in _TELLING.get(self.service, ()):
            if value := self.parameters.get(name):
                return str(value).rsplit("/", 1)[-1] if name == "QueueUrl" else str(value)
        return ""


_TELLING = {
    "dynamodb": ("TableName",),
    "sqs": ("QueueUrl", "QueueName"),
    "sns": ("TopicArn",),
    "lambda": ("FunctionName",),
    "states": ("stateMachineArn", "executionArn"),
    "kinesis": ("StreamName", "StreamARN"),
    "glue": ("TableName", "JobName", "Name", "DatabaseName"),
    "athena": ("WorkGroup", "QueryExecutionId"),
    "sts": ("RoleArn",),
    "kms": ("KeyId",),
    "ssm": ("Name",),
    "secretsmanager": ("SecretId",),
}


def read(environ: dict[str, Any]) -> Request | None:
    """Return the AWS call in a WSGI ``environ`` whose signature was verified; None of any other."""
    if CALLER not in environ:
        return None
    if _ENVIRON_KEY not in environ:
        environ[_ENVIRON_KEY] = _read(environ)
    found: Request = environ[_ENVIRON_KEY]
    return found


def protocol_of(environ: Mapping[str, Any], service: str) -> str:
    """Return how ``service`` (as signed; empty where nothing is known) wants errors told, before a call is read."""
    path = str(environ.get("PATH_INFO", ""))
    if service == "s3":
        return "s3"
    if "HTTP_X_AMZ_TARGET" in environ:
        return "json"
    if "/operation/" in path:
        return "cbor"
    if service in _REST_SERVICES or re.match(r"/\d{4}-\d\d-\d\d/", path):
        return "rest"
    is_form = str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")
    return "query" if service or is_form or "Action=" in str(environ.get("QUERY_STRING", "")) else "s3"


def session_name(access_key: str) -> str:
    """Return the name of the role session that calls with ``access_key``; of other callers, the key itself."""
    from localaws.callers import session_of

    session = session_of(access_key)
    return session.session_name if session else access_key


def _read(environ: dict[str, Any]) -> Request:
    path = environ.get("PATH_INFO", "")
    query = environ.get("QUERY_STRING", "")
    caller = environ[CALLER]
    access_key, region, signed_for = caller.access_key, caller.region, caller.service
    service = _IAM_NAMES.get(signed_for, signed_for)
    if service == "s3":
        return _s3(environ, access_key, region)
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        prefix, _, action = target.partition(".")
        if prefix.startswith("DynamoDBStreams"):
            service = "dynamodb"
        return Request(service, action, access_key, region, _json_body(environ))
    if "/operation/" in path:  # Smithy RPC: /service/<name>/operation/<action>, its body in CBOR
        return Request(service, path.rsplit("/", 1)[-1], access_key, region, protocol="cbor")
    if service in _REST_SERVICES:
        return _rest(environ, service, access_key, region)
    form = {name: values[0] for name, values in parse_qs(_body(environ).decode("utf-8", "replace")).items()}
    form |= dict(parse_qsl(query))
    return Request(service, form.pop("Action", ""), access_key, region, form, protocol="query")


def _body(environ: dict[str, Any]) -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if not 0 < length <= _LARGEST_BODY:
        return b""
    body: bytes = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _json_body(environ: dict[str, Any]) -> Mapping[str, Any]:
    try:
        body = json.loads(_body(environ) or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _rest(environ: dict[str, Any], service: str, access_key: str, region: str) -> Request:
    """Services with an action per method and path: found with the router that moto itself uses."""
    from moto.core.request import Request as HttpRequest
    from moto.core.routing import get_service_router
    from werkzeug.exceptions import NotFound

    if service == "lambda" and (
        invoked := re.fullmatch(r"/2015-03-31/functions/([^/]+)/invocations", environ["PATH_INFO"])
    ):
        return Request(service, "Invoke", access_key, region, {"FunctionName": unquote(invoked[1])}, protocol="rest")
    try:
        operation, path_parameters = get_service_router(_REST_SERVICES[service]).match(HttpRequest(dict(environ)))
    except NotFound:
        return Request(service, "", access_key, region, protocol="rest")
    parameters = {**dict(parse_qsl(environ.get("QUERY_STRING", ""))), **_json_body(environ), **path_parameters}
    return Request(service, str(operation.name), access_key, region, parameters, protocol="rest")


# ---- S3: the action is in the method, in the kind of path and in one query argument

_S3_BUCKET_SUBRESOURCES = {
    "acl": "BucketAcl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
    "inventory": "InventoryConfiguration",
    "metrics": "MetricsConfiguration",
    "accelerate": "AccelerateConfiguration",
    "intelligent-tiering": "IntelligentTieringConfiguration",
    "analytics": "AnalyticsConfiguration",
}
_S3_OBJECT_SUBRESOURCES = {
    "acl": "ObjectAcl",
    "tagging": "ObjectTagging",
    "retention": "ObjectRetention",
    "legal-hold": "ObjectLegalHold",
    "attributes": "ObjectAttributes",
}
_S3_HEADERS = {
    "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION": "x-amz-server-side-encryption",
    "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID": "x-amz-server-side-encryption-aws-kms-key-id",
    "HTTP_X_AMZ_COPY_SOURCE": "x-amz-copy-source",
    "HTTP_X_AMZ_ACL": "x-amz-acl",
    "HTTP_X_AMZ_STORAGE_CLASS": "x-amz-storage-class",
}


def _s3(environ: dict[str, Any], access_key: str, region: str) -> Request:
    if environ["PATH_INFO"].startswith("/v20180820/"):  # S3 Control, which moto tells by this path: no bucket's
        return Request("s3", "", access_key, region, protocol="s3")
    bucket, _, key = environ["PATH_INFO"].lstrip("/").encode("latin-1").decode("utf-8", "replace").partition("/")
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    parameters: dict[str, Any] = {**query, **{name: environ[it] for it, name in _S3_HEADERS.items() if it in environ}}
    method = environ["REQUEST_METHOD"]
    if not bucket:
        action = "ListBuckets"
    elif key:
        action = _s3_object_action(method, query, parameters)
    else:
        action = _s3_bucket_action(method, query)
        if action == "DeleteObjects":
            parameters["keys"] = re.findall(r"<Key>(.*?)</Key>", _body(environ).decode("utf-8", "replace"), re.DOTALL)
    return Request("s3", action, access_key, region, parameters, bucket, key, protocol="s3")


def _s3_bucket_action(method: str, query: Mapping[str, str]) -> str:
    if "delete" in query:
        return "DeleteObjects"
    if "uploads" in query:
        return "ListMultipartUploads"
    if "versions" in query:
        return "ListObjectVersions"
    for argument, name in _S3_BUCKET_SUBRESOURCES.items():
        if argument in query:
            return f"{'Delete' if method == 'DELETE' else 'Put' if method == 'PUT' else 'Get'}{name}"
    return {"PUT": "CreateBucket", "DELETE": "DeleteBucket", "HEAD": "HeadBucket", "POST": "PostObject"}.get(
        method, "ListObjectsV2" if query.get("list-type") == "2" else "ListObjects"
    )


def _s3_object_action(  # noqa: PLR0911  as many as S3 has ways to say it
    method: str, query: Mapping[str, str], parameters: Mapping[str, Any]
) -> str:
    if "uploads" in query:
        return "CreateMultipartUpload"
    if "uploadId" in query:
        part = "UploadPartCopy" if "x-amz-copy-source" in parameters else "UploadPart"
        return {"PUT": part, "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}.get(
            method, "ListParts"
        )
    for argument, name in _S3_OBJECT_SUBRESOURCES.items():
        if argument in query:
            return f"{'Delete' if method == 'DELETE' else 'Put' if method == 'PUT' else 'Get'}{name}"
    if method == "PUT":
        return "CopyObject" if "x-amz-copy-source" in parameters else "PutObject"
    if "select" in query:
        return "SelectObjectContent"
    if "restore" in query:
        return "RestoreObject"
    return {"GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(method, "PostObject")
