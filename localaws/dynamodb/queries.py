"""Makes Query look at the items that its key condition names, and at no others, and end a page where AWS does.

moto compares each item of the table with the condition, in Python, after it has sorted them all: a page of a table of
10,000 items takes a second of processor time. AWS reads the items of one partition that the sort key's condition fits.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html

AWS ends a page at the limit without a look at what follows: a page that is full has a last key, also when it is the
last one. moto gives that key only where another item of the partition follows.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
"""

from __future__ import annotations

import copy
import inspect
from typing import Any

from moto.dynamodb.models.table import Table

from localaws.moto_patches import original, replace


def install() -> None:
    """Make Query look at the items that its key condition names; safe to repeat."""
    replace(Table, "query", _query)


def _query(self: Any, *given: Any, **named: Any) -> tuple[list[Any], int, dict[str, Any] | None]:
    whole = original(Table, "query")
    call = inspect.signature(whole).bind(self, *given, **named)
    asked, more = call.arguments, call.arguments.pop("filter_kwargs", {})
    index, hash_key = asked.get("index_name"), asked["hash_key"]
    if not index and hash_key is not None and self.has_range_key:
        asked["self"] = _part(self, hash_key, asked["range_comparison"], asked["range_objs"])
    # Filtered and projected below: the last item of a page is the last one looked at, whether it is shown or not.
    chosen, shown = asked.pop("filter_expression", None), asked.pop("projection_expressions")
    found, looked_at, last = whole(**asked, projection_expressions=None, **more)
    if last is None and found and len(found) == asked["limit"]:
        last = self._get_last_evaluated_key(found[-1], index)
    if chosen is not None:
        found = [item for item in found if chosen.expr(item)]
    return [item.project(shown) for item in found] if shown else found, looked_at, last


def _part(table: Any, hash_key: Any, comparison: str | None, values: list[Any]) -> Any:
    """Return the table with those items alone that a key condition names."""
    partition = table.items.get(hash_key, {})  # asked for with [], one that is not there would be made, and kept
    part = copy.copy(table)
    part.items = {
        hash_key: {key: item for key, item in partition.items() if not comparison or key.compare(comparison, values)}
    }
    return part
