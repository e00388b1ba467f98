"""What is checked is what moto carries out: a request that can be read in two ways is refused."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.auth import S3SigV4QueryAuth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localaws.context import Context
from localaws.gateway.operations import MODELS
from tests.localaws.requests import USER, Answer, send, signed
from tests.localaws.running import ctx, queue, role  # noqa: F401

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/x-amz-json-1.1"}
ADMIN_ROLE = "one-reading-boss"


def become(ctx: Context, *statements: dict[str, Any]) -> Credentials:
    arn = role(ctx, f"r{uuid.uuid4().hex[:10]}", *statements)
    keys = ctx.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


def call(
    ctx: Context,
    who: Credentials,
    service: str,
    target: str,
    body: bytes | str = b"",
    headers: dict[str, str] | None = None,
    *,
    method: str = "POST",
) -> Answer:
    content = body.encode() if isinstance(body, str) else body
    return send(
        ctx, method, target, signed(ctx, service, method, target, content, headers=headers, credentials=who), content
    )


def presigned(ctx: Context, service: str, target: str, who: Credentials = USER) -> str:
    request = AWSRequest("GET", ctx.endpoint + target)
    (S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth)(who, service, "us-east-1").add_auth(request)
    return str(request.url).removeprefix(ctx.endpoint)


@pytest.fixture(scope="module")
def made(ctx: Context) -> Context:
    s3 = ctx.client("s3")
    for name in ("one-pub", "one-priv"):
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="in/x", Body=b"hidden")
    for name in ("one-a", "one-b"):
        queue(ctx, name)
        ctx.client("secretsmanager").create_secret(Name=name, SecretString=f"hidden {name}")
        keys = {"KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}]}
        kinds = {"AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}]}
        ctx.client("dynamodb").create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **keys, **kinds)
        ctx.client("dynamodb").put_item(TableName=name, Item={"k": {"S": "1"}, "v": {"S": f"hidden {name}"}})
    role(ctx, ADMIN_ROLE, {"Action": "*", "Resource": "*"})
    return ctx


# ---- a browser that is sent to an address

BROWSERS = {
    "a link in a mail": {"User-Agent": "Mozilla/5.0", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    "no agent, but the mark": {"Sec-Fetch-Site": "none"},
    "only another mark": {"Sec-Fetch-Dest": "document"},
    "an old one": {"User-Agent": "Mozilla/5.0 (iPhone) Version/15.6 Safari/604.1"},
    "one in capitals": {"User-Agent": " MOZILLA/5.0"},
}


@pytest.mark.parametrize("who", BROWSERS)
@pytest.mark.parametrize("service", sorted({*MODELS, "monitoring", "states", "tagging"} - {"s3"}))
def test_a_browser_reaches_no_service_but_s3(made: Context, who: str, service: str) -> None:
    for query in ("Action=ListRoles", "Action=ListRoles&x=AWSAccessKeyId%3D", "x=/s3/aws4_request"):
        for path in ("/", "/one-pub/in/x"):
            target = presigned(made, service, f"{path}?{query}")
            assert send(made, "GET", target, BROWSERS[who]).status in {400, 403}


@pytest.mark.parametrize("who", BROWSERS)
def test_a_browser_opens_objects_and_nothing_else_of_s3(made: Context, who: str) -> None:
    assert send(made, "GET", presigned(made, "s3", "/one-pub/in/x"), BROWSERS[who]).body == b"hidden"
    for target in ("/", "/one-pub", "/one-pub/", "/one-pub?cors", "/one-pub/in/x?acl", "/one-pub/in/x?tagging"):
        assert send(made, "GET", presigned(made, "s3", target), BROWSERS[who]).status == 403
    for method in ("PUT", "POST", "DELETE"):
        headers = {**signed(made, "s3", method, "/one-pub/in/x"), **BROWSERS[who]}
        assert send(made, method, "/one-pub/in/x", headers).status == 403


def test_an_address_that_deletes_does_not_when_a_browser_is_sent_to_it(made: Context) -> None:
    made.client("iam").create_role(RoleName="one-kept", AssumeRolePolicyDocument='{"Statement": []}')
    target = presigned(made, "iam", "/?Action=DeleteRole&Version=2010-05-08&RoleName=one-kept&x=AWSAccessKeyId%3D")
    for agent in BROWSERS.values():
        assert send(made, "GET", target, agent).status == 403
    assert made.client("iam").get_role(RoleName="one-kept")["Role"]["RoleName"] == "one-kept"


# ---- one action


def test_an_action_in_the_address_does_not_hide_the_one_in_the_body(made: Context) -> None:
    low = become(made, {"Action": "sqs:SendMessage", "Resource": "*"})
    boss = quote(f"arn:aws:iam::{made.account}:role/{ADMIN_ROLE}", safe="")
    body = f"Action=AssumeRole&Version=2011-06-15&RoleArn={boss}&RoleSessionName=xx"
    for target, headers in [
        ("/?Action=GetCallerIdentity", FORM),
        ("/", {**FORM, "X-Amz-Target": "X.GetCallerIdentity"}),
        ("/", {**FORM, "X-Amz-Target": "AWSSecurityTokenServiceV20110615.GetCallerIdentity"}),
        ("/service/x/operation/GetCallerIdentity", FORM),
        ("/", {"Content-Type": "multipart/form-data; boundary=x"}),
        ("/", {**FORM, "Content-Encoding": "gzip"}),
    ]:
        answer = call(made, low, "sts", target, body, headers)
        assert answer.status in {400, 403}, (target, headers)
        assert "SecretAccessKey" not in answer.said
    for doubled in (f"Action=GetCallerIdentity&{body}", f"{body}&Action=GetCallerIdentity"):
        assert call(made, low, "sts", "/", doubled, FORM).status == 400


def test_an_action_or_parameter_beside_the_target_is_refused(made: Context) -> None:
    low = become(made, {"Action": "secretsmanager:DescribeSecret", "Resource": "*"},
                 {"Action": "secretsmanager:GetSecretValue", "Resource": f"arn:aws:secretsmanager:us-east-1:{made.account}:secret:one-a*"})  # fmt: skip  # noqa: E501
    describe = {**JSON, "X-Amz-Target": "secretsmanager.DescribeSecret"}
    read = {**JSON, "X-Amz-Target": "secretsmanager.GetSecretValue"}
    wanted = '{"SecretId": "one-b"}'
    for target, headers, body in [
        ("/?Action=GetSecretValue", describe, wanted),
        ("/?SecretId=one-b", read, '{"SecretId": "one-a"}'),
        ("/", describe, '{"SecretId": "one-b", "x": "&Action=GetSecretValue&"}'),
        ("/", {**describe, "Action": "GetSecretValue", "SecretId": "one-b"}, "{}"),
        ("/", {**describe, **FORM}, "Action=GetSecretValue&SecretId=one-b"),
        ("/", {**JSON, "X-Amz-Target": "x.secretsmanager.GetSecretValue"}, wanted),
        ("/", {**JSON, "X-Amz-Target": "AWSGlue.GetSecretValue"}, wanted),
        ("/x", read, wanted),
        ("/", read, '{"SecretId": "one-a"}&SecretId=one-b'),
        ("/", read, "[]"),
        ("/", read, '{"SecretId": ["one-b"]}'),
        ("/", read, wanted),
    ]:
        answer = call(made, low, "secretsmanager", target, body, headers)
        assert "hidden" not in answer.said, (target, headers, body)
        assert answer.status in {400, 403, 404} or "SecretString" not in answer.said


def test_text_in_a_body_that_looks_like_a_form_stays_text(made: Context) -> None:
    """moto takes any body for a form as well: an honest message could become another call."""
    sent = "&Action=DeleteQueue&QueueName=x&"
    url = made.client("sqs").get_queue_url(QueueName="one-a")["QueueUrl"]
    made.client("sqs").send_message(QueueUrl=url, MessageBody=sent)
    assert made.client("sqs").receive_message(QueueUrl=url)["Messages"][0]["Body"] == sent


def test_the_path_of_a_queue_names_no_other_queue_than_the_call(made: Context) -> None:
    low = become(made, {"Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:us-east-1:{made.account}:one-a"})
    url = quote(f"{made.endpoint}/{made.account}/one-a", safe="")
    body = f"Action=SendMessage&MessageBody=x&QueueUrl={url}"
    assert call(made, low, "sqs", f"/{made.account}/one-b", body, FORM).status == 400
    assert call(made, low, "sqs", f"/{made.account}/one-a", body, FORM).status == 200
    assert call(made, low, "sqs", f"/{made.account}/one-b", "Action=SendMessage&MessageBody=x", FORM).status == 403


def test_the_region_and_the_account_are_those_of_the_signature(made: Context) -> None:
    elsewhere = boto3.client("sqs", region_name="eu-west-1", endpoint_url=made.endpoint,
                             aws_access_key_id="test", aws_secret_access_key="test")  # fmt: skip
    elsewhere.create_queue(QueueName="one-elsewhere")
    target = {**JSON, "X-Amz-Target": "AmazonSQS.ListQueues"}
    body = b'{"QueueNamePrefix": "one-elsewhere"}'
    for extra in ({"User-Agent": "x region/eu-west-1"}, {"Host": "sqs.eu-west-1.amazonaws.com"}):
        host = extra.get("Host", "")
        headers = {**signed(made, "sqs", "POST", "/", body, headers=target, host=host), **extra}
        answer = send(made, "POST", "/", headers, body)
        assert (answer.status, "one-elsewhere" in answer.said) == (200, False)
    account = {**signed(made, "sqs", "POST", "/", body, headers=target), "x-moto-account-id": "111111111111"}
    assert send(made, "POST", "/", account, body).status == 403


# ---- parameters that an operation does not have


def test_a_foreign_parameter_does_not_decide_the_resource(made: Context) -> None:
    own = f"arn:aws:dynamodb:us-east-1:{made.account}:table/one-a"
    low = become(made, {"Action": "dynamodb:*", "Resource": own})
    headers = {**JSON, "X-Amz-Target": "DynamoDB_20120810.GetItem"}
    for extra in ({"StreamArn": own}, {"ResourceArn": own}, {"IndexName": "x"}, {"TableArn": own}):
        body = json.dumps({"TableName": "one-b", "Key": {"k": {"S": "1"}}, **extra})
        answer = call(made, low, "dynamodb", "/", body, headers)
        assert answer.status == 400
        assert "hidden" not in answer.said
    body = json.dumps({"TableName": "one-a", "Key": {"k": {"S": "1"}}})
    assert "hidden one-a" in call(made, low, "dynamodb", "/", body, headers).said


def test_a_part_of_a_transaction_does_one_thing(made: Context) -> None:
    low = become(made, {"Action": "dynamodb:*", "Resource": f"arn:aws:dynamodb:us-east-1:{made.account}:table/one-a"})
    put, delete = {"TableName": "one-a", "Item": {"k": {"S": "2"}}}, {"TableName": "one-b", "Key": {"k": {"S": "1"}}}
    body = json.dumps({"TransactItems": [{"Put": put, "Delete": delete}]})
    headers = {**JSON, "X-Amz-Target": "DynamoDB_20120810.TransactWriteItems"}
    assert call(made, low, "dynamodb", "/", body, headers).status == 400
    assert "Item" in made.client("dynamodb").get_item(TableName="one-b", Key={"k": {"S": "1"}})


def test_of_two_names_of_one_stream_both_must_be_allowed(made: Context) -> None:
    for name in ("one-a", "one-b"):
        made.client("kinesis").create_stream(StreamName=name, ShardCount=1)
    own = f"arn:aws:kinesis:us-east-1:{made.account}:stream/one-b"
    low = become(made, {"Action": "kinesis:*", "Resource": own})
    headers = {**JSON, "X-Amz-Target": "Kinesis_20131202.PutRecord"}
    body = json.dumps({"StreamName": "one-a", "StreamARN": own, "Data": "eA==", "PartitionKey": "1"})
    assert "AccessDenied" in call(made, low, "kinesis", "/", body, headers).said


# ---- S3


def test_a_role_that_may_put_may_not_get_or_delete_by_a_strange_argument(made: Context) -> None:
    s3 = made.client("s3")
    put = become(made, {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::one-pub/*"})
    get = become(made, {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::one-pub/*"})
    lists = become(made, {"Action": ["s3:ListBucketVersions", "s3:ListBucketMultipartUploads"], "Resource": "*"})
    for who, method, target in [
        (put, "GET", "/one-pub/in/x?uploads"), (put, "HEAD", "/one-pub/in/x?uploads="),
        (put, "DELETE", "/one-pub/in/x?uploads"), (get, "PUT", "/one-pub/in/x?select"),
        (get, "DELETE", "/one-pub/in/x?select"), (get, "DELETE", "/one-pub/in/x?select&select-type=2"),
        (get, "GET", "/one-pub/in/x?acl&tagging"), (get, "GET", "/one-pub/in/x?versionId=a&versionId=b"),
        (lists, "DELETE", "/one-priv?uploads"), (lists, "DELETE", "/one-priv?versions"),
        (lists, "PUT", "/one-new?uploads"), (lists, "GET", "/one-pub?versions&policy"),
    ]:  # fmt: skip
        answer = call(made, who, "s3", target, method=method)
        assert answer.status in {400, 403}, (method, target)
        assert b"hidden" not in answer.body
    assert s3.get_object(Bucket="one-pub", Key="in/x")["Body"].read() == b"hidden"
    assert {"one-pub", "one-priv"} <= {b["Name"] for b in s3.list_buckets()["Buckets"]}
    assert call(made, get, "s3", "/one-pub/in/x", method="GET").body == b"hidden"


@pytest.mark.parametrize(
    "other",
    ["<Key >in/x</Key >", "<Key\n>in/x</Key>", "<Key a='b'>in/x</Key>", "<Key><![CDATA[in/x]]></Key>",
     "<Key>in/&#120;</Key>", "<Key>tmp/a</Key><Key>in/x</Key>", "<Key>in/x</Key><VersionId>null</VersionId>"],
)  # fmt: skip
def test_every_key_of_a_bulk_deletion_is_checked_however_it_is_written(made: Context, other: str) -> None:
    low = become(made, {"Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::one-pub/tmp/*"})
    body = f"<Delete><Object>{other}</Object><Object><Key>tmp/ok</Key></Object></Delete>"
    md5 = base64.b64encode(hashlib.md5(body.encode()).digest()).decode()
    assert call(made, low, "s3", "/one-pub?delete", body, {"Content-MD5": md5}).status in {400, 403}
    assert made.client("s3").get_object(Bucket="one-pub", Key="in/x")["Body"].read() == b"hidden"


def test_what_a_condition_asks_of_a_header_is_not_taken_from_the_address(made: Context) -> None:
    only = {"StringEquals": {"s3:x-amz-acl": "private"}}
    writes = ["s3:PutObject", "s3:PutObjectAcl"]
    low = become(made, {"Action": writes, "Resource": "arn:aws:s3:::one-pub/*", "Condition": only})
    assert call(made, low, "s3", "/one-pub/c?x-amz-acl=private", b"x", method="PUT").status == 403
    assert call(made, low, "s3", "/one-pub/c", b"x", {"x-amz-acl": "private"}, method="PUT").status == 200


# ---- pages that a rule lets in


def test_a_rule_opens_the_objects_of_its_bucket_and_not_its_settings(made: Context) -> None:
    rule = {"AllowedOrigins": ["https://app.example"], "AllowedMethods": ["GET", "PUT", "POST", "DELETE"],
            "AllowedHeaders": ["*"]}  # fmt: skip
    made.client("s3").put_bucket_cors(Bucket="one-pub", CORSConfiguration={"CORSRules": [rule]})
    page = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site", "User-Agent": "Mozilla/5.0"}
    rules = b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>"
    everything = b"<Delete><Object><Key>in/x</Key></Object></Delete>"

    def ask(method: str, target: str, body: bytes = b"", **headers: str) -> int:
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        return send(
            made, method, target, {**signed(made, "s3", method, target, body, headers=own), **page}, body
        ).status

    assert ask("GET", "/one-pub/in/x") == 200
    assert ask("PUT", "/one-pub/p", b"x") == 200
    assert ask("PUT", "/one-pub/q", x_amz_copy_source="/one-pub/in/x") == 200
    assert ask("PUT", "/one-pub/q", x_amz_copy_source="/one-priv/in/x") == 403
    assert ask("PUT", "/one-pub/q", x_amz_copy_source="one%2Dpriv/in/x") == 403
    assert ask("PUT", "/one-pub?cors", rules) == 403
    assert ask("POST", "/one-pub?delete", everything) == 403
    assert ask("GET", "/one-pub") == 403
    assert ask("DELETE", "/one-pub") == 403
    assert ask("DELETE", "/one-pub?cors") == 403
    assert ask("PUT", "/one-pub/in/x?acl") == 403


# ---- what ended a connection, or came from moto itself


def test_a_length_of_thousands_of_digits_is_no_request(made: Context) -> None:
    for digits in ("9" * 19, "9" * 5000, "٣"):
        headers = [("Host", "localhost"), ("Content-Length", digits.encode().decode("latin-1"))]
        assert send(made, "POST", "/", headers).status == 400


@pytest.mark.parametrize("service", ["motoapi", "moto-api", "nosuch"])
@pytest.mark.parametrize("path", ["/moto-api/reset", "/Moto-Api/reset", "/latest/meta-data/iam/security-credentials/", "/"])  # fmt: skip  # noqa: E501
def test_what_is_motos_own_is_refused_also_if_it_is_signed(made: Context, service: str, path: str) -> None:
    for method in ("GET", "POST"):
        assert call(made, USER, service, path, method=method).status in {400, 403, 404}
    assert made.client("s3").get_object(Bucket="one-pub", Key="in/x")["Body"].read() == b"hidden"
