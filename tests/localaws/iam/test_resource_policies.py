"""The policies of resources count beside those of callers: they allow whom they name, and their denials bind all."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.sqs.models import sqs_backends

from localaws.context import Context
from tests.localaws.iam.test_enforcement import Caller, code
from tests.localaws.running import administrator, ctx, function, messages, queue, role, sendable, until  # noqa: F401

NOTHING = {"Action": "iam:ListRoles", "Resource": "*"}
ACCOUNT = "123456789012"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]})


def arn_of(caller: Caller) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{caller.role}"


def session_of(caller: Caller) -> str:
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{caller.role}/me"


def fresh() -> str:
    return f"policy-{uuid.uuid4().hex[:10]}"


def as_plain_http(client: Any, said: str = "false") -> Any:
    """Have the calls of a client judged as if they came over plain HTTP."""

    def mark(request: Any, **_: Any) -> None:
        request.headers["X-Localaws-Secure-Transport"] = said

    client.meta.events.register("before-send", mark)
    return client


class Thing:
    """A resource with a policy: how it is set, what is done to it, and with which permission."""

    def __init__(self, ctx: Context, service: str) -> None:
        self.ctx, self.service, self.name = ctx, service, fresh()
        at = f"us-east-1:{ACCOUNT}"
        if service == "s3":
            ctx.client("s3").create_bucket(Bucket=self.name)
            ctx.client("s3").put_object(Bucket=self.name, Key="k", Body=b"x")
            self.arn, self.action = f"arn:aws:s3:::{self.name}/k", "s3:GetObject"
            self.call, self.given = "get_object", {"Bucket": self.name, "Key": "k"}
        elif service == "sqs":
            url, self.arn = queue(ctx, self.name)
            self.action, self.call = "sqs:SendMessage", "send_message"
            self.given = {"QueueUrl": url, "MessageBody": "x"}
        elif service == "sns":
            self.arn = ctx.client("sns").create_topic(Name=self.name)["TopicArn"]
            self.action, self.call, self.given = "sns:Publish", "publish", {"TopicArn": self.arn, "Message": "x"}
        elif service == "lambda":
            self.arn = function(ctx, self.name, "def handler(event, context): return 1")
            self.action, self.call, self.given = "lambda:InvokeFunction", "invoke", {"FunctionName": self.name}
        elif service == "dynamodb":
            ctx.client("dynamodb").create_table(
                TableName=self.name, BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            )  # fmt: skip
            self.arn, self.action = f"arn:aws:dynamodb:{at}:table/{self.name}", "dynamodb:GetItem"
            self.call, self.given = "get_item", {"TableName": self.name, "Key": {"k": {"S": "1"}}}
        elif service == "kinesis":
            ctx.client("kinesis").create_stream(StreamName=self.name, ShardCount=1)
            self.arn, self.action = f"arn:aws:kinesis:{at}:stream/{self.name}", "kinesis:PutRecord"
            self.call = "put_record"
            self.given = {"StreamName": self.name, "Data": b"x", "PartitionKey": "p"}
        elif service == "secretsmanager":
            made = ctx.client("secretsmanager").create_secret(Name=self.name, SecretString="s")
            self.arn, self.action = made["ARN"], "secretsmanager:GetSecretValue"
            self.call, self.given = "get_secret_value", {"SecretId": self.name}
        else:
            self.arn = ctx.client("events").create_event_bus(Name=self.name)["EventBusArn"]
            self.action, self.call = "events:PutEvents", "put_events"
            entry = {"EventBusName": self.name, "Source": "s", "DetailType": "d", "Detail": "{}"}
            self.given = {"Entries": [entry]}

    def put(self, *statements: dict[str, Any]) -> None:
        own = [
            {"Sid": str(place), "Action": self.action, "Resource": self.arn, **each}
            for place, each in enumerate(statements)
        ]
        client, text = self.ctx.client(self.service), policy(*own)
        if self.service == "s3":
            client.put_bucket_policy(Bucket=self.name, Policy=text)
        elif self.service == "sqs":
            client.set_queue_attributes(QueueUrl=self.given["QueueUrl"], Attributes={"Policy": text})
        elif self.service == "sns":
            client.set_topic_attributes(TopicArn=self.arn, AttributeName="Policy", AttributeValue=text)
        elif self.service == "lambda":
            for each in own:
                client.add_permission(
                    FunctionName=self.name, StatementId=each["Sid"], Action=self.action,
                    Principal=each["Principal"]["AWS"],
                )  # fmt: skip
        elif self.service == "dynamodb":
            client.put_resource_policy(ResourceArn=self.arn, Policy=text)
        elif self.service == "kinesis":
            client.put_resource_policy(ResourceARN=self.arn, Policy=text)
        elif self.service == "secretsmanager":
            client.put_resource_policy(SecretId=self.name, ResourcePolicy=text)
        else:
            client.put_permission(EventBusName=self.name, Policy=text)

    def ends(self, clients: Any) -> str:
        """What the call ends with: ``ok``, or ``denied``."""
        found = code(getattr(clients(self.service), self.call), **self.given)
        return "denied" if found in {"AccessDenied", "AccessDeniedException", "AuthorizationError"} else found


SERVICES = ["s3", "sqs", "sns", "lambda", "dynamodb", "kinesis", "secretsmanager", "events"]


@pytest.mark.parametrize("service", SERVICES)
def test_whom_a_resource_names_needs_no_policy_of_its_own(ctx: Context, service: str) -> None:
    thing, named, other = Thing(ctx, service), Caller(ctx, NOTHING), Caller(ctx, NOTHING)
    assert thing.ends(named) == "denied"
    thing.put({"Principal": {"AWS": arn_of(named)}})
    assert (thing.ends(named), thing.ends(other)) == ("ok", "denied")


@pytest.mark.parametrize("service", SERVICES)
def test_the_account_leaves_it_to_its_own_policies(ctx: Context, service: str) -> None:
    thing = Thing(ctx, service)
    allowed, other = Caller(ctx, {"Action": thing.action, "Resource": thing.arn}), Caller(ctx, NOTHING)
    thing.put({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}})
    assert (thing.ends(allowed), thing.ends(other)) == ("ok", "denied")


@pytest.mark.parametrize("service", [each for each in SERVICES if each != "lambda"])  # AddPermission denies nobody
def test_a_resources_denial_holds_for_the_administrator_too(ctx: Context, service: str) -> None:
    thing = Thing(ctx, service)
    allowed, spared = (Caller(ctx, {"Action": thing.action, "Resource": thing.arn}) for _ in range(2))

    def admin(service: str) -> Any:
        return administrator(ctx, service)

    assert (thing.ends(allowed), thing.ends(admin)) == ("ok", "ok")
    thing.put({"Effect": "Deny", "Principal": "*", "Condition": {"ArnNotEquals": {"aws:PrincipalArn": arn_of(spared)}}})
    assert (thing.ends(allowed), thing.ends(admin), thing.ends(spared)) == ("denied", "denied", "ok")
    assert thing.ends(ctx.client) == "ok"  # localaws's own calls, as those of a deployment, are refused by nobody


@pytest.mark.parametrize("service", ["s3", "sqs", "sns"])
def test_plain_http_is_refused_where_a_policy_asks_for_tls(ctx: Context, service: str) -> None:
    thing, caller = Thing(ctx, service), Caller(ctx, {"Action": "*", "Resource": "*"})
    thing.put({"Effect": "Deny", "Principal": {"AWS": "*"}, "Condition": {"Bool": {"aws:SecureTransport": "false"}}})
    for clients in (caller, lambda service: administrator(ctx, service)):
        assert thing.ends(clients) == "ok"
        assert thing.ends(lambda service, clients=clients: as_plain_http(clients(service))) == "denied"
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        getattr(as_plain_http(caller(service)), thing.call)(**thing.given)


def test_a_transport_is_true_or_false(ctx: Context) -> None:
    with pytest.raises(ClientError, match="true or false"):
        as_plain_http(administrator(ctx, "sqs"), "perhaps").list_queues()


def test_the_administrator_is_never_locked_out_of_a_buckets_policy(ctx: Context) -> None:
    thing = Thing(ctx, "s3")
    bucket = f"arn:aws:s3:::{thing.name}"
    thing.put({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [bucket, f"{bucket}/*"]})
    s3, caller = administrator(ctx, "s3"), Caller(ctx, {"Action": "*", "Resource": "*"})
    assert code(caller("s3").delete_bucket_policy, Bucket=thing.name) == "AccessDenied"
    assert code(s3.get_bucket_versioning, Bucket=thing.name) == "AccessDenied"
    assert code(s3.delete_bucket_policy, Bucket=thing.name) == "ok"
    assert code(s3.get_bucket_versioning, Bucket=thing.name) == "ok"


def test_the_administrator_is_never_locked_out_of_a_queues_policy(ctx: Context) -> None:
    thing, sqs = Thing(ctx, "sqs"), administrator(ctx, "sqs")
    thing.put({"Effect": "Deny", "Principal": "*", "Action": "sqs:*"})
    assert code(sqs.send_message, **thing.given) == "AccessDeniedException"
    role = Caller(ctx, {"Action": "*", "Resource": "*"})("sqs")
    opened = {"QueueUrl": thing.given["QueueUrl"], "Attributes": {"Policy": ""}}
    assert code(role.set_queue_attributes, **opened) == "AccessDeniedException"
    assert code(sqs.set_queue_attributes, **opened) == "ok"
    assert code(sqs.send_message, **thing.given) == "ok"


def test_a_policy_that_cannot_be_read_allows_nobody_and_is_named(ctx: Context) -> None:
    thing, caller = Thing(ctx, "sqs"), Caller(ctx, {"Action": "*", "Resource": "*"})
    text = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    sqs_backends[ACCOUNT]["us-east-1"].queues[thing.name].policy = text  # no call puts it there
    with pytest.raises(ClientError, match=f"the policy of {thing.arn} cannot be read: .*Principal"):
        caller("sqs").send_message(**thing.given)


def test_a_key_that_localaws_does_not_supply_is_named_in_the_refusal(ctx: Context) -> None:
    condition = {"StringEquals": {"aws:Unheard-Of": "x"}}
    caller = Caller(ctx, {"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": condition})
    with pytest.raises(ClientError, match="does not supply the condition key aws:unheard-of"):
        caller("s3").list_buckets()


# ---- keys


def key(ctx: Context, *statements: dict[str, Any]) -> str:
    given = (
        {"Policy": policy(*({"Action": "kms:*", "Resource": "*", **each} for each in statements))} if statements else {}
    )
    return str(ctx.client("kms").create_key(**given)["KeyMetadata"]["Arn"])


def test_a_key_is_used_only_as_its_policy_says(ctx: Context) -> None:
    named, allowed = Caller(ctx, NOTHING), Caller(ctx, {"Action": "kms:*", "Resource": "*"})
    of_account, of_one = key(ctx), key(ctx, {"Principal": {"AWS": arn_of(named)}})

    def encrypts(kms: Any, arn: str) -> str:
        return code(kms.encrypt, KeyId=arn, Plaintext=b"x")

    assert encrypts(allowed("kms"), of_account) == "ok"
    assert encrypts(named("kms"), of_account) == "AccessDeniedException"
    assert encrypts(named("kms"), of_one) == "ok"
    assert encrypts(allowed("kms"), of_one) == "AccessDeniedException"
    assert encrypts(administrator(ctx, "kms"), of_account) == "ok"
    assert encrypts(administrator(ctx, "kms"), of_one) == "AccessDeniedException"


def test_what_is_decrypted_tells_its_key(ctx: Context) -> None:
    named = Caller(ctx, {"Action": "kms:Decrypt", "Resource": "*"})
    mine, other = key(ctx), key(ctx, {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/somebody"}})
    for arn, ends in ((mine, "ok"), (other, "AccessDeniedException")):
        blob = ctx.client("kms").encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
        assert code(named("kms").decrypt, CiphertextBlob=blob) == ends


# ---- boundaries and sessions


def bounded(ctx: Context, caller: Caller, *statements: dict[str, Any]) -> None:
    made = ctx.client("iam").create_policy(PolicyName=fresh(), PolicyDocument=policy(*statements))
    ctx.client("iam").put_role_permissions_boundary(RoleName=caller.role, PermissionsBoundary=made["Policy"]["Arn"])


def test_a_boundary_limits_a_role_and_grants_nothing(ctx: Context) -> None:
    thing = Thing(ctx, "sqs")
    may = {"Action": thing.action, "Resource": thing.arn}
    inside, outside, nothing = Caller(ctx, may), Caller(ctx, may), Caller(ctx, NOTHING)
    bounded(ctx, inside, may)
    bounded(ctx, outside, {"Action": "s3:*", "Resource": "*"})
    bounded(ctx, nothing, {"Action": "*", "Resource": "*"})
    assert [thing.ends(each) for each in (inside, outside, nothing)] == ["ok", "denied", "denied"]
    with pytest.raises(ClientError, match="because no permissions boundary allows the sqs:SendMessage action"):
        outside("sqs").send_message(**thing.given)
    bounded(ctx, inside, may, {**may, "Effect": "Deny"})
    with pytest.raises(ClientError, match="explicit deny in a permissions boundary"):
        inside("sqs").send_message(**thing.given)


def test_a_policy_of_awss_own_bounds_a_role_and_is_attached_by_its_name(ctx: Context) -> None:
    thing = Thing(ctx, "sqs")
    own = "arn:aws:iam::aws:policy"
    may = {"Action": "*", "Resource": "*"}
    power, reading, attached = Caller(ctx, may), Caller(ctx, may), Caller(ctx, NOTHING)
    iam = ctx.client("iam")
    iam.put_role_permissions_boundary(RoleName=power.role, PermissionsBoundary=f"{own}/PowerUserAccess")
    iam.put_role_permissions_boundary(RoleName=reading.role, PermissionsBoundary=f"{own}/AmazonSQSReadOnlyAccess")
    iam.attach_role_policy(RoleName=attached.role, PolicyArn=f"{own}/AmazonSQSFullAccess")
    assert [thing.ends(each) for each in (power, reading, attached)] == ["ok", "denied", "ok"]
    assert code(power("iam").create_user, UserName=fresh()) == "AccessDenied"  # PowerUserAccess leaves IAM out


def test_a_boundary_must_be_there_and_one_of_another_account_is_not_known(ctx: Context) -> None:
    thing = Thing(ctx, "sqs")
    caller = Caller(ctx, {"Action": thing.action, "Resource": thing.arn})
    iam = ctx.client("iam")
    trust = policy({"Action": "sts:AssumeRole", "Principal": {"AWS": ctx.account}})
    for missing in (f"arn:aws:iam::{ctx.account}:policy/{fresh()}", f"arn:aws:iam::aws:policy/{fresh()}"):
        with pytest.raises(ClientError, match=f"NoSuchEntity.*Scope ARN: {missing} does not exist"):
            iam.put_role_permissions_boundary(RoleName=caller.role, PermissionsBoundary=missing)
        with pytest.raises(ClientError, match=f"NoSuchEntity.*Scope ARN: {missing} does not exist"):
            iam.create_role(RoleName=fresh(), AssumeRolePolicyDocument=trust, PermissionsBoundary=missing)
    iam.put_role_permissions_boundary(
        RoleName=caller.role, PermissionsBoundary="arn:aws:iam::999999999999:policy/theirs"
    )
    assert thing.ends(caller) == "ok"


def test_only_a_role_whose_boundary_allows_everything_changes_stacks(ctx: Context) -> None:
    everything = {"Action": "*", "Resource": "*"}
    caller, free, passed = (Caller(ctx, everything) for _ in range(3))
    bounded(ctx, caller, {"Action": ["cloudformation:*", "iam:PassRole"], "Resource": "*"})
    bounded(ctx, free, everything)
    bounded(ctx, passed, {"Action": "s3:*", "Resource": "*"})

    def deletes(by: Caller, **given: Any) -> str:
        return code(by("cloudformation").delete_stack, StackName=fresh(), **given)

    assert (deletes(caller), deletes(free)) == ("AccessDenied", "ok")
    assert deletes(caller, RoleARN=arn_of(passed)) == "AccessDenied"


def test_a_boundary_limits_what_a_resource_grants_the_role_but_not_its_session(ctx: Context) -> None:
    thing, by_role, by_session = Thing(ctx, "sqs"), Caller(ctx, NOTHING), Caller(ctx, NOTHING)
    thing.put({"Principal": {"AWS": [arn_of(by_role), session_of(by_session)]}})
    assert [thing.ends(each) for each in (by_role, by_session)] == ["ok", "ok"]
    for caller in (by_role, by_session):
        bounded(ctx, caller, {"Action": "s3:*", "Resource": "*"})
    assert [thing.ends(each) for each in (by_role, by_session)] == ["denied", "ok"]


# ---- what services send


def delivered(ctx: Context, url: str, name: str) -> bool:
    """Whether something reached the queue before what was sent to another queue after it, by the same rule."""
    control_url, control = queue(ctx, f"{name}-control")
    events = ctx.client("events")
    events.put_targets(Rule=name, Targets=[{"Id": "control", "Arn": control, "Input": "control"}])
    events.put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": "{}"}])
    until(lambda: messages(ctx, control_url))
    return bool(messages(ctx, url))


@pytest.mark.parametrize(
    ("condition", "arrives"),
    [
        ({"ArnEquals": {"aws:SourceArn": f"arn:aws:events:us-east-1:{ACCOUNT}:rule/RULE"}}, True),
        ({"ArnEquals": {"aws:SourceArn": f"arn:aws:events:us-east-1:{ACCOUNT}:rule/another"}}, False),
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, False),
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, False),
    ],
)
def test_a_rule_reaches_a_queue_only_as_its_policy_says(ctx: Context, condition: Any, arrives: bool) -> None:
    name = fresh()
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    given = json.loads(json.dumps(condition).replace("RULE", name))
    url, _ = queue(ctx, name, Policy=sendable(ctx, arn, "sqs:SendMessage", **given))
    ctx.client("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    ctx.client("events").put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn, "Input": "x"}])
    assert delivered(ctx, url, name) is arrives


def test_what_no_policy_lets_through_is_counted_and_goes_to_the_dead_letters(ctx: Context) -> None:
    name = fresh()
    url, arn = queue(ctx, name, Policy="")
    dead_url, dead = queue(ctx, f"{name}-dead")
    ctx.client("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    target = {"Id": "1", "Arn": arn, "DeadLetterConfig": {"Arn": dead}}
    ctx.client("events").put_targets(Rule=name, Targets=[target])
    ctx.client("events").put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": "{}"}])
    (lost,) = until(lambda: messages(ctx, dead_url))
    assert lost["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert messages(ctx, url) == []


@pytest.mark.slow
def test_a_rule_invokes_a_function_only_with_its_permission(ctx: Context) -> None:
    name = fresh()
    url, _ = queue(ctx, f"{name}-told")
    source = f"import boto3\ndef handler(e, c): boto3.client('sqs').send_message(QueueUrl='{url}', MessageBody=e['v'])"
    arn = function(ctx, name, source)
    ctx.client("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    ctx.client("events").put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn, "InputPath": "$.detail"}])
    entry = {"Source": name, "DetailType": "d"}
    ctx.client("events").put_events(Entries=[{**entry, "Detail": '{"v": "before"}'}])
    assert not delivered(ctx, url, name)
    ctx.client("events").remove_targets(Rule=name, Ids=["control"])
    ctx.client("lambda").add_permission(
        FunctionName=name, StatementId="rule", Action="lambda:InvokeFunction", Principal="events.amazonaws.com",
        SourceArn=f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{name}",
    )  # fmt: skip
    ctx.client("events").put_events(Entries=[{**entry, "Detail": '{"v": "after"}'}])
    assert [each["Body"] for each in until(lambda: messages(ctx, url))] == ["after"]


@pytest.mark.parametrize("bucket", ["BUCKET", "another"])
def test_a_bucket_notifies_a_queue_only_as_its_policy_says(ctx: Context, bucket: str) -> None:
    name = fresh()
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    source = {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket.replace('BUCKET', name)}"}}
    url, _ = queue(ctx, name, Policy=sendable(ctx, arn, "sqs:SendMessage", **source))
    s3 = ctx.client("s3")
    s3.create_bucket(Bucket=name)
    ctx.client("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=configuration)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert delivered(ctx, url, name) is (bucket == "BUCKET")


@pytest.mark.parametrize("topic", ["TOPIC", "another"])
def test_a_topic_reaches_a_queue_only_as_its_policy_says(ctx: Context, topic: str) -> None:
    name = fresh()
    arn, topic_arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}", f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}"
    source = {"ArnEquals": {"aws:SourceArn": topic_arn.replace(name, topic.replace("TOPIC", name))}}
    url, _ = queue(ctx, name, Policy=sendable(ctx, arn, "sqs:SendMessage", **source))
    sns = ctx.client("sns")
    sns.create_topic(Name=name)
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic_arn, Message="x")
    assert bool(messages(ctx, url)) is (topic == "TOPIC")


def test_a_topic_receives_from_a_rule_only_as_its_policy_says(ctx: Context) -> None:
    name = fresh()
    url, arn = queue(ctx, name)
    topic = ctx.client("sns").create_topic(Name=name)["TopicArn"]
    ctx.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    ctx.client("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    ctx.client("events").put_targets(Rule=name, Targets=[{"Id": "1", "Arn": topic}])
    assert not delivered(ctx, url, name)
    text = sendable(ctx, topic, "sns:Publish")
    ctx.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=text)
    ctx.client("events").put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": "{}"}])
    assert until(lambda: messages(ctx, url))
