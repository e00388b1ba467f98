"""Makes Query look at the items that its key condition names, and at no others.

moto compares each item of the table with the condition, in Python, after it has sorted them all: a page of a table of
10,000 items takes a second of processor time. AWS reads the items of one partition that the sort key's condition fits.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html
"""

from __future__ import annotations

import copy
from typing import Any

from moto.dynamodb.models.table import Table

from localaws.moto_patches import original, replace


def install() -> None:
    """Make Query look at the items that its key condition names; safe to repeat."""
    replace(Table, "query", _query)


def _query(self: Any, hash_key: Any, comparison: str | None, values: list[Any], *rest: Any, **named: Any) -> Any:
    whole = original(Table, "query")
    index = rest[4] if len(rest) > 4 else named.get("index_name")
    if index or hash_key is None or not self.has_range_key:
        return whole(self, hash_key, comparison, values, *rest, **named)
    partition = self.items.get(hash_key, {})  # asked for with [], one that is not there would be made, and kept
    fits = {key: item for key, item in partition.items() if not comparison or key.compare(comparison, values)}
    part = copy.copy(self)
    part.items = {hash_key: fits}
    return whole(part, hash_key, comparison, values, *rest, **named)
