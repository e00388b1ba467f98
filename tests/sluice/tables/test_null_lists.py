"""Lists and maps of structs that are NULL stay NULL in what PyIceberg reads and writes."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from pyiceberg import types
from pyiceberg.catalog import Catalog
from pyiceberg.io import pyarrow as projection
from pyiceberg.schema import Schema

import localaws.athena.null_lists
import sluice.tables.null_lists
from sluice.tables import commit

_STRUCT = types.StructType(types.NestedField(10, "a", types.IntegerType()))
_LIST = types.ListType(11, _STRUCT, element_required=False)
_MAP = types.MapType(12, types.StringType(), 13, _LIST, value_required=False)
_SCHEMA = Schema(
    types.NestedField(1, "l", _LIST),
    types.NestedField(2, "m", _MAP),
    types.NestedField(3, "n", types.ListType(14, _MAP, element_required=False)),
)
_ARROW = projection.schema_to_pyarrow(_SCHEMA)

_structs = st.none() | st.fixed_dictionaries({"a": st.none() | st.integers(0, 9)})
_lists = st.none() | st.lists(_structs, max_size=3)
_maps = st.none() | st.dictionaries(st.sampled_from("kl"), _lists, max_size=2).map(lambda found: list(found.items()))
_rows = st.lists(
    st.fixed_dictionaries({"l": _lists, "m": _maps, "n": st.none() | st.lists(_maps, max_size=2)}), max_size=5
)


def projected(rows: list[dict[str, Any]], start: int = 0) -> list[dict[str, Any]]:
    batch = pa.RecordBatch.from_pylist(rows, schema=_ARROW).slice(start)
    found: list[dict[str, Any]] = projection._to_requested_schema(_SCHEMA, _SCHEMA, batch).to_pylist()
    return found


@pytest.mark.parametrize("mended", [sluice.tables.null_lists, localaws.athena.null_lists])
@given(rows=_rows, start=st.integers(0, 3))
def test_what_is_null_stays_null(mended: Any, rows: list[dict[str, Any]], start: int) -> None:
    mended.mend()
    assert projected(rows, start) == rows[start:]


@pytest.mark.parametrize("mended", [sluice.tables.null_lists, localaws.athena.null_lists])
@given(rows=_rows)
def test_a_field_that_is_renamed_is_found_by_its_number(mended: Any, rows: list[dict[str, Any]]) -> None:
    """Below lists of maps of lists, too, where PyIceberg goes by the names in the file."""
    mended.mend()
    renamed = Schema.model_validate_json(_SCHEMA.model_dump_json().replace('"name":"a"', '"name":"z"'))
    batch = pa.RecordBatch.from_pylist(rows, schema=_ARROW)
    found = projection._to_requested_schema(renamed, _SCHEMA, batch)
    assert str(found.to_pylist()) == str(batch.to_pylist()).replace("'a':", "'z':")


def test_what_is_committed_is_null_in_the_file_and_where_it_is_read(catalog: Catalog) -> None:
    table = catalog.create_table("gold.things", _SCHEMA)
    rows = [{"l": None, "m": [("k", None)], "n": None}, {"l": [], "m": None, "n": [None]}]
    files = commit.write_data_files(table, pa.Table.from_pylist(rows, schema=_ARROW))
    (file,) = files
    stored = pq.read_table(file.file_path.removeprefix("file://")).to_pylist()
    assert stored == rows
    done = commit.append(table, files, summary={}, properties={})
    assert done.scan().to_arrow().to_pylist() == rows


def original() -> Any:
    classes = sluice.tables.null_lists.KeepingNulls.__mro__
    return next(each for each in classes if each.__module__ == projection.__name__)


def test_pyiceberg_still_needs_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "ArrowProjectionVisitor", original())
    assert projected([{"l": None, "m": None, "n": None}])[0]["l"] == []
