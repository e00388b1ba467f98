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
    if not given[1].literal:  # below 0 is null on Spark, and counts from the end on DuckDB
        return f"(CASE WHEN {given[1].sql} >= 0 THEN {given[0].sql}[CAST({given[1].sql} AS BIGINT) + 1] END)"
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


def _distinct(of: str) -> str:
    """Return the elements of an array without those that came before; a null is one, too."""
    before = f"{of}[1:i - 1]"
    again = f"CASE WHEN e IS NULL THEN len({before}) > list_count({before}) ELSE list_contains({before}, e) END"
    return f"list_filter({of}, lambda e, i: NOT ({again}))"


def _kept(no: str) -> str:
    found = "CASE WHEN x IS NULL THEN len({1}) > list_count({1}) ELSE list_contains({1}, x) END"
    return f"list_filter({{0}}, lambda x: {no}({found}))"


def _truth(wanted: str) -> str:
    """Return whether a condition is true of any element, or false of any; null where it is null of one and of no other so."""
    made, other = "list_transform({0}, {1})", "false" if wanted == "true" else "true"
    null = f"WHEN len({made}) > list_count({made}) THEN NULL"
    return f"(CASE WHEN {{0}} IS NULL THEN NULL WHEN list_contains({made}, {wanted}) THEN {wanted} {null} ELSE {other} END)"


_OVERLAP = (
    "(CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL "
    "WHEN len(list_filter({0}, lambda x: list_contains({1}, x))) > 0 THEN true "
    "WHEN len({0}) > 0 AND len({1}) > 0 AND (len({0}) > list_count({0}) OR len({1}) > list_count({1})) THEN NULL "
    "ELSE false END)"
)


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
            *signature("getitem", f"array<{kind}>; int", kind, _item, "{0}.getItem(0)", "{0}[1]", "{0}.getItem(99)", "{0}[F.col('int_b') % 4]"),
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
            *signature("array_prepend", f"array<{kind}>; {kind}", f"array<{kind}>", "(CASE WHEN {0} IS NOT NULL THEN list_prepend({1}, {0}) END)", "F.expr('array_prepend({0}, {1})')"),
            *signature("array_distinct", f"array<{kind}>", f"array<{kind}>", _distinct("{0}"), "F.array_distinct({0})"),
            *signature("array_union", f"array<{kind}>; array<{kind}>", f"array<{kind}>", _distinct("({0} || {1})"), "F.array_union({0}, {1})"),
            *signature("array_except", f"array<{kind}>; array<{kind}>", f"array<{kind}>", f"(CASE WHEN {{1}} IS NOT NULL THEN {_distinct(_kept('NOT '))} END)", "F.array_except({0}, {1})"),
            *signature("array_intersect", f"array<{kind}>; array<{kind}>", f"array<{kind}>", f"(CASE WHEN {{1}} IS NOT NULL THEN {_distinct(_kept(''))} END)", "F.array_intersect({0}, {1})"),
            *signature("arrays_overlap", f"array<{kind}>; array<{kind}>", "boolean", _OVERLAP, "F.arrays_overlap({0}, {1})"),
            *signature("exists", f"array<{kind}>; lambda:boolean", "boolean", _truth("true"), "F.exists({0}, lambda x: x == x)", "F.exists({0}, lambda x: x.isNull())"),
            *signature("forall", f"array<{kind}>; lambda:boolean", "boolean", _truth("false"), "F.forall({0}, lambda x: x == x)", "F.forall({0}, lambda x: x.isNotNull())"),
            *signature("explode", f"array<{kind}>", kind, "unnest({0})", "F.explode({0})", kind="rows"),
            *signature("explode_outer", f"array<{kind}>", kind, "unnest(CASE WHEN len({0}) > 0 THEN {0} ELSE [NULL] END)", "F.explode_outer({0})", kind="rows"),
            *signature("filter", f"array<{kind}>; lambda:boolean", f"array<{kind}>", "list_filter({0}, {1})", "F.filter({0}, lambda x: x.isNotNull())", "F.expr('filter({0}, x -> x = x)')"),
            *signature("transform", f"array<{kind}>; lambda:{kind}", f"array<{kind}>", "list_transform({0}, {1})", "F.transform({0}, lambda x: F.coalesce(x, x))", "F.expr('transform({0}, x -> coalesce(x, x))')", "F.expr('transform({0}, x -> transform({0}, y -> coalesce(y, x))[0])')"),
        )
    ),
    *signature("array_join", "array<string>; string", "string", "(CASE WHEN {0} IS NOT NULL THEN coalesce(array_to_string(list_filter({0}, lambda e: e IS NOT NULL), {1}), '') END)", "F.array_join({0}, ',')", "F.array_join({0}, '')"),
    *signature("array_join", "array<string>; string; string", "string", "(CASE WHEN {0} IS NOT NULL THEN coalesce(array_to_string(list_transform({0}, lambda e: coalesce(e, {2})), {1}), '') END)", "F.array_join({0}, ',', '?')"),
    *signature("get_json_object", "string; string", "string", _json, "F.get_json_object({0}, '$.a')", why="engines differ on duplicate keys, numbers and broken JSON", instead="keep what is nested as columns of the landing contract"),
    *signature("to_json", "struct", "string", "", why="engines write numbers and nulls in JSON differently", instead="concat the columns"),
    *signature("from_json", "string; string", "struct", "", why="engines differ on broken JSON", instead="keep what is nested as columns of the landing contract"),
]  # fmt: skip
