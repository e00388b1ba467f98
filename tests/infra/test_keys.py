"""Who uses the deployment's key: each role by way of the services whose encrypted things it may use, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from sluice.cli import given_up
from sluice.cli.cloud_assembly import DeclaredStack
from tests.infra.permissions import documents, listed
from tests.infra.templates import ACCOUNT, Cloud

_DECRYPT, _GENERATE = "kms:Decrypt", "kms:GenerateDataKey"
#: By action, what it takes of the key of what it is done to; each service's page on encryption says so.
NEEDS = {
    "s3:GetObject": {_DECRYPT},
    "s3:PutObject": {_GENERATE, _DECRYPT},  # uploads in parts read the data key again
    "sqs:SendMessage": {_GENERATE, _DECRYPT},
    "sqs:ReceiveMessage": {_DECRYPT},
    "sns:Publish": {_GENERATE, _DECRYPT},
    "kinesis:PutRecord": {_GENERATE},
    "kinesis:PutRecords": {_GENERATE},
    "kinesis:GetRecords": {_DECRYPT},
    **{
        f"dynamodb:{name}": {_DECRYPT}
        for name in ("BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")
    },
}
_BUCKETS = tuple(f"arn:aws:s3:::{name}/" for name in ("Lake", "Landing", "Results"))
#: What is encrypted with the key where `customer_key` is on, by type: the property that names the key.
ENCRYPTED = {
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::Kinesis::Stream": "StreamEncryption",
    "AWS::DynamoDB::Table": "SSESpecification",
}


def statements(cloud: Cloud, role: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield (action, resource, what its condition asks to be equal) of a role's policies."""
    for document in documents(cloud, role):
        for statement in document["Statement"]:
            asked = statement.get("Condition", {}).get("StringEquals", {})
            for action in listed(statement["Action"]):
                yield from ((action, resource, asked) for resource in listed(statement["Resource"]))


def test_a_role_uses_the_key_by_way_of_the_services_that_it_uses_and_by_no_other(cloud: Cloud) -> None:
    (key,) = cloud.resources("AWS::KMS::Key")
    services = {"s3", *(["sqs", "sns", "kinesis", "dynamodb"] if cloud.environment.customer_key else [])}
    found = set()
    for role in cloud.resources("AWS::IAM::Role"):
        wanted, has = set(), set()
        for action, resource, asked in statements(cloud, role.name):
            service = action.partition(":")[0]
            if service == "kms":
                assert resource == cloud.arn(key), role.name
                assert set(asked) == {"kms:ViaService"}, role.name
                has |= {(each, action) for each in listed(asked["kms:ViaService"])}
            elif service in services and (service != "s3" or resource.startswith(_BUCKETS)):
                at = f"{service}.{cloud.environment.region}.amazonaws.com"
                wanted |= {(at, use) for use in NEEDS.get(action, ())}
        assert has == wanted, role.name
        found |= {service.partition(".")[0] for service, _ in has}
    assert found == services


def test_everything_is_encrypted_with_the_key_where_it_is_asked_for(cloud: Cloud) -> None:
    (key,) = cloud.resources("AWS::KMS::Key")
    for type_, name in ENCRYPTED.items():
        assert cloud.resources(type_)
        for resource in cloud.resources(type_):
            told = json.dumps(resource.properties.get(name))
            assert (cloud.arn(key) in told) is cloud.environment.customer_key, resource.logical_id
            assert "SqsManagedSseEnabled" not in resource.properties or not cloud.environment.customer_key


def test_the_key_lets_in_the_account_and_where_it_is_asked_for_three_services(cloud: Cloud) -> None:
    (key,) = cloud.resources("AWS::KMS::Key")
    account, *services = key.properties["KeyPolicy"]["Statement"]
    assert {**account, "Principal": account["Principal"]["AWS"]} == {
        "Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": f"arn:aws:iam::{ACCOUNT}:root",
    }  # fmt: skip
    at, title = f"us-east-1:{ACCOUNT}", cloud.environment.title
    own = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    groups = [
        f"arn:aws:logs:{at}:log-group:{title}-*",
        f"arn:aws:logs:{at}:log-group:/aws/vendedlogs/states/{title}-refresh",
    ]
    sending, logging = (
        ["GenerateDataKey", "Decrypt"],
        ["Encrypt", "Decrypt", "ReEncrypt*", "GenerateDataKey*", "Describe*"],
    )
    expected = [
        ("logs.us-east-1", logging, {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}}),
        ("events", sending, own),
        ("cloudwatch", sending, {**own, "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{at}:alarm:*"}}),
    ]
    whole = [
        {
            "Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Resource": "*",
            "Action": sorted(f"kms:{action}" for action in actions), "Condition": condition,
        }
        for service, actions, condition in expected
    ]  # fmt: skip
    assert services == (whole if cloud.environment.customer_key else [])


def test_every_log_group_is_among_those_that_the_key_is_for(prod: Cloud) -> None:
    """CloudFormation names a group after its stack, which begins with the environment's title."""
    manifest = json.loads((prod.folder / "manifest.json").read_text())["artifacts"]
    title = prod.environment.title
    for group in prod.resources("AWS::Logs::LogGroup"):
        named = group.properties.get("LogGroupName", f"{title}-{group.stack}-{group.logical_id}")
        assert named.startswith(f"{title}-") or named == f"/aws/vendedlogs/states/{title}-refresh"
        assert f"{title}-{group.stack}" in manifest


#: What was encrypted with the key stays so, of these types.
STAY_ENCRYPTED = ("AWS::SQS::Queue", "AWS::Logs::LogGroup", "AWS::Kinesis::Stream")


def test_to_turn_the_key_off_is_a_loss_that_names_all_that_stays_encrypted_and_to_turn_it_on_is_none(
    clouds: dict[str, Cloud], monkeypatch: pytest.MonkeyPatch
) -> None:
    on, off = clouds["prod"], clouds["dev"]
    assert on.environment.customer_key
    assert not off.environment.customer_key

    def said(deployed: Cloud, declared: Cloud) -> list[str]:
        """Return what would be lost of the key if all of ``declared`` came where ``deployed`` is."""
        monkeypatch.setattr(given_up, "deployed_template", deployed.templates.get)
        stacks = [
            DeclaredStack(name, declared.folder / f"{declared.environment.title}-{name}.template.json", "", {}, {}, ())
            for name in declared.templates
        ]
        return [each for each in given_up.given_up(stacks) if "would lose the deployment's key" in each]

    named = {name for each in said(on, off) for name in re.findall(r"\w+", each.partition("(")[2].partition(")")[0])}
    there = {(each.stack, each.logical_id) for each in off.resources()}
    stay = {each.logical_id for each in on.resources(*STAY_ENCRYPTED) if (each.stack, each.logical_id) in there}
    assert len(stay) > 10
    assert named == stay
    assert said(off, on) == said(on, on) == said(off, off) == []
