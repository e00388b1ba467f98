"""A policy that cannot be read is refused where it is put; one that is there nevertheless allows nobody."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.iam.models import iam_backends
from moto.sqs.models import sqs_backends

from localaws.context import Context
from localaws.iam.conditions import Supplied
from localaws.iam.policies import decide, parse, parse_of_resource
from tests.localaws.iam.test_enforcement import Caller, code
from tests.localaws.iam.test_resource_policies import ACCOUNT, NOTHING, SERVICES, Thing, fresh, key, policy
from tests.localaws.running import administrator, ctx, messages, queue, until  # noqa: F401

ANY = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}


def document(**elements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{**ANY, **elements}]})


BROKEN = {
    "JSON": ("{", "Expecting property name"),
    "depth": ("[" * 100_000, "nested too deeply"),
    "list": ("[]", "no JSON object with a Statement"),
    "no statement": ('{"Version": "2012-10-17"}', "no JSON object with a Statement"),
    "number": ('{"Statement": [5]}', "a statement is no JSON object: 5"),
    "effect": (document(Effect="allow"), "Effect is neither Allow nor Deny"),
    "resource": (document(Resource=[5]), "Resource is neither a text nor a list"),
    "action": (document(Action={}), "Action is neither a text nor a list"),
    "condition": (document(Condition="x"), "Condition is no map"),
    "keys": (document(Condition={"Bool": "x"}), "Condition is no map"),
    "operator": (document(Condition={"StringMatches": {"aws:SourceArn": "x"}}), "operator StringMatches is unknown"),
    "case": (document(Condition={"stringEquals": {"aws:SourceArn": "x"}}), "operator stringEquals is unknown"),
    "quantifier": (document(Condition={"ForEach:StringLike": {"aws:TagKeys": "x"}}), "ForEach:StringLike is unknown"),
    "value": (document(Condition={"Null": {"aws:SourceArn": []}}), "Null of aws:sourcearn has no value"),
    "numeric": (document(Condition={"NumericLessThan": {"s3:max-keys": "few"}}), "has the value 'few'"),
    "date": (document(Condition={"DateLessThan": {"aws:CurrentTime": "soon"}}), "has the value 'soon'"),
    "address": (document(Condition={"NotIpAddress": {"aws:SourceIp": "here"}}), "has the value 'here'"),
    "truth": (document(Condition={"BoolIfExists": {"aws:SecureTransport": "no"}}), "neither true nor false"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_policy_is_named(case: str) -> None:
    text, why = BROKEN[case]
    for reads in (parse, parse_of_resource):
        with pytest.raises(ValueError, match=why):
            reads(text)


def test_a_policy_variable_is_a_value_of_any_type() -> None:
    assert parse(document(Condition={"NumericLessThan": {"s3:max-keys": "${aws:PrincipalTag/most}"}}))


def test_a_key_of_another_type_than_the_operators_counts_against_the_call() -> None:
    condition = {"IpAddress": {"aws:CurrentTime": "10.0.0.0/8"}}
    given = Supplied({"aws:currenttime": "2026-01-01T00:00:00+00:00"})
    allowing, denying = (parse(document(Effect=effect, Condition=condition)) for effect in ("Allow", "Deny"))
    assert not decide(allowing, "s3:GetObject", "arn:aws:s3:::a/b", given).allowed
    assert decide((*parse(document()), *denying), "s3:GetObject", "arn:aws:s3:::a/b", given).explicit


@pytest.mark.parametrize("service", [each for each in SERVICES if each not in {"lambda", "kinesis"}])
def test_what_cannot_be_read_is_refused_where_it_is_put(ctx: Context, service: str) -> None:
    thing = Thing(ctx, service)
    with pytest.raises(ClientError, match="cannot be read: the condition operator Foo is unknown") as caught:
        thing.put({"Principal": "*", "Condition": {"Foo": {"aws:SourceArn": "x"}}})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert thing.ends(lambda service: administrator(ctx, service)) == "ok"


def test_each_call_that_puts_a_policy_refuses_one_that_cannot_be_read(ctx: Context) -> None:
    mine, iam, name = key(ctx), ctx.client("iam"), fresh()
    kms, sqs, sns = ctx.client("kms"), ctx.client("sqs"), ctx.client("sns")
    wrong = policy({"Principal": "*", "Action": "*", "Resource": "*", "Condition": {"Foo": {"aws:SourceArn": "x"}}})
    role = Caller(ctx, NOTHING).role
    malformed = "MalformedPolicyDocument"
    assert code(kms.create_key, Policy=wrong) == f"{malformed}Exception"
    assert code(kms.put_key_policy, KeyId=mine, PolicyName="default", Policy=wrong) == f"{malformed}Exception"
    assert code(sqs.create_queue, QueueName=name, Attributes={"Policy": wrong}) == "InvalidAttributeValue"
    assert code(sns.create_topic, Name=name, Attributes={"Policy": wrong}) == "InvalidParameter"
    assert code(iam.create_role, RoleName=name, AssumeRolePolicyDocument=wrong) == malformed
    assert code(iam.update_assume_role_policy, RoleName=role, PolicyDocument=wrong) == malformed
    assert code(iam.put_role_policy, RoleName=role, PolicyName=name, PolicyDocument=wrong) == malformed
    assert code(iam.create_policy, PolicyName=name, PolicyDocument=wrong) == malformed


def test_a_roles_policy_that_cannot_be_read_allows_nothing_and_is_named(ctx: Context) -> None:
    caller = Caller(ctx, {"Action": "*", "Resource": "*"})
    role = iam_backends[ACCOUNT]["aws"].get_role(caller.role)
    role.policies["policy"] = document(Condition={"Foo": {"aws:SourceArn": "x"}})  # no call puts it there
    with pytest.raises(ClientError, match=f"a policy of {role.arn} cannot be read: the condition operator Foo"):
        caller("s3").list_buckets()
    with pytest.raises(ClientError, match=f"a policy of {role.arn} cannot be read"):
        caller("cloudformation").delete_stack(StackName="none")


def test_an_event_for_a_queue_whose_policy_cannot_be_read_goes_to_the_dead_letters(ctx: Context) -> None:
    name = fresh()
    _, arn = queue(ctx, name)
    dead_url, dead = queue(ctx, f"{name}-dead")
    wrong = policy({"Principal": "*", "Action": "*", "Resource": "*", "Condition": {"Foo": {"aws:SourceArn": "x"}}})
    sqs_backends[ACCOUNT]["us-east-1"].queues[name].policy = wrong  # no call puts it there
    events = ctx.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn, "DeadLetterConfig": {"Arn": dead}}])
    events.put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": "{}"}])
    (lost,) = until(lambda: messages(ctx, dead_url))
    assert lost["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"


def test_a_bucket_may_ask_for_a_version_of_tls_and_of_signatures(ctx: Context) -> None:
    thing, denial = Thing(ctx, "s3"), {"Effect": "Deny", "Principal": "*"}
    signed = {"StringNotEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}
    thing.put(
        {**denial, "Condition": {"NumericLessThan": {"s3:TlsVersion": 1.2}}},
        {**denial, "Condition": signed},
    )
    assert thing.ends(lambda service: administrator(ctx, service)) == "ok"
    thing.put({**denial, "Condition": {"NumericLessThan": {"s3:TlsVersion": 1.4}}})
    assert thing.ends(lambda service: administrator(ctx, service)) == "denied"
