"""Makes dataclasses of plain values, as JSON has them. Imports the standard library only, as Spark's job requires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def from_plain(kind: type[T], given: Mapping[str, Any]) -> T:
    """Return the dataclass ``kind`` made of ``given``, values by field; others in ``given`` are left out.

    Fields are plain values, dataclasses, and tuples or mappings of these. ``TypeError`` when a field without a default
    is missing.
    """
    hints = get_type_hints(kind)
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: _value(hints[name], value) for name, value in given.items() if name in known})


def _value(kind: Any, given: Any) -> Any:
    if given is None:
        return None
    if is_dataclass(kind) and isinstance(kind, type):
        return from_plain(kind, given)
    arguments, origin = get_args(kind), get_origin(kind)
    if origin in (Union, UnionType):
        return _value(next(each for each in arguments if each is not type(None)), given)
    if origin is tuple:
        each = [arguments[0]] * len(given) if arguments[1:] == (...,) else arguments
        return tuple(_value(inner, value) for inner, value in zip(each, given, strict=True))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: _value(arguments[1], value) for name, value in given.items()}
    return given
