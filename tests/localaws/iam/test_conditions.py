"""Conditions are decided by what a request brings: keys, tags, variables; what is not known allows nothing."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from localaws.context import Context
from localaws.gateway import callers
from localaws.iam.conditions import UNKNOWN, Supplied, holds
from localaws.iam.dynamodb import _value
from localaws.iam.policies import decide, parse
from tests.localaws.iam.test_enforcement import Caller, code
from tests.localaws.requests import send, signed
from tests.localaws.running import ctx, function, invoke, role  # noqa: F401

NOTHING = {"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}
OPERATIONS = [
    "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "BatchGetItem", "BatchWriteItem", "ConditionCheckItem",
]  # fmt: skip


@pytest.fixture(scope="module")
def tables(ctx: Context) -> Context:
    for name, kind in (("tenants", "S"), ("numbers", "N"), ("bytes", "B")):
        ctx.client("dynamodb").create_table(
            TableName=name,
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": kind},
                {"AttributeName": "sk", "AttributeType": "S"},
                {"AttributeName": "other", "AttributeType": "S"},
            ],
            # The sort key stands first in what clients send below: the partition key is found by the table's schema.
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-other",
                    "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )
    return ctx


def tenant(ctx: Context, *keys: str, operator: str = "ForAllValues:StringEquals", effect: str = "Allow") -> Any:
    """A DynamoDB client whose role may touch the items of these partition keys only."""
    statement = {
        "Effect": effect,
        "Action": [f"dynamodb:{name}" for name in OPERATIONS],
        "Resource": "*",
        "Condition": {operator: {"dynamodb:LeadingKeys": list(keys)}},
    }
    everything = [{"Action": "dynamodb:*", "Resource": "*"}] if effect == "Deny" else []
    return Caller(ctx, statement, *everything)("dynamodb")


def key(pk: str, **more: Any) -> dict[str, Any]:
    return {"sk": {"S": "t1"}, "pk": {"S": pk}, **more}


def calls_on(pk: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every way to touch the items of one partition key."""
    table, arn = {"TableName": "tenants"}, {"TableName": "arn:aws:dynamodb:us-east-1:123456789012:table/tenants"}
    value = {"ExpressionAttributeValues": {":v": {"S": pk}}}
    named = {"ExpressionAttributeNames": {"#p": "pk"}, "ExpressionAttributeValues": {":v": {"S": pk}, ":s": {"S": "a"}}}
    old = {"pk": {"AttributeValueList": [{"S": pk}], "ComparisonOperator": "EQ"}}
    change = {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": {"S": "b"}}}
    another = key(pk, sk={"S": "x"})
    put, delete = {"PutRequest": {"Item": another}}, {"DeleteRequest": {"Key": key(pk)}}
    check = {**table, "Key": another, "ConditionExpression": "attribute_not_exists(nothing)"}

    def transaction(*parts: dict[str, Any]) -> dict[str, Any]:
        return {"TransactItems": list(parts)}

    return {
        "get": ("get_item", {**table, "Key": key(pk)}),
        "get by arn": ("get_item", {**arn, "Key": key(pk)}),
        "put": ("put_item", {**table, "Item": key(pk)}),
        "update": ("update_item", {**table, "Key": key(pk), **change}),
        "delete": ("delete_item", {**table, "Key": key(pk)}),
        "query": ("query", {**table, "KeyConditionExpression": "pk = :v", **value}),
        "query in brackets": (
            "query",
            {**table, "KeyConditionExpression": "begins_with(sk, :s) AND (#p = :v)", **named},
        ),
        "query of old": ("query", {**table, "KeyConditions": old}),
        "batch get": ("batch_get_item", {"RequestItems": {"tenants": {"Keys": [key("t1"), another]}}}),
        "batch put": ("batch_write_item", {"RequestItems": {"tenants": [{"PutRequest": {"Item": key("t1")}}, put]}}),
        "batch delete": ("batch_write_item", {"RequestItems": {"tenants": [delete]}}),
        "transact put": ("transact_write_items", transaction({"Put": {**table, "Item": key(pk)}})),
        "transact check": ("transact_write_items", transaction({"ConditionCheck": check})),
        "transact delete": (
            "transact_write_items",
            transaction({"Put": {**table, "Item": key("t1")}}, {"Delete": {**table, "Key": another}}),
        ),
        "transact update": ("transact_write_items", transaction({"Update": {**table, "Key": key(pk), **change}})),
        "transact get": ("transact_get_items", transaction({"Get": {**table, "Key": key(pk)}})),
    }


@pytest.mark.parametrize("way", calls_on("t1"))
def test_a_tenant_touches_its_own_partition_key_and_no_other(tables: Context, way: str) -> None:
    mine = tenant(tables, "t1")
    call, arguments = calls_on("t1")[way]
    assert code(getattr(mine, call), **arguments) == "ok"
    for other in ("t2", "t1 ", "T1", ""):
        call, arguments = calls_on(other)[way]
        assert code(getattr(mine, call), **arguments) == "AccessDeniedException", other
    denied = tenant(tables, "t2", operator="ForAnyValue:StringEquals", effect="Deny")
    assert code(getattr(denied, call), **calls_on("t2")[way][1]) == "AccessDeniedException"
    assert code(getattr(denied, call), **calls_on("t1")[way][1]) == "ok"


def test_of_an_index_the_leading_key_is_its_own(tables: Context) -> None:
    mine = tenant(tables, "t1")

    def query(value: str, name: str) -> str:
        return code(
            mine.query, TableName="tenants", IndexName="by-other", KeyConditionExpression=f"{name} = :v",
            ExpressionAttributeValues={":v": {"S": value}},
        )  # fmt: skip

    assert query("t1", "other") == "ok"
    assert query("t2", "other") == "AccessDeniedException"
    assert query("t1", "pk") == "AccessDeniedException"


@pytest.mark.parametrize("written", ["1", "1.0", "01", "+1", "1e0", "10e-1", "0.1e1", "1.000"])
def test_a_number_is_one_key_however_it_is_written(tables: Context, written: str) -> None:
    item = {"pk": {"N": written}, "sk": {"S": "a"}}
    assert code(tenant(tables, "1").get_item, TableName="numbers", Key=item) == "ok"
    assert code(tenant(tables, "2").get_item, TableName="numbers", Key=item) == "AccessDeniedException"
    denied = tenant(tables, "1", operator="ForAnyValue:StringEquals", effect="Deny")
    assert code(denied.get_item, TableName="numbers", Key=item) == "AccessDeniedException"


def test_a_binary_key_is_its_base64(tables: Context) -> None:
    item = {"pk": {"B": b"\xff\x00"}, "sk": {"S": "a"}}
    mine = base64.b64encode(b"\xff\x00").decode()
    assert code(tenant(tables, mine).get_item, TableName="bytes", Key=item) == "ok"
    assert code(tenant(tables, "AAAA").get_item, TableName="bytes", Key=item) == "AccessDeniedException"


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("query", {"KeyConditionExpression": "pk = :nothing", "ExpressionAttributeValues": {":v": {"S": "t1"}}}),
        ("query", {"KeyConditionExpression": "pk > :v", "ExpressionAttributeValues": {":v": {"S": "t1"}}}),
        ("query", {"KeyConditionExpression": "pk = :v OR pk = :w",
                   "ExpressionAttributeValues": {":v": {"S": "t1"}, ":w": {"S": "t2"}}}),
        ("query", {}),
        ("get_item", {"Key": {"sk": {"S": "t1"}}}),
        ("get_item", {"Key": {"pk": {"L": []}, "sk": {"S": "t1"}}}),
        ("get_item", {"Key": {"pk": {"S": "t1", "N": "2"}, "sk": {"S": "t1"}}}),
        ("execute_statement", {"Statement": "SELECT * FROM tenants WHERE pk = 't1'"}),
        ("batch_execute_statement", {"Statements": [{"Statement": "SELECT * FROM tenants WHERE pk = 't1'"}]}),
        ("execute_transaction", {"TransactStatements": [{"Statement": "SELECT * FROM tenants WHERE pk = 't1'"}]}),
    ],
)  # fmt: skip
def test_keys_that_cannot_be_told_are_denied(tables: Context, call: str, arguments: dict[str, Any]) -> None:
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["t1"]}}
    caller = Caller(tables, {"Action": "dynamodb:*", "Resource": "*", "Condition": condition})
    given_table = {} if "tatement" in call or call == "execute_transaction" else {"TableName": "tenants"}
    client = caller("dynamodb", parameter_validation=False)
    assert code(getattr(client, call), **given_table, **arguments) == "AccessDeniedException"


# ---- keys that are not known


OPERATORS = ["StringEquals", "ForAllValues:StringEquals", "StringNotEquals", "StringEqualsIfExists", "Null", "Bool"]


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_key_that_localaws_does_not_supply_allows_nothing_and_denies_all(ctx: Context, operator: str) -> None:
    condition = {operator: {"dynamodb:Attributes": ["true"]}}
    allowed = Caller(ctx, {"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": condition})("s3")
    assert code(allowed.list_buckets) == "AccessDenied"
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": condition}
    assert code(Caller(ctx, {"Action": "*", "Resource": "*"}, deny)("s3").list_buckets) == "AccessDenied"


@given(
    st.sampled_from([*OPERATORS, "StringNotLike", "ForAnyValue:StringLike", "ForAllValues:StringNotEquals"]),
    st.lists(st.text(max_size=3), min_size=1, max_size=3),
)  # fmt: skip
def test_what_is_unknown_never_helps_whoever_asks(operator: str, wanted: list[str]) -> None:
    assert not holds(operator, UNKNOWN, tuple(wanted), allows=True)
    assert holds(operator, UNKNOWN, tuple(wanted), allows=False)


@given(
    st.sampled_from(["ForAllValues:StringEquals", "ForAnyValue:StringEquals", "StringEquals"]),
    st.lists(st.sampled_from("abc"), max_size=4),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3),
    st.booleans(),
)
def test_several_values_are_quantified_as_aws_does(
    operator: str, values: list[str], wanted: list[str], allows: bool
) -> None:
    inside = [value in wanted for value in values]
    expected = {
        "ForAllValues:StringEquals": all(inside),
        "ForAnyValue:StringEquals": any(inside),
        "StringEquals": all(inside) if allows else any(inside),
    }[operator]
    assert holds(operator, tuple(values), tuple(wanted), allows=allows) == expected


def test_a_variable_stands_for_who_asks(ctx: Context) -> None:
    s3 = ctx.client("s3")
    if code(s3.create_bucket, Bucket="variables") == "ok":
        for name in ("a/k", "b/k", "*/k"):
            s3.put_object(Bucket="variables", Key=name, Body=b"x")
    mine = Caller(ctx, {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::variables/${aws:PrincipalTag/team}/*"})
    client = mine("s3")
    assert code(client.get_object, Bucket="variables", Key="a/k") == "AccessDenied"
    ctx.client("iam").tag_role(RoleName=mine.role, Tags=[{"Key": "Team", "Value": "a"}])
    assert code(client.get_object, Bucket="variables", Key="a/k") == "ok"
    assert code(client.get_object, Bucket="variables", Key="b/k") == "AccessDenied"
    ctx.client("iam").tag_role(RoleName=mine.role, Tags=[{"Key": "Team", "Value": "*"}])
    assert code(client.get_object, Bucket="variables", Key="b/k") == "AccessDenied", "a value is no pattern"


@pytest.mark.parametrize(
    ("pattern", "given", "matches"),
    [
        ("x/${aws:username, 'none'}", "x/none", True),
        ("x/${*}", "x/*", True),
        ("x/${*}", "x/y", False),
        ("x/${$}y", "x/$y", True),
        ("x/${s3:unheard-of}", "x/", False),
        ("x/${aws:PrincipalTag/none}", "x/", False),
    ],
)
def test_variables_are_filled_in(pattern: str, given: str, matches: bool) -> None:
    for effect in ("Allow", "Deny"):
        text = json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": effect, "Action": "*", "Resource": pattern},
                    *([{"Effect": "Allow", "Action": "*", "Resource": "*"}] if effect == "Deny" else []),
                ],
            }
        )
        allowed = decide(parse(text), "s3:GetObject", given, Supplied({"aws:username": None})).allowed
        known = "unheard" not in pattern and "none}" not in pattern
        assert allowed == (matches if effect == "Allow" else known and not matches)


def test_an_arn_pattern_reaches_over_no_colon() -> None:
    assert holds("ArnLike", "arn:aws:s3:::b/x", ("arn:aws:s3:::b/*",), allows=True)
    assert not holds("ArnLike", "arn:aws:sqs:r:1:q", ("arn:*:q",), allows=True)


# ---- who may become whom


def trusting(ctx: Context, *statements: dict[str, Any]) -> tuple[str, str]:
    name = f"trusting-{uuid.uuid4().hex[:8]}"
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", **s} for s in statements],
    }
    made = ctx.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
    return name, str(made["Role"]["Arn"])


def assumes(sts: Any, arn: str, **more: Any) -> str:
    return code(sts.assume_role, RoleArn=arn, RoleSessionName="me", **more)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:role/nobody",
        "arn:aws:iam::999999999999:role/x",
        "arn:aws:iam::123456789012:role/",
        "nonsense-that-is-long-enough",
    ],
)
def test_a_role_that_does_not_exist_gives_out_nothing(ctx: Context, arn: str) -> None:
    assert assumes(ctx.client("sts"), arn) == "AccessDenied"
    assert assumes(Caller(ctx, {"Action": "*", "Resource": "*"})("sts"), arn) == "AccessDenied"


@pytest.mark.parametrize(
    "call", ["get_session_token", "get_federation_token", "assume_role_with_web_identity", "assume_role_with_saml"]
)
def test_no_other_way_leads_to_credentials(ctx: Context, call: str) -> None:
    _, arn = trusting(ctx, {"Principal": {"AWS": "*"}})
    more = {
        "get_session_token": {},
        "get_federation_token": {"Name": "me"},
        "assume_role_with_web_identity": {"RoleArn": arn, "RoleSessionName": "me", "WebIdentityToken": "x" * 8},
        "assume_role_with_saml": {"RoleArn": arn, "PrincipalArn": arn, "SAMLAssertion": "x" * 8},
    }[call]
    assert code(getattr(ctx.client("sts"), call), **more) in {"AccessDenied", "MissingAuthenticationToken"}
    given = {name: str(value) for name, value in more.items()}
    action = "".join(word.title() for word in call.split("_")).replace("Saml", "SAML")
    form = "&".join(f"{n}={v}" for n, v in {"Action": action, "Version": "2011-06-15", **given}.items()).encode()
    answer = send(ctx, "POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, form)
    assert answer.status == 403


EXTERNAL = {"Principal": "*", "Condition": {"StringEquals": {"sts:ExternalId": "42"}}}
MFA = {"Principal": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
ROOT = {"AWS": "arn:aws:iam::123456789012:root"}


@pytest.mark.parametrize(
    ("statements", "more", "administrator", "role_of_account"),
    [
        ([{"Principal": {"AWS": "123456789012"}}], {}, "ok", "ok"),
        ([{"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}], {}, "ok", "ok"),
        ([{"Principal": "*"}], {}, "ok", "ok"),
        ([{"Principal": {"AWS": ["arn:aws:iam::999999999999:root"]}}], {}, "AccessDenied", "AccessDenied"),
        ([{"Principal": {"Service": "lambda.amazonaws.com"}}], {}, "AccessDenied", "AccessDenied"),
        ([{"Principal": {"Federated": "cognito-identity.amazonaws.com"}}], {}, "AccessDenied", "AccessDenied"),
        ([], {}, "AccessDenied", "AccessDenied"),
        ([{"Principal": "*", "Action": "sts:TagSession"}], {}, "AccessDenied", "AccessDenied"),
        ([EXTERNAL], {}, "AccessDenied", "AccessDenied"),
        ([EXTERNAL], {"ExternalId": "43"}, "AccessDenied", "AccessDenied"),
        ([EXTERNAL], {"ExternalId": "42"}, "ok", "ok"),
        ([MFA], {}, "AccessDenied", "AccessDenied"),
        ([{"Principal": "*"}, {"Effect": "Deny", "Principal": ROOT}], {}, "AccessDenied", "AccessDenied"),
        ([{"NotPrincipal": {"AWS": "arn:aws:iam::999999999999:root"}}], {}, "AccessDenied", "AccessDenied"),
    ],
)  # fmt: skip
def test_the_trust_policy_says_who_becomes_a_role(
    ctx: Context, statements: list[Any], more: dict[str, Any], administrator: str, role_of_account: str
) -> None:
    _, arn = trusting(ctx, *statements)
    assert assumes(ctx.client("sts"), arn, **more) == administrator
    other = Caller(ctx, {"Action": "sts:AssumeRole", "Resource": arn})("sts")
    assert assumes(other, arn, **more) == role_of_account


def test_a_role_that_is_named_needs_no_policy_and_one_of_the_account_does(ctx: Context) -> None:
    named, unnamed = Caller(ctx, NOTHING), Caller(ctx, NOTHING)
    account = f"arn:aws:iam::{ctx.account}"
    _, arn = trusting(ctx, {"Principal": {"AWS": f"{account}:role/{named.role}"}})
    assert (assumes(named("sts"), arn), assumes(unnamed("sts"), arn)) == ("ok", "AccessDenied")
    _, arn = trusting(ctx, {"Principal": {"AWS": f"{account}:root"}})
    assert assumes(unnamed("sts"), arn) == "AccessDenied"
    denied = Caller(ctx, {"Effect": "Deny", "Action": "sts:*", "Resource": "*"})
    _, arn = trusting(ctx, {"Principal": {"AWS": f"{account}:role/{denied.role}"}})
    assert assumes(denied("sts"), arn) == "AccessDenied"


def test_the_sessions_of_a_deleted_role_are_over_even_if_its_name_comes_back(ctx: Context) -> None:
    caller = Caller(ctx, {"Action": "*", "Resource": "*"})
    client, iam = caller("sts"), ctx.client("iam")
    assert code(client.get_caller_identity) == "ok"
    iam.delete_role_policy(RoleName=caller.role, PolicyName="policy")
    iam.delete_role(RoleName=caller.role)
    assert code(client.get_caller_identity) == "InvalidClientTokenId"
    role(ctx, caller.role, {"Action": "*", "Resource": "*"})
    assert code(client.get_caller_identity) == "InvalidClientTokenId"


def test_a_sessions_own_policy_narrows_it(ctx: Context) -> None:
    arn = role(ctx, f"wide-{uuid.uuid4().hex[:6]}", {"Action": "s3:*", "Resource": "*"})
    policy = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": ["s3:ListAllMyBuckets", "sqs:*"], "Resource": "*"},
    }
    caller = Caller(ctx, NOTHING)
    caller.keys = ctx.client("sts").assume_role(RoleArn=arn, RoleSessionName="me", Policy=json.dumps(policy))[
        "Credentials"
    ]
    assert code(caller("s3").list_buckets) == "ok"
    assert code(caller("s3").create_bucket, Bucket="never-made") == "AccessDenied"
    assert code(caller("sqs").list_queues) == "AccessDeniedException"
    for more in (
        {"PolicyArns": [{"arn": f"arn:aws:iam::aws:policy/{'x' * 8}"}]},
        {"Tags": [{"Key": "a", "Value": "b"}]},
    ):
        assert assumes(ctx.client("sts"), arn, **more) == "AccessDenied"


def test_a_function_runs_only_in_a_role_that_trusts_lambda(ctx: Context) -> None:
    _, arn = trusting(ctx, {"Principal": {"Service": "glue.amazonaws.com"}})
    name = f"untrusted-{uuid.uuid4().hex[:6]}"
    function(ctx, name, "def handler(event, context): return 1", Role=arn)
    error, answer = invoke(ctx, name)
    assert (error, answer["errorType"]) == ("Unhandled", "AccessDeniedException")
    assert "does not let lambda.amazonaws.com assume it" in answer["errorMessage"]


def test_whoever_hands_a_role_to_a_service_needs_leave_to(ctx: Context) -> None:
    powerful = role(ctx, "powerful", {"Action": "*", "Resource": "*"})
    create = {"Action": ["glue:CreateJob", "lambda:CreateFunction", "states:CreateStateMachine"], "Resource": "*"}
    command = {"Name": "glueetl", "ScriptLocation": "s3://x/y.py", "PythonVersion": "3"}

    def ends(*statements: dict[str, Any], given: str = powerful) -> str:
        name = f"passed-{uuid.uuid4().hex[:8]}"
        return code(Caller(ctx, create, *statements)("glue").create_job, Name=name, Role=given, Command=command)

    leave = {"Action": "iam:PassRole", "Resource": powerful}
    to_glue = {"Condition": {"StringEquals": {"iam:PassedToService": "glue.amazonaws.com"}}}
    to_lambda = {"Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}}
    assert ends() == "AccessDeniedException"
    assert ends(leave) == ends({**leave, **to_glue}) == ends(leave, given="powerful") == "ok"
    assert ends({**leave, **to_lambda}) == "AccessDeniedException"
    assert ends({"Action": "iam:PassRole", "Resource": f"{powerful}-not"}) == "AccessDeniedException"
    for job in ctx.client("glue").list_jobs()["JobNames"]:
        if job.startswith("passed-"):
            ctx.client("glue").delete_job(JobName=job)


def test_what_is_described_and_tagged_is_checked_where_it_is(ctx: Context) -> None:
    alarm = f"arn:aws:cloudwatch:us-east-1:{ctx.account}:alarm:mine"
    mine = Caller(ctx, {"Action": "cloudwatch:DescribeAlarms", "Resource": alarm})("cloudwatch")
    assert code(mine.describe_alarms, AlarmNames=["mine"]) == "ok"
    assert code(mine.describe_alarms, AlarmNames=["other"]) == "AccessDeniedException"
    assert code(mine.describe_alarms) == "AccessDeniedException"
    job = f"arn:aws:glue:us-east-1:{ctx.account}:job/"
    tags = Caller(ctx, {"Action": "glue:GetTags", "Resource": f"{job}mine"})("glue")
    assert code(tags.get_tags, ResourceArn=f"{job}other") == "AccessDeniedException"
    assert code(tags.get_tags, ResourceArn=f"{job}mine") == "ok"


def test_a_sessions_policy_that_cannot_be_read_is_refused(ctx: Context) -> None:
    arn = role(ctx, f"wide-{uuid.uuid4().hex[:6]}", {"Action": "s3:*", "Resource": "*"})
    for policy in ("x", "[]", "{}", '{"Statement": [{"Effect": "Allow"}]}', '{"Statement": ["x"]}'):
        assert assumes(ctx.client("sts"), arn, Policy=policy) == "MalformedPolicyDocument"


def test_what_moto_takes_for_s3_control_is_no_object_of_a_bucket(ctx: Context) -> None:
    keys = Caller(ctx, {"Action": "s3:*Object", "Resource": "arn:aws:s3:::*"}).keys
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    target = "/v20180820/configuration/publicAccessBlock"
    answer = send(ctx, "GET", target, signed(ctx, "s3", "GET", target, credentials=credentials))
    assert answer.status == 403
    assert "does not know which resources s3:" in answer.said


def test_a_session_that_was_forgotten_is_nobodys(ctx: Context) -> None:
    caller = Caller(ctx, {"Action": "*", "Resource": "*"})
    callers._keys.pop(caller.keys["AccessKeyId"])
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        caller("sts").get_caller_identity()


def test_two_numbers_of_many_digits_are_two_keys() -> None:
    one, other = str(10**30), str(10**30 + 1)
    assert _value({"N": one}) == _value({"N": "1e30"}) != _value({"N": other})
    assert _value({"N": "-0"}) == _value({"N": "0.0"})
    for odd in ("1" * 39, "1e999", "NaN"):
        with pytest.raises(ValueError, match="number"):
            _value({"N": odd})
