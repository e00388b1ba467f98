"""Nobody reads or writes through a service an object that he may not read or write himself."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from localaws.context import Context
from localaws.gateway.calls import Request
from localaws.iam.actions import UnknownAction
from localaws.iam.resources import needs
from tests.localaws.iam.test_enforcement import Caller, code
from tests.localaws.running import ctx, role, zipped  # noqa: F401

CTX = Context(endpoint="http://127.0.0.1:1", scratch=Path("/nowhere"))
MINE = {"S3Bucket": "code-mine", "S3Key": "a.zip"}
THEIRS = {"S3Bucket": "code-theirs", "S3Key": "a.zip"}


@pytest.fixture(scope="module")
def made(ctx: Context) -> Context:
    for bucket in ("code-mine", "code-theirs"):
        ctx.client("s3").create_bucket(Bucket=bucket)
        ctx.client("s3").put_object(Bucket=bucket, Key="a.zip", Body=zipped("def handler(e, c):\n    return 1\n"))
        ctx.client("s3").put_object(Bucket=bucket, Key="t.json", Body=b'{"Resources": {}, "Description": "hidden"}')
    return ctx


def test_code_of_a_function_or_layer_is_an_object_that_its_maker_may_read(made: Context) -> None:
    arn = role(made, "code-role", {"Action": "s3:GetObject", "Resource": "*"})
    reads = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::code-mine/*"}
    client = Caller(made, {"Action": "lambda:*", "Resource": "*"}, {"Action": "iam:PassRole", "Resource": arn}, reads)(
        "lambda"
    )
    name = f"code-{uuid.uuid4().hex[:6]}"
    whole = {"FunctionName": name, "Runtime": "python3.13", "Handler": "index.handler", "Role": arn}
    assert code(client.create_function, **whole, Code=THEIRS) == "AccessDeniedException"
    assert code(client.create_function, **whole, Code=MINE) == "ok"
    assert code(client.update_function_code, FunctionName=name, **THEIRS) == "AccessDeniedException"
    assert code(client.update_function_code, FunctionName=name, **MINE) == "ok"
    assert code(client.publish_layer_version, LayerName=name, Content=THEIRS) == "AccessDeniedException"
    assert code(client.publish_layer_version, LayerName=name, Content=MINE) == "ok"


@pytest.mark.parametrize("action", ["validate_template", "get_template_summary", "estimate_template_cost"])
def test_a_template_is_an_object_that_its_caller_may_read(made: Context, action: str) -> None:
    client = Caller(made, {"Action": "cloudformation:*", "Resource": "*"})("cloudformation")
    for url in ("https://code-theirs.s3.amazonaws.com/t.json", "https://s3.amazonaws.com/code-theirs/t.json"):
        assert code(getattr(client, action), TemplateURL=url) == "AccessDenied"


@pytest.mark.parametrize(
    ("service", "action", "given", "resource"),
    [
        ("dynamodb", "ExportTableToPointInTime",
         {"TableArn": "arn:aws:dynamodb:us-east-1:123456789012:table/t", "S3Bucket": "b", "S3Prefix": "p/"},
         "b/p/AWSDynamoDB/*"),
        ("firehose", "CreateDeliveryStream",
         {"DeliveryStreamName": "d", "S3DestinationConfiguration": {"BucketARN": "arn:aws:s3:::b"}}, "b/*"),
        ("cloudformation", "GetTemplateSummary", {"TemplateURL": "https://b.s3.amazonaws.com/k"}, "b/k"),
        ("lambda", "UpdateFunctionCode", {"FunctionName": "f", "S3Bucket": "b", "S3Key": "k"}, "b/k"),
    ],
)  # fmt: skip
def test_what_a_service_does_with_an_object_needs_leave_on_it(
    service: str, action: str, given: dict[str, object], resource: str
) -> None:
    wanted = needs(CTX, Request(service, action, "x", "us-east-1", given))
    assert f"arn:aws:s3:::{resource}" in {each for need in wanted for each in need.resources}


def test_data_is_imported_by_nobody_but_the_administrator() -> None:
    given = {"S3BucketSource": {"S3Bucket": "b"}, "TableCreationParameters": {"TableName": "t"}}
    with pytest.raises(UnknownAction):
        needs(CTX, Request("dynamodb", "ImportTable", "x", "us-east-1", given))
