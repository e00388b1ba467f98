"""A call within itself, many times: what DuckDB is told stays as long as what was written."""

from __future__ import annotations

from itertools import pairwise

import pytest

from localaws.athena.bounded import SEVERAL
from localaws.athena.engine import QueryEngine
from localaws.athena.plan import plan
from tests.localaws.athena.answers import texts
from tests.localaws.athena.test_functions import answer

#: A value, and a form that answers it again.
FORMS = {
    "substr": ("'abcdef'", "substr({}, 1)"), "substr of three": ("'abcdef'", "substr({}, 1, 9)"),
    "cast": ("5", "CAST(CAST({} AS varchar) AS integer)"), "round": ("1.5e0", "round({}, 2)"),
    "slice": ("ARRAY[1, 2]", "slice({}, 1, 2)"), "subscript": ("1", "ARRAY[{}][1]"),
    "division": ("DECIMAL '8.0'", "({} / DECIMAL '1.0')"), "array_distinct": ("ARRAY[1]", "array_distinct({})"),
    "array_except": ("ARRAY[1]", "array_except({}, ARRAY[9])"), "greatest": ("1", "greatest({}, 0)"),
    "nullif": ("1", "nullif({}, 0)"), "lpad": ("'a'", "lpad({}, 1, 'x')"),
    "split_part": ("'a'", "split_part({}, 'b', 1)"),
    "replace": ("'a'", "replace({}, '', '')"), "trim_array": ("ARRAY[1]", "trim_array({}, 0)"),
    "map_zip_with": ("map(ARRAY[1], ARRAY[2])", "map_zip_with({}, map(ARRAY[1], ARRAY[2]), (a, b, c) -> b)"),
    "concat": ("ARRAY[1]", "concat({}, slice(ARRAY[1], 1, 0))"),
    "zip": ("1", "cardinality(zip(ARRAY[{}], ARRAY[1]))"),
    "array_remove": ("1", "cardinality(array_remove(ARRAY[1, 9], {}))"),
    "if": ("1", "if({} > 0, 1, 2)"), "comparison": ("1e0", "if({} < 2e0, 1e0, nan())"),
    "max_by": ("1", "element_at(ARRAY[{}], 1)"), "substr of bytes": ("X'0102'", "substr({}, 1)"),
    "substr of three, of bytes": ("X'0102'", "substr({}, 1, 9)"),
    "array_join": ("'a'", "array_join(ARRAY['a'], {}, 'x')"),
    "reduce": ("1", "reduce(ARRAY[{}], 0, (s, x) -> x, s -> s * 1)"),
    "cast of an array": ("ARRAY['1']", "CAST(CAST({} AS array(integer)) AS array(varchar))"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_it_answers_within_itself(opened: QueryEngine, name: str) -> None:
    value, form = FORMS[name]
    written = value
    for _ in range(10):
        written = form.format(written)
    assert texts(answer(opened, f"SELECT {written}")) == texts(answer(opened, f"SELECT {value}"))


@pytest.mark.parametrize("name", FORMS)
def test_what_duckdb_is_told_grows_as_what_is_written(name: str) -> None:
    value, form = FORMS[name]
    lengths = []
    for _ in range(11):
        value = form.format(value)
        lengths.append(len(plan(f"SELECT {value}", "db", lambda table, position: ({}, {})).sql))
    steps = [after - before for before, after in pairwise(lengths[2:])]
    assert max(steps) <= 2 * steps[0], lengths


@pytest.mark.parametrize(
    "sql",
    [
        "substr(substr('abcdef', 1), (SELECT 3))", "replace('abcdef', 'ab', (SELECT ''))",
        "greatest(substr(substr('a', 1), 1), (SELECT 'cdef'))", "substr(substr((SELECT 'abcdef'), 1), (SELECT 3))",
        "nullif(substr('cdef', 1), (SELECT 'a'))", "slice(slice(ARRAY['a', 'cdef'], 1, (SELECT 2)), 2, 1)[1]",
        "(SELECT substr(substr(x, 1), 1) FROM (VALUES 'cdef') t(x) WHERE substr(substr(x, 1), (SELECT 1)) = x)",
    ],
)  # fmt: skip
def test_no_query_is_in_a_lambda(opened: QueryEngine, sql: str) -> None:
    assert texts(answer(opened, f"SELECT {sql}")) == "cdef"


def test_a_call_in_group_by_is_the_one_that_is_selected(opened: QueryEngine) -> None:
    twice = "substr(substr(x, 1), 1)"
    sql = f"SELECT {twice}, count(*) FROM (VALUES 'a', 'b', 'a') t(x) GROUP BY {twice} ORDER BY {twice}"
    assert texts(answer(opened, sql)) == "a|2 ; b|1"


def test_macros_that_name_an_argument_several_times_are_known() -> None:
    assert SEVERAL["athena_substr"] == [0, 1]
    assert SEVERAL["athena_substr_bytes"] == [0, 1]  # it hands them to athena_substr
    assert "athena_millis" not in SEVERAL
