"""Keeps what is NULL among lists and maps of structs, which PyIceberg reads and writes as empty ones.

PyIceberg 0.12 puts each batch that it reads or writes into the table's schema (``ArrowProjectionVisitor``), and makes
lists and maps of structs anew there without their NULLs: https://github.com/apache/iceberg-python/issues/3833
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyiceberg.io.pyarrow as projection
from pyiceberg.io.pyarrow import ArrowProjectionVisitor


class KeepingNulls(ArrowProjectionVisitor):
    """PyIceberg's projection, with the NULLs of lists and maps, and with the values that were projected below them.

    PyIceberg itself casts the file's lists of lists, and so takes the file's names in them for the table's.
    """

    def list(self, list_type: Any, list_array: Any, value_array: Any) -> Any:
        """Return the projected list."""
        if value_array is None or not isinstance(list_array, pa.ListArray | pa.LargeListArray):
            return super().list(list_type, list_array, value_array)
        values = self._cast_if_needed(list_type.element_field, value_array)
        field = self._construct_field(list_type.element_field, values.type)
        kind = pa.large_list(field) if isinstance(list_array, pa.LargeListArray) else pa.list_(field)
        return type(list_array).from_arrays(_whole(list_array.offsets), values, type=kind, mask=_nulls(list_array))

    def map(self, map_type: Any, map_array: Any, key_result: Any, value_result: Any) -> Any:
        """Return the projected map."""
        if key_result is None or value_result is None or not isinstance(map_array, pa.MapArray):
            return super().map(map_type, map_array, key_result, value_result)
        keys = self._cast_if_needed(map_type.key_field, key_result)
        values = self._cast_if_needed(map_type.value_field, value_result)
        kind = pa.map_(
            self._construct_field(map_type.key_field, keys.type),
            self._construct_field(map_type.value_field, values.type),
        )
        return pa.MapArray.from_arrays(_whole(map_array.offsets), keys, values, type=kind, mask=_nulls(map_array))


def _whole(offsets: Any) -> Any:
    """Return offsets that are no slice, which take no NULLs."""
    return pa.concat_arrays([offsets]) if offsets.offset else offsets


def _nulls(array: Any) -> Any:
    return array.is_null() if array.null_count else None


def mend() -> None:
    """Replace PyIceberg's projection by ``KeepingNulls``, for this process."""
    assert hasattr(projection, "ArrowProjectionVisitor"), "PyIceberg has renamed it: see whether it is mended"
    projection.ArrowProjectionVisitor = KeepingNulls  # type: ignore[misc]
