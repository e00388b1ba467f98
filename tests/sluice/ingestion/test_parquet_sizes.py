"""The bytes of a row's text are counted at any depth, whatever holds them and wherever it was sliced."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given

from sluice.ingestion.readers.parquet_sizes import text_sizes

TEXTS = st.none() | st.text(max_size=5)
ROWS = st.lists(st.none() | st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=12)
TEXT = pa.string()
KINDS = {
    "list": pa.list_(TEXT),
    "large list": pa.large_list(pa.large_string()),
    "list of two": pa.list_(TEXT, 2),
    "list of dictionary": pa.list_(pa.dictionary(pa.int32(), TEXT)),
    "struct": pa.struct({"a": TEXT, "n": pa.int32(), "b": pa.binary()}),
    "map": pa.map_(TEXT, TEXT),
    "list of structs": pa.list_(pa.struct({"a": TEXT})),
}


def _as(kind: str, row: list[Any] | None) -> Any:
    if row is None:
        return None
    if kind == "struct":
        return {"a": row[0], "n": 7, "b": None if row[1] is None else row[1].encode()}
    if kind == "map":
        return [(row[0] or "", row[1])]
    return [{"a": text} for text in row] if kind == "list of structs" else row


def _size(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value if isinstance(value, bytes) else value.encode())
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list | tuple) else 0


@pytest.mark.parametrize("kind", KINDS)
@given(rows=ROWS, start=st.integers(0, 5))
def test_text_is_counted_at_any_depth(kind: str, rows: list[list[Any] | None], start: int) -> None:
    values = [_as(kind, row) for row in rows]
    # What a slot without a value covers is not looked at: a reader of files makes none that covers anything.
    array = pa.array(values, KINDS[kind])
    batch = pa.record_batch({"v": array, "n": pa.array(range(len(rows)))}).slice(start)
    assert text_sizes(batch).to_pylist() == [_size(value) for value in values[start:]]
