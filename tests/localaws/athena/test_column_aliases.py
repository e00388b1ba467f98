"""As many names as there are columns, as in Trino, whose words these are; a view's columns have names."""

from __future__ import annotations

import pytest

from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from tests.localaws.athena.test_functions import answer

SOURCES = {
    "(VALUES {line})": range(1, 4),
    "(SELECT {line})": range(1, 4),
    "(SELECT * FROM (VALUES ({line})))": range(1, 4),
    "(SELECT {line} UNION ALL SELECT {line})": range(1, 4),
    "UNNEST(ARRAY[ROW({line})])": range(1, 4),
    "UNNEST(ARRAY[1], map(ARRAY[1], ARRAY[2]))": range(3, 4),
    "t": range(10, 11),
    "db.t": range(10, 11),
}
CASES = [(source, width) for source, widths in SOURCES.items() for width in widths]


def _source(source: str, width: int) -> str:
    line = ", ".join(map(str, range(width)))
    return source.format(line=f"({line})" if source.startswith("(VALUES") else line)


def _names(count: int) -> str:
    return ", ".join(f"c{number}" for number in range(count))


@pytest.mark.parametrize(("source", "width"), CASES)
@pytest.mark.parametrize("how", ["", "AS "])
def test_the_names_are_as_many_as_the_columns(opened: QueryEngine, source: str, width: int, how: str) -> None:
    written = _source(source, width)
    for count in range(1, width + 3):
        sql = f"SELECT 1 FROM {written} {how}a({_names(count)})"
        if count == width:
            answer(opened, sql)
            continue
        with pytest.raises(QueryFailed) as refused:
            answer(opened, sql)
        said = f"line 1:15: Column alias list has {count} entries but 'a' has {width} columns available"
        assert str(refused.value) == f"MISMATCHED_COLUMN_ALIASES: {said}"


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_query_of_with_has_as_many_names_as_columns(opened: QueryEngine, width: int) -> None:
    for count in range(1, 5):
        sql = f"WITH c({_names(count)}) AS (SELECT {', '.join('1' * width)}) SELECT c0 FROM c"
        if count == width:
            answer(opened, sql)
            continue
        with pytest.raises(QueryFailed) as refused:
            answer(opened, sql)
        said = f"line 1:8: Column alias list has {count} entries but relation has {width} columns"
        assert str(refused.value) == f"MISMATCHED_COLUMN_ALIASES: {said}"


@pytest.mark.parametrize(("names", "right"), [("a", False), ("a, n", True), ("a, n, b", False)])
def test_the_number_of_an_element_is_a_column(opened: QueryEngine, names: str, right: bool) -> None:
    sql = f"SELECT 1 FROM UNNEST(ARRAY[1]) WITH ORDINALITY AS u({names})"
    if right:
        answer(opened, sql)
        return
    with pytest.raises(QueryFailed, match=r"^MISMATCHED_COLUMN_ALIASES: line 1:15: .* but 'u' has 2 columns available"):
        answer(opened, sql)


def test_the_place_is_that_of_what_is_named(opened: QueryEngine) -> None:
    sql = "SELECT *\nFROM (VALUES 1) v(a)\n  CROSS JOIN (SELECT 1, (2)) AS d(a)"
    with pytest.raises(QueryFailed, match="line 3:14: "):
        answer(opened, sql)


def test_a_line_of_values_that_is_one_row_has_its_fields(opened: QueryEngine) -> None:
    found = answer(opened, "SELECT a, b FROM (VALUES ROW(1, 'x'), (ROW(2, 'y'))) t(a, b) ORDER BY a")
    assert found.table.to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert answer(opened, "SELECT a, b FROM (VALUES (ROW(1, 'x'), 2)) t(a, b)").table.num_columns == 2
