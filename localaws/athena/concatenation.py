"""Arrays put together, and an array with one element: which of them it is, its type, and DuckDB's expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed
from localaws.athena.once import once_if_heavy
from localaws.athena.trino_forms import unexpected
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast


def arrays(parts: list[Any]) -> list[exp.DataType | None] | None:
    """Return the types of what is put together as arrays: an element's is that of an array of it.

    Return None where none is an array, or where one of two is neither an array of the kind nor an element of it.
    """
    depths = [_depth(part.type) for part in parts]
    deepest = max(depths, default=0)
    if deepest == 0 or (len(parts) != 2 and min(depths) != deepest) or min(depths) < deepest - 1:
        return None
    return [
        part.type if depth == deepest or _is_null(part) else types.array_of(part.type)
        for part, depth in zip(parts, depths, strict=True)
    ]


def joined(parts: list[Any], kind: Any, given: list[exp.DataType | None]) -> exp.Expr:
    """Return the array of a type that these parts make together; NULL where one of them is NULL."""
    written = [isinstance(part, exp.Array) for part in parts]
    elements = [
        own is not None and part.type is not None and _depth(own) > _depth(part.type)
        for part, own in zip(parts, given, strict=True)
    ]

    def made(*values: exp.Expr) -> exp.Expr:
        together = []
        for value, own, is_element in zip(values, given, elements, strict=True):
            array = exp.Array(expressions=[value.copy()], meta={DONE: True}) if is_element else value.copy()
            together.append(array if own == kind or kind is None else cast(array, kind))
        whole = call("list_concat", *together)
        unsure = [value for value, is_written in zip(values, written, strict=True) if not is_written]
        if not unsure:
            return whole
        there = exp.and_(*[value.copy().is_(exp.null()).not_() for value in unsure])
        return exp.Case(ifs=[exp.If(this=there, true=whole)], meta={DONE: True})

    return once_if_heavy(parts, made)


def refused(parts: list[Any]) -> QueryFailed:
    """Return the error for values that cannot be put together."""
    return unexpected("concat", [types.trino_name(each.type) for each in parts], "line 1:1")


def all_known(kinds: list[exp.DataType | None]) -> bool:
    """Return whether the elements of all these arrays have types."""
    elements = [types.element_of(kind) for kind in kinds]
    return all(each is not None and each.this not in (DType.NULL, DType.UNKNOWN) for each in elements)


def type_of(parts: list[Any], common: Callable[[list[Any]], Any]) -> Any:
    """Return the type of arrays put together, None where there is none; ``common`` returns that of several values."""
    found = arrays(parts)
    if found is None:
        return None
    elements = [types.element_of(kind) for kind in found if kind is not None and kind.this == DType.ARRAY]
    return types.array_of(common([_typed(each) for each in elements if each is not None]))


def _typed(kind: exp.DataType) -> exp.Expr:
    made = exp.Identifier(this="")
    made.type = kind
    return made


def _is_null(part: Any) -> bool:
    return part.type is None or part.type.this in (DType.NULL, DType.UNKNOWN)


def _depth(kind: Any) -> int:
    return 1 + _depth(types.element_of(kind)) if kind is not None and kind.this == DType.ARRAY else 0
