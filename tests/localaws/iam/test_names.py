"""An ARN has one reading: what a policy allows by its beginning is what moto then acts on."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import json
import re
import time
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from localaws.context import Context
from localaws.iam.actions import Kind, _table
from localaws.iam.names import characters
from tests.localaws.gateway.test_one_reading import JSON, Credentials, call
from tests.localaws.iam.test_enforcement import Caller
from tests.localaws.iam.test_tables import PLACES
from tests.localaws.running import ctx, function  # noqa: F401

ARN = "arn:aws:{}:us-east-1:123456789012:{}"
KINDS = sorted({kind for actions in _table().values() for kinds in actions.values() for kind in kinds},
               key=lambda kind: kind.template)  # fmt: skip
#: Places whose names AWS lets hold slashes: paths, of which no reader takes a part.
PATHS = {
    "Alias", "EntityPath", "LogGroupName", "LogStreamName", "ObjectName", "ParameterNameWithoutLeadingSlash",
    "SecretId",
}  # fmt: skip
#: Of these the whole rest of the ARN is the name.
ANYTHING = {"AlarmName", "ObjectName", "StreamLabel"}
NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True)


def places(kind: Kind) -> list[str]:
    return re.findall(r"\$\{([^}]*)\}", kind.template)


def filled(kind: Kind, names: dict[str, str]) -> str:
    return re.sub(r"\$\{([^}]*)\}", lambda place: names.get(place[1]) or PLACES.get(place[1], "mine"), kind.template)


def is_path(place: str) -> bool:
    return place in PATHS or place.endswith("WithPath")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.template)
def test_a_plain_name_is_one_of_every_kind(kind: Kind) -> None:
    assert (
        kind.pattern.fullmatch(filled(kind, {})) or kind.template == "arn:${Partition}:events:${Region}::event-source"
    )
    assert kind.pattern.fullmatch(kind.all_of("123456789012", "us-east-1"))


@given(kind=st.sampled_from(KINDS), victim=NAMES, data=st.data())
def test_a_name_that_holds_another_resource_is_a_name_of_nothing(kind: Kind, victim: str, data: st.DataObject) -> None:
    """Whatever is put behind a name as ``:kind:other`` or ``/other``, with the words of its own ARN or of others."""
    named = [place for place in places(kind) if place not in {"Partition", "Region", "Account"} | ANYTHING]
    if not named:
        return
    place = data.draw(st.sampled_from(named))
    word = data.draw(st.sampled_from(["", *re.findall(r"[A-Za-z-]{3,}", kind.template.rpartition("}:")[2])]))
    for between in (":", *(() if is_path(place) else ("/",))):
        for tail in (victim, f"{word}{between}{victim}", f"{between}{victim}", f"arn{between}{victim}"):
            name = f"mine{between}{tail}"
            assert not re.fullmatch(characters(kind.template.split(":")[2], place), name), (place, name)
    for odd in ("\n", "\x00", "\t", "\x7f", "\x1f"):
        assert not re.fullmatch(characters(kind.template.split(":")[2], place), f"mine{odd}x"), (place, odd)


# ---- and on the running services


@pytest.fixture(scope="module")
def victims(ctx: Context) -> Context:
    """One thing of a tenant and one of somebody else, of each kind that moto takes apart by itself."""
    for name in ("arn-mine", "arn-victim"):
        function(ctx, name, "def handler(event, context):\n    return 'hidden'\n")
        ctx.client("logs").create_log_group(logGroupName=name)
        ctx.client("logs").create_log_stream(logGroupName=name, logStreamName="s")
        events = [{"timestamp": int(time.time() * 1000), "message": f"hidden {name}"}]
        ctx.client("logs").put_log_events(logGroupName=name, logStreamName="s", logEvents=events)
        ctx.client("secretsmanager").create_secret(Name=name, SecretString=f"hidden {name}")
        ctx.client("events").create_event_bus(Name=name)
        ctx.client("kinesis").create_stream(StreamName=name, ShardCount=1)
        ctx.client("ssm").put_parameter(Name=f"/{name}/p", Value=f"hidden {name}", Type="String")
    return ctx


@pytest.fixture(scope="module")
def tenant(victims: Context) -> Caller:
    names = {"lambda": "function:", "logs": "log-group:", "secretsmanager": "secret:", "events": "event-bus/",
             "kinesis": "stream/", "ssm": "parameter/"}  # fmt: skip
    statements = [
        {"Action": f"{service}:*", "Resource": ARN.format(service, f"{prefix}arn-mine*")}
        for service, prefix in names.items()
    ]
    rules = {"Action": "events:*", "Resource": ARN.format("events", "rule/arn-mine*")}
    return Caller(victims, *statements, rules)


def keys_of(who: Caller) -> Credentials:
    return Credentials(who.keys["AccessKeyId"], who.keys["SecretAccessKey"], who.keys["SessionToken"])


JOINED = ["arn-mine:{k}:arn-victim", "arn-mine/{k}/arn-victim", "arn-mine:arn-victim", "arn-mine/arn-victim",
          "arn-mine:{k}/arn-victim", "arn-mine/../arn-victim"]  # fmt: skip
ASKED = [
    ("logs", "Logs_20140328.GetLogEvents", "logGroupIdentifier", "log-group", {"logStreamName": "s"}),
    ("logs", "Logs_20140328.GetLogEvents", "logGroupName", "log-group", {"logStreamName": "s"}),
    ("logs", "Logs_20140328.FilterLogEvents", "logGroupIdentifier", "log-group", {}),
    ("secretsmanager", "secretsmanager.GetSecretValue", "SecretId", "secret", {}),
    ("events", "AWSEvents.DescribeEventBus", "Name", "event-bus", {}),
    ("events", "AWSEvents.PutRule", "EventBusName", "event-bus", {"Name": "r", "EventPattern": '{"source":["x"]}'}),
    ("kinesis", "Kinesis_20131202.DescribeStream", "StreamARN", "stream", {}),
    ("kinesis", "Kinesis_20131202.DescribeStream", "StreamName", "stream", {}),
    ("ssm", "AmazonSSM.GetParameter", "Name", "parameter", {}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("service", "target", "parameter", "kind", "more"), ASKED)
@pytest.mark.parametrize("joined", JOINED)
def test_nobody_reaches_another_through_a_name_that_begins_as_his_own(
    victims: Context, tenant: Caller, service: str, target: str, parameter: str, kind: str, more: dict[str, str],
    joined: str,
) -> None:  # fmt: skip
    name, between = joined.format(k=kind), "/" if kind in {"event-bus", "stream", "parameter"} else ":"
    for given_name in (name, ARN.format(service, f"{kind}{between}{name}")):
        body = json.dumps({parameter: given_name, **more})
        answer = call(victims, keys_of(tenant), service, "/", body, {**JSON, "X-Amz-Target": target})
        assert answer.status >= 400, answer.said
        assert "hidden arn-victim" not in answer.said
    put = json.dumps({"Entries": [{"Source": "x", "DetailType": "x", "Detail": "{}", "EventBusName": name}]})
    answer = call(victims, keys_of(tenant), "events", "/", put, {**JSON, "X-Amz-Target": "AWSEvents.PutEvents"})
    assert answer.status in {400, 403}, answer.said


@pytest.mark.slow
@pytest.mark.parametrize("joined", JOINED)
@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/configuration"), ("POST", "/invocations"),
                                              ("PUT", "/configuration"), ("DELETE", "")])  # fmt: skip
def test_nobody_reaches_a_function_through_a_name_that_begins_as_his_own(
    victims: Context, tenant: Caller, method: str, path: str, joined: str
) -> None:
    name = joined.format(k="function")
    for given_name in (name, ARN.format("lambda", f"function:{name}")):
        for spelled in (given_name, quote(given_name, safe="")):
            body = b"{}" if method in {"PUT", "POST"} else b""
            target = f"/2015-03-31/functions/{spelled}{path}"
            answer = call(victims, keys_of(tenant), "lambda", target, body, method=method)
            assert answer.status >= 400, answer.said
            assert answer.status != 500, answer.said
    assert victims.client("lambda").get_function(FunctionName="arn-victim")


def test_what_is_ones_own_is_reached_by_each_of_its_names(victims: Context, tenant: Caller) -> None:
    logs = {"logStreamName": "s", "startFromHead": True}
    for group in ("arn-mine", ARN.format("logs", "log-group:arn-mine")):
        found = tenant("logs").get_log_events(logGroupIdentifier=group, **logs)["events"]
        assert [event["message"] for event in found] == ["hidden arn-mine"]
    whole = tenant("secretsmanager").describe_secret(SecretId="arn-mine")["ARN"]
    for secret in ("arn-mine", whole, whole[:-7]):
        assert tenant("secretsmanager").get_secret_value(SecretId=secret)["SecretString"] == "hidden arn-mine"
    for bus in ("arn-mine", ARN.format("events", "event-bus/arn-mine")):
        tenant("events").put_rule(Name="r", EventBusName=bus, EventPattern='{"source":["x"]}')
    for name in ("arn-mine", ARN.format("lambda", "function:arn-mine")):
        assert tenant("lambda").get_function(FunctionName=name)
    for name in ("/arn-mine/p", "/arn-mine/p:1", ARN.format("ssm", "parameter/arn-mine/p")):
        assert tenant("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "hidden arn-mine"


def test_a_resource_of_another_region_or_account_is_not_decided_on_here(victims: Context, tenant: Caller) -> None:
    for elsewhere in ("eu-west-1:123456789012", "us-east-1:999999999999"):
        with pytest.raises(ClientError, match="where the call is made"):
            tenant("kinesis").describe_stream(StreamARN=f"arn:aws:kinesis:{elsewhere}:stream/arn-mine")


def test_a_deny_of_a_secret_by_its_whole_arn_holds_for_its_name(victims: Context) -> None:
    whole = victims.client("secretsmanager").describe_secret(SecretId="arn-victim")["ARN"]
    deny = {"Effect": "Deny", "Action": "secretsmanager:*", "Resource": whole}
    client = Caller(victims, {"Action": "secretsmanager:*", "Resource": "*"}, deny)("secretsmanager")
    for name in ("arn-victim", whole, whole[:-7]):
        with pytest.raises(ClientError, match="explicit deny"):
            client.get_secret_value(SecretId=name)
