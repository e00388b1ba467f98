"""What tests of the running half share: functions, roles and queues made by API calls, and waiting for what follows."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config

from localaws.context import Context
from localaws.server import LocalAws

Found = TypeVar("Found")
ANY_PRINCIPAL = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {
                "AWS": ["123456789012"],
                "Service": [
                    "lambda.amazonaws.com",
                    "glue.amazonaws.com",
                    "states.amazonaws.com",
                    "events.amazonaws.com",
                    "scheduler.amazonaws.com",
                ],
            },
            "Action": "sts:AssumeRole",
        },
    }
)


@pytest.fixture(scope="package")
def ctx(local_aws: LocalAws) -> Context:
    """What the running local AWS is made of."""
    return local_aws.context


def until(find: Callable[[], Found], seconds: float = 20.0) -> Found:
    """Return what ``find`` finds as soon as it is truthy; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"nothing within {seconds} s"
        time.sleep(0.005)
    return found


def role(ctx: Context, name: str, *statements: dict[str, Any]) -> str:
    """Create or replace a role with these statements (``Effect`` is Allow unless given) and return its ARN."""
    client = ctx.client("iam")
    try:
        arn = client.create_role(RoleName=name, AssumeRolePolicyDocument=ANY_PRINCIPAL)["Role"]["Arn"]
    except client.exceptions.EntityAlreadyExistsException:
        arn = client.get_role(RoleName=name)["Role"]["Arn"]
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement} for statement in statements]}
    client.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=json.dumps(document))
    return str(arn)


EVERYTHING = {"Action": "*", "Resource": "*"}


def zipped(source: str) -> bytes:
    """A code zip with one module, ``index``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", source)
    return buffer.getvalue()


def function(ctx: Context, name: str, source: str, **options: Any) -> str:
    """Create a function from ``source`` (it defines ``handler``) and return its ARN."""
    options = {"Runtime": "python3.13", "Timeout": 10, "MemorySize": 512, "Handler": "index.handler", **options}
    options.setdefault("Role", role(ctx, "everything", EVERYTHING))
    options.setdefault("Code", {"ZipFile": zipped(source)})
    return str(ctx.client("lambda").create_function(FunctionName=name, **options)["FunctionArn"])


def invoke(ctx: Context, name: str, payload: Any = None, **options: Any) -> tuple[str | None, Any]:
    """Invoke a function: the kind of error (or None), and what it answered."""
    answer = ctx.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload), **options)
    return answer.get("FunctionError"), json.loads(answer["Payload"].read() or b"null")


def queue(ctx: Context, name: str, **attributes: str) -> tuple[str, str]:
    """Create a queue, to which AWS's services may send for this account: its URL and its ARN."""
    arn = f"arn:aws:sqs:us-east-1:{ctx.account}:{name}"
    attributes.setdefault("Policy", sendable(ctx, arn, "sqs:SendMessage"))
    return ctx.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], arn


def sendable(ctx: Context, arn: str, action: str, **condition: Any) -> str:
    """A policy by which EventBridge, S3 and SNS may send to ``arn`` for this account, or as ``condition`` says."""
    services = [f"{name}.amazonaws.com" for name in ("events", "s3", "sns")]
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"Service": services},
                "Action": action,
                "Resource": arn,
                "Condition": condition or {"StringEquals": {"aws:SourceAccount": ctx.account}},
            },
        }
    )


def administrator(ctx: Context, service: str) -> Any:
    """Return a client with the key of the person at the keyboard, whom a resource's policy may deny."""
    return boto3.client(
        service, endpoint_url=ctx.endpoint, region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )  # fmt: skip


def messages(ctx: Context, url: str) -> list[dict[str, Any]]:
    """Take all messages of a queue."""
    found: list[dict[str, Any]] = []
    while True:
        batch = ctx.client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
        )
        if "Messages" not in batch:
            return found
        for message in batch["Messages"]:
            ctx.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        found += batch["Messages"]
