"""The S3 objects that a call makes a service read or write: the caller needs permission for them as well.

Lambda reads code, CloudFormation reads templates, DynamoDB and Logs export. Otherwise whoever may create a function
could read any object as the function's code. https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCode.html and
each API's page
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.gateway.calls import Request
from localaws.iam.actions import Need, UnknownAction

_CODE = {"CreateFunction": "Code", "PublishLayerVersion": "Content", "UpdateFunctionCode": ""}
#: The operations whose templates are fetched here, from where `localaws.cloudformation.operations.s3_location` says.
_TEMPLATES = {"CreateChangeSet", "CreateStack", "GetTemplateSummary", "UpdateStack"}


def objects(request: Request) -> list[Need]:
    """Return the permissions on objects that a call needs beside its own; raise `UnknownAction` if they are unknown."""
    given = request.parameters
    if request.service == "lambda" and request.action in _CODE:
        where = _CODE[request.action]
        return _code(given.get(where) or {} if where else given)
    if request.service == "cloudformation":
        return _template(request)
    if request.service == "dynamodb" and given.get("S3Bucket"):
        prefix = str(given.get("S3Prefix") or "").rstrip("/")
        within = f"{prefix}/AWSDynamoDB/*" if prefix else "*"
        return [Need("s3:PutObject", (f"arn:aws:s3:::{given['S3Bucket']}/{within}",))]
    if request.service == "firehose":
        # On AWS the passed role writes there; its permission is not checked here, so the caller's is.
        found = tuple(dict.fromkeys(f"{bucket}/*" for bucket in _named(given, "BucketARN")))
        return [Need("s3:PutObject", found)] if found else []
    if request.service == "logs" and given.get("destination"):
        return [Need("s3:PutObject", (f"arn:aws:s3:::{given['destination']}/*",))]
    return []


def _code(code: Any) -> list[Need]:
    if not isinstance(code, Mapping) or not (code.get("S3Bucket") or code.get("S3Key")):
        return []
    read = "s3:GetObjectVersion" if code.get("S3ObjectVersion") else "s3:GetObject"
    return [Need(read, (f"arn:aws:s3:::{code.get('S3Bucket')}/{code.get('S3Key')}",))]


def _template(request: Request) -> list[Need]:
    urls = [str(value) for name, value in request.parameters.items() if name.rpartition(".")[2].endswith("URL")]
    if not any(urls):
        return []
    if request.action not in _TEMPLATES or len(urls) > 1:
        raise UnknownAction(f"cloudformation:{request.action}")
    from localaws.cloudformation.operations import s3_location  # which this module is no part of

    bucket, key = s3_location(urls[0])
    if not bucket or not key:
        raise UnknownAction(f"cloudformation:{request.action}")
    return [Need("s3:GetObject", (f"arn:aws:s3:::{bucket}/{key}",))]


def _named(value: Any, name: str) -> list[str]:
    """Return every text under the key ``name``, at any depth."""
    if isinstance(value, list):
        return [text for each in value for text in _named(each, name)]
    if not isinstance(value, Mapping):
        return []
    own = [str(value[name])] if value.get(name) else []
    return own + [text for each in value.values() for text in _named(each, name)]
