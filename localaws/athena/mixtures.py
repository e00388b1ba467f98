"""Refuses values of one column, array or comparison of which each would have its own zone, or length of char(n).

The zone of a timestamp, and the spaces at the end of a char(n), are known here by the type alone: see
``localaws.athena.zones``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import not_supported
from localaws.athena.signatures import CALL, SIGNATURES
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE

#: What keeps each of its arguments' types beside the others', or takes the type of one of them alone.
_APART: Final = (
    exp.Struct, exp.Map, exp.VarMap, exp.ArgMax, exp.ArgMin, exp.Window, exp.Filter, exp.AtTimeZone, exp.Cast,
    exp.GroupConcat, exp.ArrayToString, exp.Lambda,
)  # fmt: skip
_APART_NAMES: Final = frozenset({"map_agg", "multimap_agg", "zip", "zip_with", "with_timezone", "format"})
#: Those of texts that take a char(n) with its spaces, and do not give one back.
_OF_CHAR: Final = (exp.Cast, exp.Concat, exp.DPipe, exp.GroupConcat, exp.ArrayToString)
_DISTINCT: Final = (exp.NullSafeEQ, exp.NullSafeNEQ)
_COMPARED: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, *_DISTINCT)
_NESTED: Final = (DType.ARRAY, DType.MAP, DType.STRUCT)


def check_mixtures(tree: exp.Expr) -> bool:
    """Raise for a mixture in a typed query; return whether it has a timestamp in a zone other than UTC."""
    found = [node for node in tree.walk() if _special(node.type)]
    if found:
        for node in tree.walk():
            if not node.meta.get(DONE):
                _check(node)
    return any(_away(mark) for node in found for mark in marks(node.type))


def marks(kind: Any) -> list[str]:
    """Return what the values inside of a type have by it alone, in order: a zone, or a length of char(n).

    Moments without a zone and texts of any length are in it too, what is neither is not.
    """
    if not isinstance(kind, exp.DataType):
        return []
    if kind.this in _NESTED:
        inner = [getattr(part, "kind", None) or part for part in kind.expressions]
        return [mark for part in inner for mark in marks(part)]
    if kind.this == DType.TIMESTAMPTZ:
        return ["zone " + types.zone_of(kind)]
    if kind.this in (DType.DATE, *types.TIMESTAMPS):
        return ["no zone"]
    if kind.this in types.TEXT:
        return [types.trino_name(kind) if kind.this == DType.CHAR else "varchar"]
    return []


def has_zone(kind: Any) -> bool:
    """Return whether there is a timestamp with a zone in a type."""
    return any(mark.startswith("zone ") for mark in marks(kind))


def _away(mark: str) -> bool:
    return mark.startswith("zone ") and mark != "zone UTC"


def _of_length(mark: str) -> bool:
    return mark.startswith("char(")


def _special(kind: Any) -> bool:
    return any(_away(mark) or _of_length(mark) for mark in marks(kind))


def _check(node: Any) -> None:
    if isinstance(node, exp.SetOperation):
        _check_columns(node)
    elif isinstance(node, exp.Values):
        for column in zip(*[row.expressions or [row.this] for row in node.expressions], strict=False):
            _alike([each.type for each in column])
    elif isinstance(node, _COMPARED):
        _check_comparison(node)
    elif isinstance(node, exp.JSONValue) and any(map(_of_length, marks(node.type))):
        raise not_supported("json_value returning char(n)")
    elif isinstance(node, exp.Case):
        _alike([each.args["true"].type for each in node.args["ifs"]] + [_kind(node, "default")])
        if node.this is not None:
            _alike([node.this.type, *(each.this.type for each in node.args["ifs"])], zones=False)
    elif isinstance(node, exp.If):
        _alike([_kind(node, "true"), _kind(node, "false")])
    elif isinstance(node, exp.Bracket) or (isinstance(node, exp.Anonymous) and node.name.lower() == "element_at"):
        given = list(node.expressions)
        whole, key = (node.this, given[0]) if isinstance(node, exp.Bracket) else given
        if whole.type is not None and whole.type.this == DType.MAP and len(whole.type.expressions) == 2:
            _alike([whole.type.expressions[0], key.type], zones=False)
        _check_known(node, [whole])
    elif isinstance(node, exp.Func | exp.DPipe) and not isinstance(node, exp.UDTF):
        _check_call(node)


def _check_columns(node: Any) -> None:
    """Raise for columns of a set operation: theirs is the type of the first query."""
    for left, right in zip(node.left.selects, node.right.selects, strict=False):
        if _unknown(left.type) and _special(right.type):
            raise not_supported(f"NULL in the first query, where another has {types.trino_name(right.type)}")
        _alike([left.type, right.type])


def _check_comparison(node: Any) -> None:
    """Raise for texts that are compared without their spaces left out: ``casts.comparison_rule`` does it of values."""
    query = node.args.get("query")
    others = [node.args.get(key) for key in ("this", "expression", "low", "high")] + list(node.expressions)
    others += [query] if query is not None else []
    several = any(isinstance(each, exp.Any | exp.All | exp.Query) for each in others)
    kinds = [_kind_of(each) for each in others if each is not None]
    if several and any(map(_unknown, kinds)) and any(map(_of_length, [mark for kind in kinds for mark in marks(kind)])):
        raise not_supported("a comparison of char(n) with values whose type cannot be derived")
    if several or isinstance(node, _DISTINCT) or any(kind is not None and kind.this in _NESTED for kind in kinds):
        _alike(kinds, zones=False)


def _kind_of(value: Any) -> Any:
    """Return the type of what is compared: that of the column of a query."""
    inner = value.this if isinstance(value, exp.Any | exp.All | exp.Subquery) else value
    inner = inner.unnest() if isinstance(inner, exp.Expr) else inner
    if isinstance(inner, exp.Query) and inner.selects:
        return inner.selects[0].type
    return inner.type if isinstance(inner, exp.Expr) else None


def _check_call(node: Any) -> None:
    given = [each for each in node.iter_expressions() if not isinstance(each, exp.DataType | exp.Lambda)]
    _check_known(node, given)
    if isinstance(node, exp.Reduce) and any(_special(each.type) for each in given):
        raise not_supported("reduce of timestamps in a zone, or of char(n)")
    apart = isinstance(node, _APART) or _name(node) in _APART_NAMES
    if not apart:
        joined = isinstance(node, exp.DPipe | exp.Concat) and all(_text(each.type) for each in given)
        if not joined and not _of_texts(node):
            _alike([each.type for each in given], zones=has_zone(node.type) and not isinstance(node, exp.Nullif))
    if _text(node.type) and node.type.this != DType.CHAR and not isinstance(node, _OF_CHAR):
        for each in given:
            if each.type is not None and each.type.this == DType.CHAR:
                raise not_supported(f"{_name(node)} of {types.trino_name(each.type)}", allowed="a cast to varchar")


def _check_known(node: Any, given: list[Any]) -> None:
    for each in given:
        if _unknown(node.type) and _special(each.type):
            raise not_supported(f"{_name(node)} of {types.trino_name(each.type)} whose result's type cannot be derived")


def _name(node: Any) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.name.lower())
    return str(node.sql_name().lower()) if isinstance(node, exp.Func) else str(node.key)


def _of_texts(node: Any) -> bool:
    """Return whether a function takes texts and numbers alone: to it a char(n) is the text with its spaces."""
    noted = node.meta.get(CALL)
    return noted is not None and set(SIGNATURES.get(noted[0], "X")) <= set("TINFJV|+")


def _unknown(kind: Any) -> bool:
    return kind is None or kind.this in (DType.UNKNOWN, DType.NULL)


def _text(kind: Any) -> bool:
    return kind is not None and kind.this in types.TEXT


def _kind(node: Any, key: str) -> Any:
    return node.args[key].type if isinstance(node.args.get(key), exp.Expr) else None


def _alike(kinds: list[Any], *, zones: bool = True) -> None:
    """Raise where types differ in their zones, or in the lengths of their char(n)."""
    for left, right in pairwise([each for each in map(marks, kinds) if each]):
        for pair in _differing(left, right):
            if any(map(_of_length, pair)) or (zones and any(map(_away, pair))):
                one, other = (mark.removeprefix("zone ") for mark in pair)
                if any(map(_away, pair)):
                    raise not_supported(f"one column of the zones {one} and {other}")
                raise not_supported(f"{one} together with {other}", allowed="a cast of one to the type of the other")


def _differing(left: list[str], right: list[str]) -> Iterator[tuple[str, str]]:
    longer = max(len(left), len(right))
    sides = [side + ["another type"] * (longer - len(side)) for side in (left, right)]
    return (pair for pair in zip(*sides, strict=True) if pair[0] != pair[1])
