"""A role may do what its policies say, on what they say, and nothing else; and is told so as AWS tells it."""

# ruff: noqa: F811  `ctx` is a fixture

import json
import urllib.error
import urllib.request
import uuid
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localaws.context import Context
from localaws.iam import enforcement
from localaws.iam.policies import decide, parse
from tests.localaws.running import ctx, queue, role  # noqa: F401


class Caller:
    """Clients that call with the credentials of a role."""

    def __init__(self, ctx: Context, *statements: dict[str, Any]) -> None:
        self.ctx, self.role = ctx, f"r{uuid.uuid4().hex[:10]}"
        arn = role(ctx, self.role, *statements)
        self.keys = ctx.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]

    def __call__(self, service: str, **config: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.ctx.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.keys["AccessKeyId"],
            aws_secret_access_key=self.keys["SecretAccessKey"],
            aws_session_token=self.keys["SessionToken"],
            config=Config(
                inject_host_prefix=False, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **config
            ),
        )


def code(call: Any, **arguments: Any) -> str:
    """What a call ends with: an error's code, or ``ok``."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "ok"


@pytest.fixture(scope="package")
def data(ctx: Context) -> Context:
    s3 = ctx.client("s3")
    for name in ("mine", "other"):
        s3.create_bucket(Bucket=f"iam-{name}")
        s3.put_object(Bucket=f"iam-{name}", Key="in/a", Body=b"x")
    queue(ctx, "iam-mine")
    ctx.client("dynamodb").create_table(
        TableName="iam-mine",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    ctx.client("glue").create_database(DatabaseInput={"Name": "iam_mine"})
    ctx.client("sns").create_topic(Name="iam-mine")
    return ctx


def test_an_object_is_readable_where_the_policy_says(data: Context) -> None:
    s3 = Caller(data, {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::iam-mine/in/*"})("s3")
    assert code(s3.get_object, Bucket="iam-mine", Key="in/a") == "ok"
    assert code(s3.head_object, Bucket="iam-mine", Key="in/a") == "ok"
    assert code(s3.get_object, Bucket="iam-other", Key="in/a") == "AccessDenied"
    assert code(s3.put_object, Bucket="iam-mine", Key="in/a", Body=b"") == "AccessDenied"
    assert code(s3.list_objects_v2, Bucket="iam-mine") == "AccessDenied"


def test_listing_can_be_limited_to_a_prefix(data: Context) -> None:
    only = {"StringLike": {"s3:prefix": ["in/*"]}}
    s3 = Caller(data, {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::iam-mine", "Condition": only})("s3")
    assert code(s3.list_objects_v2, Bucket="iam-mine", Prefix="in/x") == "ok"
    assert code(s3.list_objects_v2, Bucket="iam-mine") == "AccessDenied"


def test_a_copy_needs_both_ends_and_a_bulk_delete_each_key(data: Context) -> None:
    write = {"Action": ["s3:PutObject", "s3:DeleteObject"], "Resource": "arn:aws:s3:::iam-mine/in/*"}
    s3 = Caller(data, write)("s3")
    copy = {"Bucket": "iam-mine", "Key": "in/c", "CopySource": {"Bucket": "iam-other", "Key": "in/a"}}
    assert code(s3.copy_object, **copy) == "AccessDenied"
    both = [{"Key": "in/x"}, {"Key": "out/x"}]
    assert code(s3.delete_objects, Bucket="iam-mine", Delete={"Objects": both[:1]}) == "ok"
    assert code(s3.delete_objects, Bucket="iam-mine", Delete={"Objects": both}) == "AccessDenied"
    reads = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::iam-other/*"}
    assert code(Caller(data, write, reads)("s3").copy_object, **copy) == "ok"


@pytest.mark.parametrize(
    ("more", "permission"),
    [({"Tagging": "a=b"}, "PutObjectTagging"), ({"ACL": "public-read"}, "PutObjectAcl"),
     ({"GrantRead": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'}, "PutObjectAcl"),
     ({"GrantFullControl": 'id="x"'}, "PutObjectAcl"), ({"GrantReadACP": 'id="x"'}, "PutObjectAcl"),
     ({"ObjectLockLegalHoldStatus": "ON"}, "PutObjectLegalHold"),
     ({"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2040-01-01"}, "PutObjectRetention")],
)  # fmt: skip
def test_what_is_done_beside_writing_an_object_needs_its_own_permission(
    data: Context, more: dict[str, str], permission: str
) -> None:
    write = {"Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::iam-mine/*"}
    also = {"Action": f"s3:{permission}", "Resource": "arn:aws:s3:::iam-mine/*"}
    with_it, without = Caller(data, write, also), Caller(data, write)
    for call, given in (
        ("put_object", {}), ("create_multipart_upload", {}), ("copy_object", {"CopySource": "iam-mine/in/a"}),
    ):  # fmt: skip
        where = {"Bucket": "iam-mine", "Key": "tagged", **given, **more}
        assert code(getattr(without("s3"), call), **where) == "AccessDenied", call
        assert code(getattr(with_it("s3"), call), **where) != "AccessDenied", call


def test_an_explicit_deny_wins(data: Context) -> None:
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::iam-mine/in/*"}
    s3 = Caller(data, {"Action": "*", "Resource": "*"}, deny)("s3")
    with pytest.raises(ClientError, match="explicit deny"):
        s3.get_object(Bucket="iam-mine", Key="in/a")
    assert code(s3.get_object, Bucket="iam-other", Key="in/a") == "ok"


@pytest.mark.parametrize(
    ("service", "action", "resource", "call", "arguments", "denied"),
    [
        ("sqs", "sqs:SendMessage", "arn:aws:sqs:us-east-1:{a}:iam-mine", "send_message",
         {"QueueUrl": "{e}/{a}/iam-mine", "MessageBody": "x"}, "AccessDeniedException"),
        ("dynamodb", "dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:{a}:table/iam-mine", "put_item",
         {"TableName": "iam-mine", "Item": {"pk": {"S": "1"}}}, "AccessDeniedException"),
        ("dynamodb", "dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:{a}:table/iam-mine", "transact_write_items",
         {"TransactItems": [{"Put": {"TableName": "iam-mine", "Item": {"pk": {"S": "2"}}}}]}, "AccessDeniedException"),
        ("glue", "glue:GetDatabase",
         ["arn:aws:glue:us-east-1:{a}:catalog", "arn:aws:glue:us-east-1:{a}:database/iam_mine"],
         "get_database", {"Name": "iam_mine"}, "AccessDeniedException"),
        ("sns", "sns:Publish", "arn:aws:sns:us-east-1:{a}:iam-mine", "publish",
         {"TopicArn": "arn:aws:sns:us-east-1:{a}:iam-mine", "Message": "x"}, "AuthorizationError"),
        ("events", "events:PutEvents", "arn:aws:events:us-east-1:{a}:event-bus/default", "put_events",
         {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]}, "AccessDeniedException"),
        ("lambda", "lambda:ListFunctions", "*", "list_functions", {}, "AccessDeniedException"),
        ("cloudwatch", "cloudwatch:PutMetricData", "*", "put_metric_data",
         {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1}]}, "AccessDeniedException"),
        ("stepfunctions", "states:ListStateMachines", "*", "list_state_machines", {}, "AccessDeniedException"),
    ],
)  # fmt: skip
def test_each_service_checks_its_resource(
    data: Context, service: str, action: str, resource: Any, call: str, arguments: Any, denied: str
) -> None:
    def fill(value: Any) -> Any:
        return json.loads(json.dumps(value).replace("{a}", data.account).replace("{e}", data.endpoint))

    granted = Caller(data, {"Action": action, "Resource": fill(resource)})
    assert code(getattr(granted(service), call), **fill(arguments)) == "ok"
    elsewhere = Caller(data, {"Action": action, "Resource": "arn:aws:x:::other"})
    assert code(getattr(elsewhere(service), call), **fill(arguments)) == denied


def test_the_error_says_who_may_not_do_what(data: Context) -> None:
    caller = Caller(data, {"Action": "s3:GetObject", "Resource": "*"})
    arn = f"arn:aws:dynamodb:us-east-1:{data.account}:table/iam-mine"
    with pytest.raises(ClientError) as caught:
        caller("dynamodb").get_item(TableName="iam-mine", Key={"pk": {"S": "1"}})
    assert caught.value.response["Error"]["Message"] == (
        f"User: arn:aws:sts::{data.account}:assumed-role/{caller.role}/me is not authorized to perform: "
        f"dynamodb:GetItem on resource: {arn} because no identity-based policy allows the dynamodb:GetItem action"
    )


def test_a_changed_policy_holds_from_the_next_call(data: Context) -> None:
    caller = Caller(data, {"Action": "s3:GetObject", "Resource": "*"})
    s3 = caller("s3")
    assert code(s3.get_object, Bucket="iam-mine", Key="in/a") == "ok"
    role(data, caller.role, {"Action": "s3:PutObject", "Resource": "*"})
    assert code(s3.get_object, Bucket="iam-mine", Key="in/a") == "AccessDenied"


def test_a_managed_policy_counts(data: Context) -> None:
    caller = Caller(data, {"Action": "sqs:SendMessage", "Resource": "*"})
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
    policy = data.client("iam").create_policy(PolicyName=caller.role, PolicyDocument=json.dumps(document))["Policy"][
        "Arn"
    ]
    data.client("iam").attach_role_policy(RoleName=caller.role, PolicyArn=policy)
    assert code(caller("s3").get_object, Bucket="iam-mine", Key="in/a") == "ok"


def test_a_presigned_url_is_its_signers(data: Context) -> None:
    s3 = Caller(data, {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::iam-mine/*"})("s3")

    def fetch(bucket: str) -> int:
        url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "in/a"})
        try:
            return int(urllib.request.urlopen(url).status)
        except urllib.error.HTTPError as error:
            return error.code

    assert (fetch("iam-mine"), fetch("iam-other")) == (200, 403)


def test_a_request_that_is_not_signed_is_refused(data: Context) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{data.endpoint}/iam-mine/in/a")


def test_a_key_that_nobody_gave_out_is_refused(data: Context) -> None:
    caller = Caller(data, {"Action": "*", "Resource": "*"})
    caller.keys = {**caller.keys, "AccessKeyId": "ASIAAAAAAAAAAAAAAAAA"}
    assert code(caller("sts").get_caller_identity) == "InvalidClientTokenId"
    assert code(caller("dynamodb").list_tables) == "UnrecognizedClientException"
    assert code(caller("s3").list_buckets) == "InvalidAccessKeyId"


def test_an_action_that_is_not_known_is_denied_by_name(data: Context) -> None:
    caller = Caller(data, {"Action": "*", "Resource": "*"})
    with pytest.raises(ClientError, match="ecr:DescribeRepositories"):
        caller("ecr").describe_repositories()


def test_decisions_tell_what_was_asked_for_and_granted(data: Context) -> None:
    caller = Caller(data, {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::iam-mine/*"})
    for bucket in ("iam-mine", "iam-other"):
        code(caller("s3").get_object, Bucket=bucket, Key="in/a")
    made = [decision for decision in enforcement.decisions() if decision.role == caller.role]
    assert [(decision.session, decision.action, decision.resource, decision.allowed) for decision in made] == [
        ("me", "s3:GetObject", "arn:aws:s3:::iam-mine/in/a", True),
        ("me", "s3:GetObject", "arn:aws:s3:::iam-other/in/a", False),
    ]


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"k": ["a", "b"]}}, {"k": "b"}, True),
        ({"StringEquals": {"k": "a"}}, {}, False),
        ({"StringNotEquals": {"k": ["a", "b"]}}, {"k": "b"}, False),
        ({"StringNotEquals": {"k": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"k": "a"}}, {}, True),
        ({"Null": {"k": "true"}}, {}, True),
        ({"Bool": {"K": "true"}}, {"k": "true"}, True),
        ({"NumericLessThan": {"k": "10"}}, {"k": "9"}, True),
        ({"DateGreaterThan": {"k": "2026-01-01T00:00:00Z"}}, {"k": "2025-01-01T00:00:00+00:00"}, False),
        ({"ForAnyValue:StringLike": {"k": "a*"}}, {"k": "abc"}, True),
        ({"ArnLike": {"k": "arn:aws:s3:::*"}}, {"k": "arn:aws:s3:::b"}, True),
        ({"IpAddress": {"k": "10.0.0.0/8"}}, {"k": "10.1.2.3"}, True),
    ],
)
def test_a_condition_holds(condition: dict[str, Any], context: dict[str, str], holds: bool) -> None:
    statement = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "Condition": condition}
    assert decide(parse(json.dumps({"Statement": statement})), "s3:getobject", "x", context).allowed == holds
