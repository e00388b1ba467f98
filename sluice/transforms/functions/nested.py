"""Functions of arrays, maps and structs, and of JSON."""

from __future__ import annotations

from sluice.transforms.functions.signatures import Argument, Refused, Signature, signature
from sluice.transforms.functions.texts import whole

_OF = ("string", "int", "bigint", "date")
_HAS = (
    "(CASE WHEN {1} IS NULL THEN NULL WHEN list_contains({0}, {1}) THEN true "
    "WHEN len({0}) > list_count({0}) THEN NULL WHEN {0} IS NULL THEN NULL ELSE false END)"
)


def _items(given: list[Argument]) -> str:
    place = whole(given[1], "the place", -(2**31))
    if place == 0:
        raise Refused("elements are counted from 1; 0 is an error on Spark")
    return f"{given[0].sql}[{place}]"


def _item(given: list[Argument]) -> str:
    place = whole(given[1], "the place", 0)
    return f"{given[0].sql}[{place + 1}]"


def _slice(given: list[Argument]) -> str:
    start, size = whole(given[1], "the start", 1), whole(given[2], "the length", 0)
    return f"{given[0].sql}[{start}:{start + size - 1}]" if size else f"list_filter({given[0].sql}, lambda e: false)"


def _array(given: list[Argument]) -> str:
    return f"[{', '.join(each.sql for each in given)}]"


def _sorted(given: list[Argument]) -> str:
    up = len(given) < 2 or given[1].value is True
    return f"list_sort({given[0].sql}, '{'ASC' if up else 'DESC'}', '{'NULLS FIRST' if up else 'NULLS LAST'}')"


def _json(given: list[Argument]) -> str:
    raise Refused("engines differ on duplicate keys, numbers and broken JSON")


SIGNATURES: list[Signature] = [
    *(
        one
        for kind in _OF
        for one in (
            *signature("array", f"{kind}…", f"array<{kind}>", _array, "F.array({0}, {1})", "F.array({0})"),
            *signature("size", f"array<{kind}>", "int", "CAST(coalesce(len({0}), -1) AS INTEGER)", "F.size({0})"),
            *signature("array_size", f"array<{kind}>", "int", "CAST(len({0}) AS INTEGER)", "F.array_size({0})"),
            *signature("array_contains", f"array<{kind}>; {kind}", "boolean", _HAS, "F.array_contains({0}, {1})"),
            *signature("element_at", f"array<{kind}>; int", kind, _items, "F.element_at({0}, 1)", "F.element_at({0}, -1)", "F.element_at({0}, 99)", "F.element_at({0}, -99)"),
            *signature("getitem", f"array<{kind}>; int", kind, _item, "{0}.getItem(0)", "{0}[1]", "{0}.getItem(99)"),
            *signature("get", f"array<{kind}>; int", kind, _item, "F.get({0}, 0)", "F.get({0}, 99)"),
            *signature("slice", f"array<{kind}>; int; int", f"array<{kind}>", _slice, "F.slice({0}, 1, 2)", "F.slice({0}, 2, 9)", "F.slice({0}, 1, 0)"),
            *signature("sort_array", f"array<{kind}>", f"array<{kind}>", _sorted, "F.sort_array({0})"),
            *signature("sort_array", f"array<{kind}>; boolean", f"array<{kind}>", _sorted, "F.sort_array({0}, True)", "F.sort_array({0}, False)"),
            *signature("array_sort", f"array<{kind}>", f"array<{kind}>", "list_sort({0}, 'ASC', 'NULLS LAST')", "F.array_sort({0})"),
            *signature("array_max", f"array<{kind}>", kind, "list_max({0})", "F.array_max({0})"),
            *signature("array_min", f"array<{kind}>", kind, "list_min({0})", "F.array_min({0})"),
            *signature("array_position", f"array<{kind}>; {kind}", "bigint", "(CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN CAST(coalesce(list_position({0}, {1}), 0) AS BIGINT) END)", "F.array_position({0}, 3)" if kind == "int" else "F.expr('array_position({0}, {1})')"),
            *signature("array_remove", f"array<{kind}>; {kind}", f"array<{kind}>", "(CASE WHEN {1} IS NOT NULL THEN list_filter({0}, lambda e: e IS DISTINCT FROM {1}) END)", "F.expr('array_remove({0}, {1})')"),
            *signature("reverse", f"array<{kind}>", f"array<{kind}>", "list_reverse({0})", "F.reverse({0})"),
            *signature("concat", f"array<{kind}>…", f"array<{kind}>", lambda a: f"({' || '.join(each.sql for each in a)})", "F.concat({0}, {1})"),
            *signature("array_compact", f"array<{kind}>", f"array<{kind}>", "list_filter({0}, lambda e: e IS NOT NULL)", "F.array_compact({0})"),
            *signature("array_append", f"array<{kind}>; {kind}", f"array<{kind}>", "(CASE WHEN {0} IS NOT NULL THEN list_append({0}, {1}) END)", "F.expr('array_append({0}, {1})')"),
            *signature("array_repeat", f"{kind}; int", f"array<{kind}>", lambda a: f"list_transform(range({whole(a[1], 'the count', 0, 1000)}), lambda n: {a[0].sql})", "F.array_repeat({0}, 3)", "F.array_repeat({0}, 0)"),
            *signature("explode", f"array<{kind}>", kind, "unnest({0})", "F.explode({0})", kind="rows"),
            *signature("explode_outer", f"array<{kind}>", kind, "unnest(CASE WHEN len({0}) > 0 THEN {0} ELSE [NULL] END)", "F.explode_outer({0})", kind="rows"),
            *signature("filter", f"array<{kind}>; lambda:boolean", f"array<{kind}>", "list_filter({0}, {1})", "F.filter({0}, lambda x: x.isNotNull())"),
            *signature("transform", f"array<{kind}>; lambda:{kind}", f"array<{kind}>", "list_transform({0}, {1})", "F.transform({0}, lambda x: F.coalesce(x, x))"),
        )
    ),
    *signature("array_distinct", "array<string>", "array<string>", "", why="DuckDB keeps no order and no null", instead="use array_sort(array_distinct(…)) on Spark"),
    *signature("array_join", "array<string>; string", "string", "(CASE WHEN {0} IS NOT NULL THEN coalesce(array_to_string(list_filter({0}, lambda e: e IS NOT NULL), {1}), '') END)", "F.array_join({0}, ',')", "F.array_join({0}, '')"),
    *signature("array_join", "array<string>; string; string", "string", "(CASE WHEN {0} IS NOT NULL THEN coalesce(array_to_string(list_transform({0}, lambda e: coalesce(e, {2})), {1}), '') END)", "F.array_join({0}, ',', '?')"),
    *signature("get_json_object", "string; string", "string", _json, "F.get_json_object({0}, '$.a')", why="engines differ on duplicate keys, numbers and broken JSON", instead="keep what is nested as columns of the landing contract"),
    *signature("to_json", "struct", "string", "", why="engines write numbers and nulls in JSON differently", instead="concat the columns"),
    *signature("from_json", "string; string", "struct", "", why="engines differ on broken JSON", instead="keep what is nested as columns of the landing contract"),
]  # fmt: skip
