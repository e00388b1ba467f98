"""What tests of signatures share: clients of any secret, the name of a refusal, and forms that upload."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any
from urllib.parse import urlparse

import boto3
from botocore.client import Config

from localaws.context import Context
from tests.localaws.requests import Answer

BUCKET = "signed-bucket"


def make_bucket(ctx: Context) -> None:
    """Make the bucket, with one object."""
    ctx.client("s3").create_bucket(Bucket=BUCKET)
    ctx.client("s3").put_object(Bucket=BUCKET, Key="there", Body=b"content")


def host(ctx: Context) -> str:
    return urlparse(ctx.endpoint).netloc


def code(answer: Answer) -> str:
    """What a refusal is called, in whatever protocol."""
    found = re.search(r"<Code>(\w+)</Code>", answer.said)
    return found[1] if found else str(json.loads(answer.body)["__type"])


def client(
    ctx: Context, service: str, *, secret: str = "test", token: str | None = None, key: str = "test", **config: Any
) -> Any:
    return boto3.client(
        service,
        endpoint_url=ctx.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


def form(fields: dict[str, str], content: bytes, extra: bytes = b"") -> tuple[dict[str, str], bytes]:
    mark = uuid.uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields.items()
    ]
    file = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n'.encode()
    body = b"".join(parts) + file + content + b"\r\n" + extra + f"--{mark}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={mark}"}, body
