"""Makes Query look at the items of its page, and at no others, and end a page where AWS does.

moto compares each item of the table with the condition, in Python, after it has sorted them all, and again for each
page: a page of a table of 10,000 items takes a second of processor time. AWS reads the items of one partition that the
sort key's condition fits, from where the last page ended until the page is full.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html

AWS ends a page at the limit without a look at what follows: a page that is full has a last key, also when it is the
last one. moto gives that key only where another item of the partition follows.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
"""

from __future__ import annotations

import copy
import inspect
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import RESULT_SIZE_LIMIT, Table

from localaws.moto_patches import original, replace


def install() -> None:
    """Make Query look at the items that its key condition names; safe to repeat."""
    replace(Table, "query", _query)


def _query(self: Any, *given: Any, **named: Any) -> tuple[list[Any], int, dict[str, Any] | None]:
    whole = original(Table, "query")
    call = inspect.signature(whole).bind(self, *given, **named)
    asked, more = call.arguments, call.arguments.pop("filter_kwargs", {})
    index, hash_key = asked.get("index_name"), asked["hash_key"]
    if not index and hash_key is not None and self.has_range_key and not more:
        asked["self"] = _part(self, asked)
    # Filtered and projected below: the last item of a page is the last one looked at, whether it is shown or not.
    chosen, shown = asked.pop("filter_expression", None), asked.pop("projection_expressions")
    found, looked_at, last = whole(**asked, projection_expressions=None, **more)
    if last is None and found and len(found) == asked["limit"]:
        last = self._get_last_evaluated_key(found[-1], index)
    if chosen is not None:
        found = [item for item in found if chosen.expr(item)]
    return [item.project(shown) for item in found] if shown else found, looked_at, last


def _part(table: Any, asked: dict[str, Any]) -> Any:
    """Return the table with those items alone that a page holds, and the one after them, by which moto ends it."""
    # Asked for with [], a partition that is not there would be made, and kept.
    partition, start = table.items.get(asked["hash_key"], {}), asked["exclusive_start_key"]
    comparison, values = asked["range_comparison"], asked["range_objs"]
    backward = asked["scan_index_forward"] is False
    keys = [key for key in list(partition) if not comparison or key.compare(comparison, values)]
    if start:
        last = DynamoType(start[table.range_key_attr])
        keys = [key for key in keys if (key < last if backward else last < key)]
    keys.sort(key=lambda key: key.cast_value, reverse=backward)
    part, size, page = copy.copy(table), 0, {}
    for key in keys:
        page[key] = partition[key]
        size += partition[key].size()
        if size > RESULT_SIZE_LIMIT or len(page) - 1 == asked["limit"]:
            break
    part.items = {asked["hash_key"]: page}
    return part
