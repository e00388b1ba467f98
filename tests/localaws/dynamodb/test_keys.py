"""No update writes a part of an item's key, whichever way it says what to update."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.context import Context
from tests.localaws.running import ctx  # noqa: F401

KEY = {"pk": {"S": "t2"}, "sk": {"S": "1"}}


@pytest.fixture(scope="module")
def table(ctx: Context) -> Any:
    client = ctx.client("dynamodb")
    names = ("pk", "sk", "other")
    index = {"IndexName": "by-other", "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}]}
    client.create_table(
        TableName="keys",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[{**index, "Projection": {"ProjectionType": "ALL"}}],
    )
    client.put_item(TableName="keys", Item={**KEY, "other": {"S": "a"}})
    return client


@pytest.mark.parametrize("name", ["pk", "sk"])
@pytest.mark.parametrize("action", ["PUT", "DELETE", "ADD"])
@pytest.mark.parametrize("key", [KEY, {"pk": {"S": "new"}, "sk": {"S": "1"}}])
def test_an_update_writes_no_part_of_the_key(table: Any, name: str, action: str, key: dict[str, Any]) -> None:
    value = {} if action == "DELETE" else {"Value": {"S": "t1"}}
    sets = {"UpdateExpression": "SET #n = :v", "ExpressionAttributeNames": {"#n": name},
            "ExpressionAttributeValues": {":v": {"S": "t1"}}}  # fmt: skip
    removes = {"UpdateExpression": "REMOVE #n", "ExpressionAttributeNames": {"#n": name}}
    older = {"AttributeUpdates": {"other": {"Action": "PUT", "Value": {"S": "b"}}, name: {"Action": action, **value}}}
    before = table.scan(TableName="keys")["Items"]
    for update in (older, sets, removes):
        with pytest.raises(ClientError, match=f"Cannot update attribute {name}. This attribute is part of the key"):
            table.update_item(TableName="keys", Key=key, **update)
    if action == "PUT":
        with pytest.raises(ClientError, match=f"Cannot update attribute {name}"):
            table.transact_write_items(TransactItems=[{"Update": {"TableName": "keys", "Key": key, **sets}}])
    assert table.scan(TableName="keys")["Items"] == before


def test_what_is_a_key_of_an_index_alone_is_updated(table: Any) -> None:
    table.update_item(TableName="keys", Key=KEY, AttributeUpdates={"other": {"Action": "PUT", "Value": {"S": "b"}}})
    assert table.get_item(TableName="keys", Key=KEY)["Item"]["other"] == {"S": "b"}
