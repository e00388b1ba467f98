"""A table's key can be changed while it is there."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

from typing import Any

from localaws.context import Context
from tests.localaws.running import ctx  # noqa: F401


def test_the_key_of_a_table_is_changed_and_given_back_to_aws(ctx: Context) -> None:
    dynamodb, name = ctx.client("dynamodb"), "changes-its-key"
    mine = ctx.client("kms").create_key()["KeyMetadata"]["Arn"]
    dynamodb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )  # fmt: skip

    def after(**wanted: Any) -> str | None:
        dynamodb.update_table(TableName=name, SSESpecification=wanted)
        found = dynamodb.describe_table(TableName=name)["Table"].get("SSEDescription", {})
        return str(found["KMSMasterKeyArn"]) if found else None

    assert after(Enabled=True, SSEType="KMS", KMSMasterKeyId=mine) == mine
    dynamodb.update_table(TableName=name, BillingMode="PAY_PER_REQUEST")
    assert dynamodb.describe_table(TableName=name)["Table"]["SSEDescription"]["KMSMasterKeyArn"] == mine
    assert str(after(Enabled=True)).endswith(":alias/aws/dynamodb")
    assert after(Enabled=False) is None
