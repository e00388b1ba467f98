"""Functions that mean something else in each engine mean on DuckDB what they mean on Spark."""

from __future__ import annotations

import duckdb
import pytest

from sluice.transforms.dialect_fixes import alike

_SPACES = "\u00a0 \u2003a\u2003 \u00a0"


@pytest.mark.parametrize(
    ("call", "given", "expected"),
    [
        ("trim(t)", "  a  ", "a"),
        ("ltrim(t)", "  a  ", "a  "),
        ("rtrim(t)", "  a  ", "  a"),
        ("trim(t)", f" {_SPACES} ", _SPACES),
        ("trim(t)", "\ta\n", "\ta\n"),
        ("trim(t, 'a')", "a b a", " b "),
    ],
)
def test_only_spaces_are_trimmed(call: str, given: str, expected: str) -> None:
    sql = alike(f"SELECT {call} FROM (SELECT CAST($1 AS TEXT) AS t)")
    assert duckdb.execute(sql, [given]).fetchall() == [(expected,)]


def test_what_trims_nothing_stays_as_it_is() -> None:
    assert alike("select  a from t") == "select  a from t"
