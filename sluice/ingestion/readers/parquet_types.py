"""What a type becomes at any depth: without the views that few of Arrow's kernels know, and without dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

types = pa.types


def unviewed(kind: pa.DataType) -> pa.DataType:
    """Return the type with plain text, bytes and lists in place of views on them."""
    if types.is_string_view(kind):
        return pa.large_string()
    if types.is_binary_view(kind):
        return pa.large_binary()
    if types.is_list_view(kind):
        return pa.list_(_inner(kind.value_field, unviewed))
    if types.is_large_list_view(kind):
        return pa.large_list(_inner(kind.value_field, unviewed))
    return _within(kind, unviewed)


def undictionaried(kind: pa.DataType) -> pa.DataType:
    """Return the type with what dictionaries hold in place of them."""
    return undictionaried(kind.value_type) if types.is_dictionary(kind) else _within(kind, undictionaried)


def leaves_of(kind: pa.DataType) -> Iterator[pa.DataType]:
    """Yield the types of the columns of values that a Parquet file has for the type, in the file's order."""
    if isinstance(kind, pa.BaseExtensionType):
        yield from leaves_of(kind.storage_type)
    elif types.is_struct(kind):
        for field in kind:
            yield from leaves_of(field.type)
    elif types.is_map(kind):
        yield from leaves_of(kind.key_type)
        yield from leaves_of(kind.item_type)
    elif types.is_nested(kind):
        yield from leaves_of(kind.value_type)
    else:
        yield kind


def _within(kind: pa.DataType, changed: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return the type with what it is made of changed; the very same when nothing of it changes."""
    found = kind
    if types.is_struct(kind):
        found = pa.struct([_inner(field, changed) for field in kind])
    elif types.is_map(kind):
        found = pa.map_(_inner(kind.key_field, changed), _inner(kind.item_field, changed), kind.keys_sorted)
    elif types.is_fixed_size_list(kind):
        found = pa.list_(_inner(kind.value_field, changed), kind.list_size)
    elif types.is_list(kind):
        found = pa.list_(_inner(kind.value_field, changed))
    elif types.is_large_list(kind):
        found = pa.large_list(_inner(kind.value_field, changed))
    return kind if found == kind else found


def _inner(field: Any, changed: Callable[[pa.DataType], pa.DataType]) -> Any:
    return field.with_type(changed(field.type))
