"""How many bytes of text each row has once its dictionaries are written out, at any depth."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from sluice.ingestion.lossless import is_bytes, is_text


def text_sizes(batch: pa.RecordBatch) -> pa.Array:
    """Return how many bytes the text and bytes of each row's columns have, as int64."""
    found = _sum(list(map(_sizes, batch.columns)))
    return _zeros(batch.num_rows) if found is None else found


def _sizes(values: pa.Array) -> pa.Array | None:
    """Return how many bytes of text each value holds; none when its type holds none."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return _sizes(values.storage)
    if pa.types.is_dictionary(kind):
        once = _sizes(values.dictionary)
        return None if once is None else pc.fill_null(once.take(values.indices), 0)
    if is_text(kind) or is_bytes(kind):
        return pc.fill_null(pc.binary_length(values).cast(pa.int64()), 0)
    return _nested_sizes(values)


def _nested_sizes(values: pa.Array) -> pa.Array | None:
    kind = values.type
    if pa.types.is_struct(kind):
        return _sum([_sizes(values.field(index)) for index in range(kind.num_fields)])
    if pa.types.is_map(kind):
        return _sum([_of_elements(values.offsets, part) for part in (values.keys, values.items)])
    if pa.types.is_fixed_size_list(kind) and (width := kind.list_size):
        ends = range(values.offset * width, (values.offset + len(values) + 1) * width, width)
        return _of_elements(pa.array(ends), values.values)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _of_elements(values.offsets, values.values)
    return None


def _of_elements(offsets: pa.Array, elements: pa.Array) -> pa.Array | None:
    """Return the sum of each list's elements, which lie between its offset and the next."""
    start, end = offsets[0].as_py(), offsets[-1].as_py()
    sizes = _sizes(elements.slice(start, end - start))
    if sizes is None:
        return None
    before = pa.concat_arrays([_zeros(1), pc.cumulative_sum(sizes)])
    places = pc.subtract(offsets.cast(pa.int64()), start)
    ends = before.take(places)
    return pc.subtract(ends.slice(1), ends.slice(0, len(ends) - 1))


def _sum(parts: list[pa.Array | None]) -> pa.Array | None:
    total = None
    for part in parts:
        total = part if total is None else total if part is None else pc.add(total, part)
    return total


def _zeros(count: int) -> pa.Array:
    return pa.repeat(pa.scalar(0, pa.int64()), count)
