"""Measures each row's text, at any depth: its size in bytes without dictionaries, and how much of it is not UTF-8."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts.values.lossless import as_bytes, is_bytes, is_text

#: Returns a number for each value of an array of text or bytes; None when the array is of no interest.
_Measure = Callable[[pa.Array], pa.Array | None]
#: UTF-8, byte by byte (https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-3/#G27506): no kernel of Arrow
#: tells of each value whether it is.
_UTF8 = (
    r"\A(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    r"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})*\z"
)


def text_sizes(batch: pa.RecordBatch) -> pa.Array:
    """Return how many bytes the text and bytes values of each row have, as int64."""
    found = _sum([_measured(column, pc.binary_length) for column in batch.columns])
    return _zeros(batch.num_rows) if found is None else found


def broken_texts(values: pa.Array) -> pa.Array:
    """Return how many texts of each value are not UTF-8, as int64."""
    found = _measured(values, _broken)
    return _zeros(len(values)) if found is None else found


def _broken(values: pa.Array) -> pa.Array | None:
    return pc.invert(pc.match_substring_regex(as_bytes(values), _UTF8)) if is_text(values.type) else None


def _measured(values: pa.Array, measure: _Measure) -> pa.Array | None:
    """Return the sum of ``measure`` over the texts of each value; None when its type holds no text."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return _measured(values.storage, measure)
    if pa.types.is_dictionary(kind):
        once = _measured(values.dictionary, measure)
        return None if once is None else pc.fill_null(once.take(values.indices), 0)
    if is_text(kind) or is_bytes(kind):
        found = measure(values)
        return None if found is None else pc.fill_null(found.cast(pa.int64()), 0)
    return _measured_within(values, measure)


def _measured_within(values: pa.Array, measure: _Measure) -> pa.Array | None:
    kind = values.type
    if pa.types.is_struct(kind):
        return _sum([_measured(values.field(index), measure) for index in range(kind.num_fields)])
    if pa.types.is_map(kind):
        return _sum([_of_elements(values.offsets, part, measure) for part in (values.keys, values.items)])
    if pa.types.is_fixed_size_list(kind) and (width := kind.list_size):
        ends = range(values.offset * width, (values.offset + len(values) + 1) * width, width)
        return _of_elements(pa.array(ends), values.values, measure)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _of_elements(values.offsets, values.values, measure)
    return None


def _of_elements(offsets: pa.Array, elements: pa.Array, measure: _Measure) -> pa.Array | None:
    """Return the sum over each list's elements, which lie between its offset and the next; None if none is text."""
    start, end = offsets[0].as_py(), offsets[-1].as_py()
    sizes = _measured(elements.slice(start, end - start), measure)
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
