"""What holds data is encrypted, private and kept; tables belong to contracts, never to CloudFormation."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from sluice.ingestion.stage import staging_prefix
from sluice.tables.tokens import KEEP
from tests.infra.permissions import may
from tests.infra.templates import Cloud, Resource

#: Deleting one of these deletes data.
HOLDS_DATA = (
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
    "AWS::DynamoDB::Table",
    "AWS::Glue::Database",
    "AWS::Logs::LogGroup",
)


def encryption(bucket: Resource) -> dict[str, Any]:
    (rule,) = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return {**rule["ServerSideEncryptionByDefault"], "key_per_bucket": rule.get("BucketKeyEnabled", False)}


def test_every_bucket_with_data_is_encrypted_with_the_key_of_the_lake(cloud: Cloud) -> None:
    (key,) = cloud.resources("AWS::KMS::Key")
    for bucket in cloud.resources("AWS::S3::Bucket"):
        if bucket.name == "AccessLogs":  # S3 delivers access logs only to buckets with its own keys
            assert encryption(bucket)["SSEAlgorithm"] == "AES256"
            continue
        assert encryption(bucket) == {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": cloud.arn(key),
            "key_per_bucket": True,
        }


def test_every_bucket_is_private(cloud: Cloud) -> None:
    blocked = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    for bucket in cloud.resources("AWS::S3::Bucket"):
        assert bucket.properties["PublicAccessBlockConfiguration"] == blocked
        assert bucket.properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize(
    ("kind", "policies", "held_by"),
    [("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"), ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues")],
)
def test_nothing_is_reached_without_tls(cloud: Cloud, kind: str, policies: str, held_by: str) -> None:
    refused = set()
    for policy in cloud.resources(policies):
        holders = policy.properties[held_by]
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny" and statement["Principal"] == {"AWS": "*"}:
                assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
                assert statement["Action"] in {"s3:*", "sqs:*"}
                refused |= {holders} if isinstance(holders, str) else set(holders)
    assert refused == {each.name for each in cloud.resources(kind)}


def test_every_version_of_a_landed_file_can_be_read_for_a_month(cloud: Cloud) -> None:
    landing = cloud.resource("AWS::S3::Bucket", "Landing").properties
    assert landing["VersioningConfiguration"] == {"Status": "Enabled"}
    expiries = [rule["NoncurrentVersionExpiration"] for rule in landing["LifecycleConfiguration"]["Rules"] if
                "NoncurrentVersionExpiration" in rule]  # fmt: skip
    assert expiries == [{"NoncurrentDays": 30}]
    assert not any("ExpirationInDays" in rule for rule in landing["LifecycleConfiguration"]["Rules"])


def test_of_the_lake_only_what_was_left_in_staging_expires_long_after_any_redelivery(cloud: Cloud) -> None:
    rules = cloud.resource("AWS::S3::Bucket", "Lake").properties["LifecycleConfiguration"]["Rules"]
    (expiring,) = [rule for rule in rules if "ExpirationInDays" in rule]
    assert (expiring["Prefix"], expiring["Status"]) == ("staging/", "Enabled")
    assert staging_prefix("s3://lake", "orders").startswith(f"s3://lake/{expiring['Prefix']}")
    queues = cloud.resources("AWS::SQS::Queue")
    redelivery = 2 * max(queue.properties["MessageRetentionPeriod"] for queue in queues)
    assert timedelta(days=expiring["ExpirationInDays"]) > max(timedelta(seconds=redelivery), KEEP)


def test_production_keeps_everything_that_holds_data(prod: Cloud) -> None:
    for resource in prod.resources(*HOLDS_DATA):
        # What is made empty under a given name goes again with a first deployment that fails; a bucket has objects.
        kept = "Retain" if resource.type == "AWS::S3::Bucket" else "RetainExceptOnCreate"
        assert resource.body["DeletionPolicy"] == kept, resource.logical_id
        assert resource.body["UpdateReplacePolicy"] == "Retain", resource.logical_id


def test_the_stack_of_data_is_not_deleted_by_mistake(clouds: dict[str, Cloud]) -> None:
    for cloud in clouds.values():
        manifest = json.loads((cloud.folder / "manifest.json").read_text())["artifacts"]
        protected = {name for name, each in manifest.items() if each.get("properties", {}).get("terminationProtection")}
        storage = {f"{cloud.environment.title}-storage"}
        assert protected == (storage if cloud.environment.keep_data else set())


def test_development_leaves_nothing_behind(clouds: dict[str, Cloud]) -> None:
    for resource in clouds["dev"].resources(*HOLDS_DATA):
        assert resource.body["DeletionPolicy"] == "Delete", resource.logical_id


def test_the_key_turns_every_year(cloud: Cloud) -> None:
    assert all(key.properties["EnableKeyRotation"] is True for key in cloud.resources("AWS::KMS::Key"))


def test_the_ledger_can_be_brought_back_to_any_second(cloud: Cloud) -> None:
    ledger = cloud.resource("AWS::DynamoDB::Table", "Ledger").properties
    assert ledger["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert ledger["SSESpecification"]["SSEEnabled"] is True


def test_no_table_belongs_to_cloudformation(cloud: Cloud) -> None:
    assert cloud.resources("AWS::Glue::Table") == []


def test_custom_resources_make_tables_and_where_nothing_is_kept_empty_the_buckets(cloud: Cloud) -> None:
    custom = {each.type for each in cloud.resources() if each.type.startswith(("Custom::", "AWS::CloudFormation::"))}
    emptied = set() if cloud.environment.keep_data else {"Custom::SluiceContents"}
    assert custom == {"Custom::SluiceTables"} | emptied


def test_every_bucket_is_emptied_where_nothing_is_kept_and_the_access_log_at_last(clouds: dict[str, Cloud]) -> None:
    (contents,) = clouds["dev"].resources("Custom::SluiceContents")
    buckets = [each.name for each in clouds["dev"].resources("AWS::S3::Bucket")]
    assert sorted(contents.properties["Buckets"]) == sorted(buckets)
    assert contents.properties["Buckets"][-1] == "AccessLogs"
    # What makes the tables writes to the lake: a first deployment that fails there is to find it emptied.
    (tables,) = clouds["dev"].resources("Custom::SluiceTables")
    assert contents.logical_id in tables.body["DependsOn"]


def test_no_role_of_production_may_delete_every_object(prod: Cloud) -> None:
    roles = [each.name for each in prod.resources("AWS::IAM::Role")]
    buckets = [each.name for each in prod.resources("AWS::S3::Bucket")]
    every = [(role, bucket) for role in roles for bucket in buckets
             if may(prod, role, "s3:DeleteObjectVersion", f"arn:aws:s3:::{bucket}/any/thing")]  # fmt: skip
    assert {bucket for _, bucket in every} <= {"Landing"}  # versions older than their dataset's retention


def test_deleting_the_stack_keeps_the_tables(cloud: Cloud) -> None:
    (tables,) = cloud.resources("Custom::SluiceTables")
    assert tables.body["DeletionPolicy"] == "Retain"


def test_tables_are_made_after_their_databases(cloud: Cloud) -> None:
    (tables,) = cloud.resources("Custom::SluiceTables")
    databases = {each.logical_id for each in cloud.resources("AWS::Glue::Database")}
    assert databases <= set(tables.body["DependsOn"])
