"""DynamoDB's UpdateTable changes the key of a table: moto takes a key when the table is made, and no other later."""

from __future__ import annotations

from typing import Any

from moto.dynamodb.responses import DynamoHandler

from localaws.moto_patches import original, replace


def install() -> None:
    """Make UpdateTable change the table's encryption."""
    replace(DynamoHandler, "update_table", _update_table)


def _update_table(self: Any) -> Any:
    wanted = self.body.get("SSESpecification")
    if wanted is not None:
        table = self.dynamodb_backend.get_table(self.body["TableName"])
        managed = f"arn:aws:kms:{table.region_name}:{table.account_id}:alias/aws/dynamodb"
        table.sse_specification = {"KMSMasterKeyId": managed, **wanted} if wanted.get("Enabled") else None
    return original(DynamoHandler, "update_table")(self)
