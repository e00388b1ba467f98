"""Makes dataclasses of plain values, as JSON has them. Imports the standard library only, as Spark's job requires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def from_plain(kind: type[T], given: Mapping[str, Any]) -> T:
    """Return the dataclass ``kind`` made of ``given``, values by field.

    Fields are plain values, dataclasses, and tuples or mappings of these. ``TypeError`` for another field, when a field
    without a default is missing, or has a value that is not among those of its ``Literal``.
    """
    hints = get_type_hints(kind)
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(given.keys() - known):
        raise TypeError(f"{kind.__name__} has no field {', '.join(unknown)}: another version of this code wrote it")
    return kind(**{name: _value(hints[name], value) for name, value in given.items()})


def without_defaults(given: Any) -> dict[str, Any]:
    """Return a dataclass's fields that differ from their defaults, in order; nested values are left as they are.

    A fingerprint of these stays the same when a later version has one more field.
    """
    return {
        field.name: value
        for field in fields(given)
        if (value := getattr(given, field.name)) != field.default or field.default is MISSING
    }


def _value(kind: Any, given: Any) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        return from_plain(kind, given)
    arguments, origin = get_args(kind), get_origin(kind)
    if origin is Literal and given not in arguments:
        raise TypeError(f"{given!r} is none of {', '.join(map(repr, arguments))}")
    if origin in (Union, UnionType):
        if given is None and type(None) in arguments:
            return None
        return _value(next(each for each in arguments if each is not type(None)), given)
    if origin is tuple:
        each = [arguments[0]] * len(given) if arguments[1:] == (...,) else arguments
        return tuple(_value(inner, value) for inner, value in zip(each, given, strict=True))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: _value(arguments[1], value) for name, value in given.items()}
    return given
