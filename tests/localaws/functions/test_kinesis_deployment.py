"""Streams and their mappings deployed from templates: every property kept, changed in place, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from localaws.cloudformation.coverage import coverage
from localaws.cloudformation.errors import DeployError
from localaws.server import LocalAws
from tests.localaws.cloudformation.test_providers import FUNCTION, TRUST, physical

Deploy = Callable[..., Any]

ALL = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}], "Version": "2012-10-17"}
MAPPING: dict[str, Any] = {
    "BatchSize": 500,
    "BisectBatchOnFunctionError": True,
    "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Q", "Arn"]}}},
    "Enabled": False,
    "FilterCriteria": {"Filters": [{"Pattern": '{"data": {"a": [1]}}'}]},
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "MaximumBatchingWindowInSeconds": 5,
    "MaximumRecordAgeInSeconds": 3600,
    "MaximumRetryAttempts": 4,
    "ParallelizationFactor": 2,
}
FIXED: dict[str, Any] = {
    "FunctionName": {"Ref": "F"},
    "EventSourceArn": {"Fn::GetAtt": ["S", "Arn"]},
    "StartingPosition": "AT_TIMESTAMP",
    "StartingPositionTimestamp": 1600000000,
}


def resources(stream: dict[str, Any], mapping: dict[str, Any]) -> dict[str, Any]:
    role = {"AssumeRolePolicyDocument": TRUST, "Policies": [{"PolicyName": "all", "PolicyDocument": ALL}]}
    function = {**FUNCTION, "Properties": {**FUNCTION["Properties"], "Role": {"Fn::GetAtt": ["Role", "Arn"]}}}
    return {
        "Role": {"Type": "AWS::IAM::Role", "Properties": role},
        "F": function,
        "Q": {"Type": "AWS::SQS::Queue"},
        "S": {"Type": "AWS::Kinesis::Stream", "Properties": stream},
        "M": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
    }


def test_a_mapping_keeps_every_property_and_loses_what_is_taken_away(deploy: Deploy, local_aws: LocalAws) -> None:
    stack = deploy(**resources({"ShardCount": 1}, {**FIXED, **MAPPING}))
    client, identifier, name = local_aws.context.client("lambda"), physical(stack, "M"), physical(stack, "F")
    found = client.get_event_source_mapping(UUID=identifier)
    queue = stack.resources["Q"].outcome.attributes["Arn"]
    expected: dict[str, Any] = {
        **MAPPING,
        "DestinationConfig": {"OnFailure": {"Destination": queue}},
        "State": "Disabled",
    }
    expected.pop("Enabled")
    assert {each: found[each] for each in expected} == expected
    assert found["StartingPosition"] == "AT_TIMESTAMP"
    stack = deploy(**resources({"ShardCount": 1}, FIXED))
    assert physical(stack, "M") == identifier
    found = client.get_event_source_mapping(UUID=identifier)
    assert {each: found[each] for each in expected} == {
        "BatchSize": 100,
        "BisectBatchOnFunctionError": False,
        "DestinationConfig": {"OnFailure": {}},
        "State": "Enabled",
        "FilterCriteria": {"Filters": []},
        "FunctionResponseTypes": [],
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
    }
    local_aws.engine.delete(stack.name)
    assert client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"] == []


@pytest.mark.parametrize("name", ["TumblingWindowInSeconds", "KmsKeyArn", "ProvisionedPollerConfig"])
def test_a_property_that_is_not_honoured_is_refused_before_anything_is_made(deploy: Deploy, name: str) -> None:
    with pytest.raises(DeployError, match=name):
        deploy(**resources({"ShardCount": 1}, {**FIXED, name: 10}))
    assert f"`{name}`" not in coverage().split("## AWS::Lambda::EventSourceMapping")[1].split("## ")[0]


def test_coverage_lists_what_a_mapping_honours() -> None:
    listed = coverage().split("## AWS::Lambda::EventSourceMapping")[1].split("\n## ")[0]
    names = {*MAPPING, *FIXED} - {"DestinationConfig", "FilterCriteria"}
    assert all(f"`{name}`" in listed for name in names)
    assert "`DestinationConfig.OnFailure.Destination`" in listed


def described(local_aws: LocalAws, stack: Any) -> tuple[Any, ...]:
    kinesis = local_aws.context.client("kinesis")
    found = kinesis.describe_stream_summary(StreamName=physical(stack, "S"))["StreamDescriptionSummary"]
    key = str(found.get("KeyId", "")).rsplit("/", 1)[-1]
    mode = found["StreamModeDetails"]["StreamMode"]
    return found["OpenShardCount"], found["RetentionPeriodHours"], found["EncryptionType"], key, mode


def test_a_stream_keeps_every_property_and_changes_in_place(deploy: Deploy, local_aws: LocalAws) -> None:
    key = {
        "Type": "AWS::KMS::Key",
        "Properties": {"KeyPolicy": {"Statement": [{**ALL["Statement"][0], "Principal": {"AWS": "123456789012"}}]}},
    }

    def stream(**properties: Any) -> Any:
        return deploy(Key=key, S={"Type": "AWS::Kinesis::Stream", "Properties": properties})

    encrypted = {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": {"Ref": "Key"}}}
    stack = stream(ShardCount=2, RetentionPeriodHours=48, **encrypted)
    name, key_id = physical(stack, "S"), physical(stack, "Key")
    assert described(local_aws, stack) == (2, 48, "KMS", key_id, "PROVISIONED")
    local_aws.context.client("kinesis").put_record(StreamName=name, PartitionKey="k", Data=b"kept")
    stack = stream(ShardCount=3, RetentionPeriodHours=168, **encrypted)
    assert described(local_aws, stack) == (3, 168, "KMS", key_id, "PROVISIONED")
    stack = stream(ShardCount=2)
    assert described(local_aws, stack) == (2, 24, "NONE", "", "PROVISIONED")
    assert physical(stack, "S") == name
    stack = stream(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert described(local_aws, stack)[4] == "ON_DEMAND"
    shards = local_aws.context.client("kinesis").list_shards(StreamName=name)["Shards"]
    assert len(shards) > 3


def test_an_on_demand_stream_has_four_shards(deploy: Deploy, local_aws: LocalAws) -> None:
    on_demand = {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    stack = deploy(S={"Type": "AWS::Kinesis::Stream", "Properties": on_demand})
    assert described(local_aws, stack) == (4, 24, "NONE", "", "ON_DEMAND")


@pytest.mark.parametrize(
    "properties",
    [{}, {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "ShardCount": 1}, {"MaxRecordSizeInKiB": 2048}],
)
def test_a_stream_that_aws_or_localaws_does_not_know_is_refused(deploy: Deploy, properties: dict[str, Any]) -> None:
    with pytest.raises(DeployError, match=r"ShardCount|MaxRecordSizeInKiB"):
        deploy(S={"Type": "AWS::Kinesis::Stream", "Properties": properties})
