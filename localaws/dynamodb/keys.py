"""Makes UpdateItem refuse to write a part of an item's key, also in the older parameter ``AttributeUpdates``.

moto refuses it in an UpdateExpression alone. By AttributeUpdates an item could move to another partition, which the
caller may have no permission for (``dynamodb:LeadingKeys``).
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html (AttributeUpdates)
"""

from __future__ import annotations

from typing import Any

from moto.dynamodb.exceptions import UpdateHashRangeKeyException
from moto.dynamodb.responses import DynamoHandler

from localaws.moto_patches import original, replace


def install() -> None:
    """Make UpdateItem refuse to write a key; safe to repeat."""
    replace(DynamoHandler, "update_item", _update_item)


def _update_item(self: Any) -> Any:
    updates = self.body.get("AttributeUpdates") or {}
    for name in self.dynamodb_backend.get_table(self.body["TableName"]).table_key_attrs if updates else ():
        if name in updates:
            raise UpdateHashRangeKeyException(name)
    return original(DynamoHandler, "update_item")(self)
