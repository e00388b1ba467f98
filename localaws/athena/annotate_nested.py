"""The types of functions of arrays, maps and rows, and of the lambdas that they take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.typing import DType

#: The key under which a subscript of a row notes the field that it names.
FIELD: Final = "athena_field"


def bind(self: Any, function: Any, kinds: Sequence[Any]) -> Any:
    """Give a lambda's parameters these types, infer the types of its body again, and return the body's type."""
    if not isinstance(function, exp.Lambda):
        return None
    given = dict(zip((parameter.name for parameter in function.expressions), kinds, strict=False))
    if any(kind is None for kind in given.values()):
        return None
    for part in reversed(list(function.this.walk())):
        if isinstance(part, exp.Identifier) and part.name in given and not isinstance(part.parent, exp.Column):
            self._set_type(part, given[part.name].copy())
        elif not isinstance(part, exp.Column | exp.Identifier | exp.DataType):
            self._visited.pop(id(part), None)
    self.annotate_expression(function.this)
    return function.this.type


def over_elements(self: Any, node: Any) -> None:
    """Give the lambda of ``filter`` or ``transform`` the array's element type."""
    made = bind(self, node.expression, [types.element_of(node.this.type)])
    self._set_type(node, types.array_of(made) if isinstance(node, exp.Transform) else node.this.type)


def by_comparator(self: Any, node: Any) -> None:
    """Give both parameters of the comparator of ``array_sort`` the array's element type."""
    element = types.element_of(node.this.type)
    bind(self, node.expression, [element, element])
    self._set_type(node, node.this.type)


def reduced(self: Any, node: Any) -> None:
    """Give the functions of ``reduce`` the types of the state and of the elements; its result is the last one's."""
    state = node.args["initial"].type
    bind(self, node.args["merge"], [state, types.element_of(node.this.type)])
    self._set_type(node, bind(self, node.args["finish"], [state]))


def map_of_entries(kind: Any) -> Any:
    """Return the type of a map of an array of rows of two fields; None for another type."""
    element = types.element_of(kind)
    found = types.fields(element) if element is not None and element.this == DType.STRUCT else []
    return _map(*[each for _, each in found]) if len(found) == 2 else None


def field_at(node: Any) -> Any:
    """Return the type of the field of a row that a subscript names by its number; None where there is none.

    How DuckDB finds it is noted on the subscript: by name, or by number where it has none.
    """
    (index,) = node.expressions
    if not (isinstance(index, exp.Literal) and index.is_int):
        return None
    number, fields = int(index.name), types.fields(node.this.type)
    if not 1 <= number <= len(fields):
        return None
    node.meta[FIELD] = types.places(node.this.type)[number - 1]
    return fields[number - 1][1]


def _map(key: Any, value: Any) -> Any:
    if any(kind is None or kind.this == DType.UNKNOWN for kind in (key, value)):
        return None
    return types.nested(DType.MAP, [key.copy(), value.copy()])


def _entry(kind: Any) -> tuple[Any, Any]:
    """Return the types of a map's keys and values; None for those of another type."""
    known = kind is not None and kind.this == DType.MAP and len(kind.expressions) == 2
    return (kind.expressions[0], kind.expressions[1]) if known else (None, None)


def _map_filter(self: Any, given: list[Any]) -> Any:
    bind(self, given[-1], _entry(given[0].type))
    return given[0].type


def _transform_values(self: Any, given: list[Any]) -> Any:
    key, value = _entry(given[0].type)
    return _map(key, bind(self, given[-1], [key, value]))


def _transform_keys(self: Any, given: list[Any]) -> Any:
    key, value = _entry(given[0].type)
    return _map(bind(self, given[-1], [key, value]), value)


def _zip_with(self: Any, given: list[Any]) -> Any:
    return types.array_of(bind(self, given[-1], [types.element_of(each.type) for each in given[:2]]))


def _map_zip_with(self: Any, given: list[Any]) -> Any:
    (key, one), (_, other) = _entry(given[0].type), _entry(given[1].type)
    return _map(key, bind(self, given[-1], [key, one, other]))


def _reduced(self: Any, given: list[Any]) -> Any:
    value, start, merge, combine = given
    bind(self, combine, [start.type, start.type])
    return bind(self, merge, [start.type, value.type])


def _by_first(given: list[Any]) -> Any:
    """Return the type of a map of the first fields of rows, each to an array of the second ones."""
    found = map_of_entries(given[0].type)
    return None if found is None else _map(found.expressions[0], types.array_of(found.expressions[1]))


def _matches(self: Any, given: list[Any]) -> Any:
    bind(self, given[-1], [types.element_of(given[0].type)])
    return exp.DataType(this=DType.BOOLEAN)


#: The result of functions that sqlglot does not know, by the name, from what infers types and the call's arguments.
NESTED: Final[dict[str, Callable[[Any, list[Any]], Any]]] = {
    "combinations": lambda self, given: types.array_of(given[0].type),
    "map_agg": lambda self, given: _map(given[0].type, given[1].type),
    "multimap_agg": lambda self, given: _map(given[0].type, types.array_of(given[1].type)),
    "map_union": lambda self, given: given[0].type,
    "map_keys": lambda self, given: types.array_of(_entry(given[0].type)[0]),
    "map_values": lambda self, given: types.array_of(_entry(given[0].type)[1]),
    "map_entries": lambda self, given: types.array_of(types.row_of([*_entry(given[0].type)])),
    "map_filter": _map_filter,
    "transform_values": _transform_values,
    "transform_keys": _transform_keys,
    "histogram": lambda self, given: _map(given[0].type, exp.DataType(this=DType.BIGINT)),
    "zip": lambda self, given: types.array_of(types.row_of([types.element_of(each.type) for each in given])),
    "zip_with": _zip_with,
    "map_zip_with": _map_zip_with,
    "multimap_from_entries": lambda self, given: _by_first(given),
    "array_histogram": lambda self, given: _map(types.element_of(given[0].type), exp.DataType(this=DType.BIGINT)),
    "approx_most_frequent": lambda self, given: _map(given[1].type, exp.DataType(this=DType.BIGINT)),
    "reduce_agg": _reduced,
    "ngrams": lambda self, given: types.array_of(given[0].type),
    "any_match": _matches,
    "all_match": _matches,
    "none_match": _matches,
}
