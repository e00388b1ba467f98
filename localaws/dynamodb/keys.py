"""An item's key is what it is: no update writes a part of it, in the older way of saying what to update either.

moto refuses it in an UpdateExpression alone. By AttributeUpdates an item would take the key of another partition, which
its writer may not touch (``dynamodb:LeadingKeys``).
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html (AttributeUpdates)
"""

from __future__ import annotations

from typing import Any

from moto.dynamodb.exceptions import UpdateHashRangeKeyException
from moto.dynamodb.responses import DynamoHandler

from localaws.moto_patches import original, replace


def install() -> None:
    """Have updates refuse to write a key; safe to repeat."""
    replace(DynamoHandler, "update_item", _update_item)


def _update_item(self: Any) -> Any:
    updates = self.body.get("AttributeUpdates") or {}
    for name in self.dynamodb_backend.get_table(self.body["TableName"]).table_key_attrs if updates else ():
        if name in updates:
            raise UpdateHashRangeKeyException(name)
    return original(DynamoHandler, "update_item")(self)
