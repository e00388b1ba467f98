"""A deleted table can be had back as it was, where point-in-time recovery was on."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.context import Context
from tests.localaws.running import ctx  # noqa: F401

ITEM = {"pk": {"S": "one"}, "n": {"N": "7"}}


@pytest.fixture
def dynamodb(ctx: Context) -> Any:
    return ctx.client("dynamodb")


def table(dynamodb: Any, name: str, *, recoverable: bool) -> None:
    dynamodb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )  # fmt: skip
    if recoverable:
        recovery = {"PointInTimeRecoveryEnabled": True}
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    dynamodb.put_item(TableName=name, Item=ITEM)


def test_a_deleted_table_is_restored_under_its_name(dynamodb: Any) -> None:
    table(dynamodb, "kept", recoverable=True)
    dynamodb.delete_table(TableName="kept")
    (backup,) = dynamodb.list_backups(TableName="kept", BackupType="SYSTEM")["BackupSummaries"]
    assert backup["BackupName"] == "kept$DeletedTableBackup"
    assert dynamodb.list_backups(TableName="kept", BackupType="USER")["BackupSummaries"] == []
    dynamodb.restore_table_from_backup(TargetTableName="kept", BackupArn=backup["BackupArn"])
    assert dynamodb.scan(TableName="kept")["Items"] == [ITEM]
    made = dynamodb.describe_table(TableName="kept")["Table"]
    assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    # As on AWS, it is on again only when somebody says so.
    recovery = dynamodb.describe_continuous_backups(TableName="kept")["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"


def test_without_recovery_it_is_gone(dynamodb: Any) -> None:
    table(dynamodb, "lost", recoverable=False)
    with pytest.raises(ClientError, match="not enabled"):
        dynamodb.restore_table_to_point_in_time(
            SourceTableName="lost", TargetTableName="found", UseLatestRestorableTime=True
        )
    dynamodb.delete_table(TableName="lost")
    assert dynamodb.list_backups(TableName="lost", BackupType="ALL")["BackupSummaries"] == []


def test_the_newest_moment_is_restored_and_an_earlier_one_refused_by_name(dynamodb: Any) -> None:
    table(dynamodb, "now", recoverable=True)
    asked = {"SourceTableName": "now", "TargetTableName": "copy"}
    for moment in ({}, {"RestoreDateTime": 1_700_000_000}):
        with pytest.raises(ClientError, match="keeps no earlier state"):
            dynamodb.restore_table_to_point_in_time(**asked, **moment)
    dynamodb.restore_table_to_point_in_time(**asked, UseLatestRestorableTime=True)
    assert dynamodb.scan(TableName="copy")["Items"] == [ITEM]
    assert dynamodb.describe_table(TableName="copy")["Table"]["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
