"""Changes Arrow types at any depth: removes view types, which few of Arrow's kernels support, and dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

types = pa.types


def unviewed(kind: pa.DataType) -> pa.DataType:
    """Return the type with plain text, bytes and lists in place of their view types."""
    if types.is_string_view(kind):
        return pa.large_string()
    if types.is_binary_view(kind):
        return pa.large_binary()
    if types.is_list_view(kind):
        return pa.list_(_inner(kind.value_field, unviewed))
    if types.is_large_list_view(kind):
        return pa.large_list(_inner(kind.value_field, unviewed))
    return _within(kind, unviewed)


def without_views(values: pa.Array) -> pa.Array:
    """Return the values in their ``unviewed`` type.

    Arrow casts a list view to a list whose offsets lack the last one, and writes past their end (25.0.1).
    """
    kind, target = values.type, unviewed(values.type)
    if kind == target:
        return values
    if not types.is_nested(kind):
        return values.cast(target)
    if types.is_struct(kind):
        parts = [without_views(values.field(index)) for index in range(kind.num_fields)]
        return pa.StructArray.from_arrays(parts, fields=list(target), mask=values.is_null())
    if types.is_fixed_size_list(kind):
        width = kind.list_size
        elements = values.values.slice(values.offset * width, len(values) * width)
        return pa.FixedSizeListArray.from_arrays(without_views(elements), type=target, mask=values.is_null())
    if types.is_map(kind):
        start, end = values.offsets[0].as_py(), values.offsets[-1].as_py()
        parts = [without_views(part.slice(start, end - start)) for part in (values.keys, values.items)]
        offsets = pc.subtract(values.offsets, pa.scalar(start, pa.int32()))
        return pa.MapArray.from_arrays(offsets, *parts, type=target, mask=values.is_null())
    ends = pc.cumulative_sum(pc.fill_null(pc.list_value_length(values), 0).cast(pa.int64()))
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends])
    made, width = (pa.LargeListArray, pa.int64()) if types.is_large_list(target) else (pa.ListArray, pa.int32())
    elements = without_views(values.flatten())
    return made.from_arrays(offsets.cast(width), elements, type=target, mask=values.is_null())


def undictionaried(kind: pa.DataType) -> pa.DataType:
    """Return the type with the value type in place of each dictionary."""
    return undictionaried(kind.value_type) if types.is_dictionary(kind) else _within(kind, undictionaried)


def leaves_of(kind: pa.DataType) -> Iterator[pa.DataType]:
    """Yield the types of the leaf columns that a Parquet file has for the type, in the file's order."""
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
    """Return the type with its inner types changed; the same object when none of them changes."""
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
