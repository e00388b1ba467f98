"""Arrow columns with other types: the fields of their structs are found by name or by place, and NULL stays NULL."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

#: How a plain array becomes one of another type.
Plain = Callable[[pa.Array, pa.DataType], pa.Array]
#: Returns, for each field of the wanted struct, the place of the one that it comes from; None if it is not there.
Places = Callable[[pa.StructType, pa.StructType], list[int | None]]


def by_name(given: pa.StructType, wanted: pa.StructType) -> list[int | None]:
    """Find fields by their names, whatever their capitals."""
    there = {field.name.lower(): place for place, field in reversed(list(enumerate(given)))}
    return [there.get(field.name.lower()) for field in wanted]


def by_place(given: pa.StructType, wanted: pa.StructType) -> list[int | None]:
    """Find fields by their places, as Trino does; raise pa.ArrowInvalid where there are more or fewer of them."""
    if given.num_fields != wanted.num_fields:
        raise pa.ArrowInvalid(f"a row of {given.num_fields} fields is no row of {wanted.num_fields}")
    return list(range(wanted.num_fields))


def fitted(
    column: pa.ChunkedArray, target: pa.DataType, places: Places, plain: Plain = lambda array, kind: array.cast(kind)
) -> pa.ChunkedArray:
    """Return a column with another type."""
    if column.type.equals(target):
        return column
    return pa.chunked_array([_fitted(chunk, target, places, plain) for chunk in column.chunks], target)


def _fitted(array: pa.Array, target: pa.DataType, places: Places, plain: Plain) -> pa.Array:
    if array.type.equals(target):
        return array
    if array.offset:
        array = pa.concat_arrays([array])  # the parts of nested values do not know where a slice begins
    lists = pa.types.is_list(array.type) or pa.types.is_large_list(array.type)
    if lists and pa.types.is_list(target):
        offsets = array.offsets.cast(pa.int32())
        values = _fitted(array.values, target.value_type, places, plain)
        return pa.ListArray.from_arrays(offsets, values, type=target, mask=array.is_null())
    if pa.types.is_map(array.type) and pa.types.is_map(target):
        keys = _fitted(array.keys, target.key_type, places, plain)
        items = _fitted(array.items, target.item_type, places, plain)
        return pa.MapArray.from_arrays(array.offsets, keys, items, type=target, mask=array.is_null())
    if pa.types.is_struct(target) and pa.types.is_struct(array.type):
        inner = [
            pa.nulls(len(array), field.type)
            if place is None
            else _fitted(array.field(place), field.type, places, plain)
            for field, place in zip(target, places(array.type, target), strict=True)
        ]
        return pa.StructArray.from_arrays(inner, fields=list(target), mask=array.is_null())
    return plain(array, target)
