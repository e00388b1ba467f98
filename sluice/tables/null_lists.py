"""Keeps what is NULL among lists and maps of structs, which PyIceberg reads and writes as empty ones.

PyIceberg 0.12 puts each batch that it reads or writes into the table's schema (``ArrowProjectionVisitor``), and makes
lists and maps of structs anew there without their NULLs: https://github.com/apache/iceberg-python/issues/3833
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyiceberg.io.pyarrow as projection
from pyiceberg.io.pyarrow import ArrowProjectionVisitor


def with_nulls(found: Any, given: Any) -> Any:
    """Return a list or map array that is NULL wherever ``given``, of which it was made, is NULL."""
    if found is None or found.null_count == given.null_count:
        return found
    if found.offset:
        found = pa.concat_arrays([found])  # offsets that are a slice take no NULLs
    if isinstance(found, pa.MapArray):
        return pa.MapArray.from_arrays(found.offsets, found.keys, found.items, type=found.type, mask=given.is_null())
    return type(found).from_arrays(found.offsets, found.values, type=found.type, mask=given.is_null())


class KeepingNulls(ArrowProjectionVisitor):
    """PyIceberg's projection, with the NULLs of lists and maps."""

    def list(self, list_type: Any, list_array: Any, value_array: Any) -> Any:
        """Return the projected list."""
        return with_nulls(super().list(list_type, list_array, value_array), list_array)

    def map(self, map_type: Any, map_array: Any, key_result: Any, value_result: Any) -> Any:
        """Return the projected map."""
        return with_nulls(super().map(map_type, map_array, key_result, value_result), map_array)


def mend() -> None:
    """Replace PyIceberg's projection by ``KeepingNulls``, for this process."""
    assert hasattr(projection, "ArrowProjectionVisitor"), "PyIceberg has renamed it: see whether it is mended"
    projection.ArrowProjectionVisitor = KeepingNulls  # type: ignore[misc]
