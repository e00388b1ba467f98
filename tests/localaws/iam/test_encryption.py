"""Whoever uses what is encrypted with a key needs the key as well, through the service and for that resource alone."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.context import Context
from tests.localaws.iam.test_enforcement import Caller, code
from tests.localaws.iam.test_resource_policies import ACCOUNT, as_plain_http, delivered, key, policy
from tests.localaws.running import administrator, ctx, messages, queue, role, sendable  # noqa: F401

AT = f"us-east-1:{ACCOUNT}"


class Encrypted:
    """A resource of a service that is encrypted with a key of the customer's; what reads it, and what writes it."""

    def __init__(self, ctx: Context, service: str, named: str = "") -> None:
        self.service, self.name, self.key = service, f"encrypted-{uuid.uuid4().hex[:8]}", key(ctx)
        named = named or self.key
        if service == "s3":
            s3 = ctx.client("s3")
            s3.create_bucket(Bucket=self.name)
            default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": named}
            s3.put_bucket_encryption(
                Bucket=self.name,
                ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
            )
            s3.put_object(Bucket=self.name, Key="k", Body=b"x")
            self.arn, self.actions = f"arn:aws:s3:::{self.name}/k", ["s3:GetObject", "s3:PutObject"]
            self.context = {"kms:EncryptionContext:aws:s3:arn": self.arn}
            self.reads = ("get_object", {"Bucket": self.name, "Key": "k"})
            self.writes = ("put_object", {"Bucket": self.name, "Key": "k", "Body": b"x"})
        elif service == "sqs":
            url, self.arn = queue(ctx, self.name, KmsMasterKeyId=named)
            self.actions = ["sqs:ReceiveMessage", "sqs:SendMessage"]
            self.context = {"kms:EncryptionContext:aws:sqs:arn": self.arn}
            self.reads = ("receive_message", {"QueueUrl": url})
            self.writes = ("send_message", {"QueueUrl": url, "MessageBody": "x"})
        elif service == "sns":
            attributes = {"KmsMasterKeyId": named}
            self.arn = ctx.client("sns").create_topic(Name=self.name, Attributes=attributes)["TopicArn"]
            self.actions, self.context = ["sns:Publish"], {"kms:EncryptionContext:aws:sns:topicArn": self.arn}
            self.reads = self.writes = ("publish", {"TopicArn": self.arn, "Message": "x"})
        elif service == "kinesis":
            kinesis = ctx.client("kinesis")
            kinesis.create_stream(StreamName=self.name, ShardCount=1)
            kinesis.start_stream_encryption(StreamName=self.name, EncryptionType="KMS", KeyId=named)
            start = {"ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
            token = kinesis.get_shard_iterator(StreamName=self.name, **start)["ShardIterator"]
            self.arn, self.actions = (
                f"arn:aws:kinesis:{AT}:stream/{self.name}",
                ["kinesis:GetRecords", "kinesis:PutRecord"],
            )
            self.context = {"kms:EncryptionContext:aws:kinesis:arn": self.arn}
            self.reads = ("get_records", {"ShardIterator": token})
            self.writes = ("put_record", {"StreamName": self.name, "Data": b"x", "PartitionKey": "p"})
        else:
            ctx.client("dynamodb").create_table(
                TableName=self.name, BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
                SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": named},
            )  # fmt: skip
            self.arn = f"arn:aws:dynamodb:{AT}:table/{self.name}"
            self.actions = ["dynamodb:GetItem", "dynamodb:PutItem"]
            self.context = {"kms:EncryptionContext:aws:dynamodb:tableName": self.name}
            self.reads = ("get_item", {"TableName": self.name, "Key": {"k": {"S": "1"}}})
            self.writes = ("put_item", {"TableName": self.name, "Item": {"k": {"S": "1"}}})

    @property
    def own(self) -> dict[str, Any]:
        return {"Action": self.actions, "Resource": self.arn}

    def use(self, *actions: str, **condition: Any) -> dict[str, Any]:
        conditions = {"Condition": {"StringEquals": condition}} if condition else {}
        return {"Action": [f"kms:{action}" for action in actions], "Resource": self.key, **conditions}

    def ends(self, clients: Any) -> tuple[str, str]:
        """What reading and writing end with."""
        one, two = (code(getattr(clients(self.service), call), **given) for call, given in (self.reads, self.writes))
        return one, two


SERVICES = ["s3", "sqs", "sns", "kinesis", "dynamodb"]
DENIED = {"s3": "AccessDenied", "sns": "AuthorizationError"}


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_encrypted_needs_its_key(ctx: Context, service: str) -> None:
    thing, denied = Encrypted(ctx, service), DENIED.get(service, "AccessDeniedException")
    both = thing.use("Decrypt", "GenerateDataKey")
    via = {"kms:ViaService": f"{service}.us-east-1.amazonaws.com"}
    assert thing.ends(Caller(ctx, thing.own)) == (denied, denied)
    assert thing.ends(Caller(ctx, thing.own, both)) == ("ok", "ok")
    assert thing.ends(Caller(ctx, thing.own, thing.use("Decrypt", "GenerateDataKey", **via, **thing.context))) == (
        "ok",
        "ok",
    )
    for wrong in ({"kms:ViaService": "ec2.us-east-1.amazonaws.com"}, dict.fromkeys(thing.context, "another")):
        assert thing.ends(Caller(ctx, thing.own, thing.use("Decrypt", "GenerateDataKey", **wrong))) == (denied, denied)
    with pytest.raises(ClientError, match=f"kms:.* on resource: {thing.key}"):
        getattr(Caller(ctx, thing.own)(service), thing.reads[0])(**thing.reads[1])


@pytest.mark.parametrize("service", SERVICES)
def test_a_key_that_aws_manages_asks_nothing(ctx: Context, service: str) -> None:
    thing = Encrypted(ctx, service, f"alias/aws/{service}")
    assert thing.ends(Caller(ctx, thing.own)) == ("ok", "ok")


def test_reading_and_writing_an_object_use_a_key_each_in_its_way(ctx: Context) -> None:
    thing = Encrypted(ctx, "s3")
    reader, writer = Caller(ctx, thing.own, thing.use("Decrypt")), Caller(ctx, thing.own, thing.use("GenerateDataKey"))
    assert (thing.ends(reader), thing.ends(writer)) == (("ok", "AccessDenied"), ("AccessDenied", "ok"))
    assert code(Caller(ctx, thing.own)("s3").head_object, Bucket=thing.name, Key="k") == "ok"
    upload = {"Bucket": thing.name, "Key": "k"}
    started = writer("s3").create_multipart_upload(**upload)["UploadId"]
    part = {**upload, "UploadId": started, "PartNumber": 1, "Body": b"x"}
    assert code(writer("s3").upload_part, **part) == "AccessDenied"
    assert code(Caller(ctx, thing.own, thing.use("Decrypt"))("s3").upload_part, **part) == "ok"
    plain = {**upload, "Body": b"x", "ServerSideEncryption": "AES256"}
    assert code(Caller(ctx, thing.own)("s3").put_object, **plain) == "ok"
    assert code(Caller(ctx, thing.own)("s3").get_object, **upload) == "ok"
    copy = {"Bucket": thing.name, "Key": "k", "CopySource": f"{thing.name}/k", "MetadataDirective": "REPLACE"}
    assert code(reader("s3").copy_object, **copy) == "AccessDenied"


def test_a_key_whose_policy_leaves_the_account_out_closes_the_bucket_to_the_administrator(ctx: Context) -> None:
    thing = Encrypted(ctx, "s3")
    statement = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": f"{ACCOUNT[:-1]}3"}}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert thing.ends(lambda service: administrator(ctx, service)) == ("ok", "ok")
    ctx.client("kms").put_key_policy(KeyId=thing.key, PolicyName="default", Policy=text)
    denied = ("AccessDenied", "AccessDenied")
    assert thing.ends(lambda service: administrator(ctx, service)) == denied
    assert thing.ends(Caller(ctx, {"Action": "*", "Resource": "*"})) == denied


@pytest.mark.parametrize(
    ("named", "grants", "arrives"),
    [("alias/aws/sqs", False, False), ("", False, False), ("", True, True)],
)
def test_a_rule_reaches_an_encrypted_queue_only_with_its_key(
    ctx: Context, named: str, grants: bool, arrives: bool
) -> None:
    service = {"Principal": {"Service": "events.amazonaws.com"}} if grants else {}
    mine = key(ctx, service) if grants else key(ctx)
    name = f"closed-{uuid.uuid4().hex[:8]}"
    url, arn = queue(ctx, name, KmsMasterKeyId=named or mine)
    ctx.client("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    ctx.client("events").put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn, "Input": "x"}])
    assert delivered(ctx, url, name) is arrives


def test_a_topic_with_a_key_of_awss_receives_from_no_rule(ctx: Context) -> None:
    name = f"closed-{uuid.uuid4().hex[:8]}"
    url, arn = queue(ctx, name)
    topic = ctx.client("sns").create_topic(Name=name)["TopicArn"]
    text = sendable(ctx, topic, "sns:Publish")
    ctx.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=text)
    ctx.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    ctx.client("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    ctx.client("events").put_targets(Rule=name, Targets=[{"Id": "1", "Arn": topic}])
    assert delivered(ctx, url, name)
    ctx.client("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue="alias/aws/sns"
    )
    assert not delivered(ctx, url, name)


def test_a_direct_call_of_a_key_goes_through_no_service(ctx: Context) -> None:
    arn = key(ctx)
    condition = {"StringEquals": {"kms:EncryptionContext:team": "mine"}}
    through = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    mine = Caller(ctx, {"Action": "kms:Encrypt", "Resource": arn, "Condition": condition})("kms")
    assert code(mine.encrypt, KeyId=arn, Plaintext=b"x", EncryptionContext={"team": "mine"}) == "ok"
    assert code(mine.encrypt, KeyId=arn, Plaintext=b"x", EncryptionContext={"team": "other"}) == "AccessDeniedException"
    assert code(mine.encrypt, KeyId=arn, Plaintext=b"x") == "AccessDeniedException"
    only = Caller(ctx, {"Action": "kms:Encrypt", "Resource": arn, "Condition": through})("kms")
    assert code(only.encrypt, KeyId=arn, Plaintext=b"x") == "AccessDeniedException"


@pytest.mark.parametrize("other", [("us-east-1", "eu-west-1"), (ACCOUNT, "999999999999")])
def test_no_other_spelling_of_a_name_goes_round_a_denial(ctx: Context, other: tuple[str, str]) -> None:
    closed = key(ctx, {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/somebody"}})
    with pytest.raises(ClientError, match=f"is not in us-east-1 of {ACCOUNT}, where the call is made"):
        administrator(ctx, "kms").encrypt(KeyId=closed.replace(*other), Plaintext=b"x")


def test_a_keys_denial_holds_only_under_its_condition(ctx: Context) -> None:
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    denial = {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": plain}
    allowed = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    mine, kms = key(ctx), administrator(ctx, "kms")
    kms.put_key_policy(KeyId=mine, PolicyName="default", Policy=policy(allowed, denial))
    assert [code(each.describe_key, KeyId=mine) for each in (kms, ctx.client("kms"))] == ["ok", "ok"]
    assert code(as_plain_http(kms).describe_key, KeyId=mine) == "AccessDeniedException"


@pytest.mark.parametrize("change", ["", "service", "group", "use"])
def test_a_log_group_takes_a_key_that_lets_logs_in_for_that_group(ctx: Context, change: str) -> None:
    name = f"/mine/{uuid.uuid4().hex[:8]}"
    arn = f"arn:aws:logs:{AT}:log-group:{name}{'x' if change == 'group' else ''}"
    let_in = {
        "Principal": {"Service": "events.amazonaws.com" if change == "service" else "logs.us-east-1.amazonaws.com"},
        "Action": ["kms:Decrypt" if change == "use" else "kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"],
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}},
    }
    mine, logs = key(ctx, let_in), administrator(ctx, "logs")
    refused = "InvalidParameterException" if change else "ok"
    assert code(logs.create_log_group, logGroupName=name, kmsKeyId=mine) == refused
    groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [each.get("kmsKeyId") for each in groups] == ([] if change else [mine])
    if not groups:
        logs.create_log_group(logGroupName=name)
    assert code(logs.disassociate_kms_key, logGroupName=name) == "ok"
    assert code(logs.associate_kms_key, logGroupName=name, kmsKeyId=mine) == refused
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert group.get("kmsKeyId") == (None if change else mine)
