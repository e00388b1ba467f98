# ruff: noqa: E501  (a table of queries reads best one to a line)
"""A row sought among the rows of a query: what Trino 435 answers, also where a NULL is in it."""

from __future__ import annotations

import pytest

from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from tests.localaws.athena.answers import texts
from tests.localaws.athena.test_functions import answer, engine  # noqa: F401

T = "FROM (VALUES (1, 2), (3, 4), (3, 5), (NULL, 2), (NULL, 9), (NULL, 4)) AS t(a, b)"
U = "SELECT x, y FROM (VALUES (1, 2), (NULL, 4)) AS u(x, y)"


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (f"SELECT (a, b) IN ({U}) {T}", "true ; false ; false ; false ; false ; true"),
        (f"SELECT (a, b) NOT IN ({U}) {T}", "false ; true ; true ; true ; true ; false"),
        (f"SELECT (a, b) IN ({U} WHERE false) {T} LIMIT 1", "false"),
        (f"SELECT b {T} WHERE (a, b) IN ({U}) ORDER BY b", "2"),  # as in a join, NULL is found nowhere
        (f"SELECT b {T} WHERE ROW(a, b) IN ({U}) ORDER BY b", "2"),
        (f"SELECT b {T} WHERE (a, b) IN ({U}) AND b > 1", "2"),
        (f"SELECT b {T} WHERE (a, b) IN ({U}) OR b = 9 ORDER BY b", "2 ; 4 ; 9"),
        (f"SELECT b {T} GROUP BY a, b HAVING (a, b) IN ({U})", "2"),
        (f"SELECT b {T} JOIN (VALUES 1) w(q) ON q = 1 AND (a, b) IN ({U})", "2"),
        (f"SELECT q, b FROM (VALUES 1) w(q) LEFT JOIN (SELECT * {T}) t ON (a, b) IN ({U})", "1|2"),
        ("SELECT a + 1 AS a FROM (VALUES (1, 2), (3, 4)) t(a, b) ORDER BY (a, 2) IN (SELECT 4, 2), a DESC", "2 ; 4"),
        ("SELECT -a AS z FROM (VALUES (1, 2), (3, 4)) t(a, b) ORDER BY (z, 1) IN (SELECT -3, 1) DESC", "-3 ; -1"),
        (f"SELECT b {T} WHERE (a, b) IN ({U}) AND a = 1", "2"),
        (f"SELECT b {T} WHERE (a, b) IN (VALUES (3, 5), (9, 9)) OR b = 9 ORDER BY b", "5 ; 9"),
        (f"SELECT b {T} WHERE (a, b) IN (SELECT * FROM (VALUES (3, 5)))", "5"),
        (f"SELECT b {T} WHERE (a, b) IN (SELECT 1, 2 UNION ALL SELECT 3, 4) ORDER BY b", "2 ; 4"),
        (f"SELECT b {T} WHERE (a, b) IN (SELECT a, b FROM (VALUES (3, 5)) AS t(a, b))", "5"),
        (f"SELECT b {T} WHERE (a, b) IN (SELECT max(x), y FROM (VALUES (1, 5), (3, 5)) AS u(x, y) GROUP BY y)", "5"),
        (f"WITH u AS (SELECT 3 AS a, 4 AS b) SELECT b {T} WHERE (a, b) IN (SELECT a, b FROM u)", "4"),
        (f"SELECT count(*) FILTER (WHERE (a, b) IN ({U})) {T}", "1"),
        ("SELECT a FROM (VALUES (1, DATE '2024-01-01')) AS t(a, b) WHERE (a, b) IN (SELECT 1.0, TIMESTAMP '2024-01-01')", "1"),
    ],
)  # fmt: skip
def test_a_row_is_found_as_trino_finds_it(engine: QueryEngine, sql: str, rows: str) -> None:  # noqa: F811
    assert texts(answer(engine, sql)) == rows


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (f"SELECT 1 {T} WHERE (a, b) IN (SELECT 1)", "TYPE_MISMATCH: line 1:98: Value expression and result of subquery"),
        (f"SELECT 1 {T} WHERE (a, b) IN (VALUES (1, 2, 3))", "a row of 2 values vs 3 values"),
        (f"SELECT 1 {T} WHERE (a, b) IN (SELECT 1, 'x')", "TYPE_MISMATCH"),
        (f"SELECT 1 {T} WHERE (a, b) IN (SELECT *, 1 FROM (VALUES (1, 2)) u(x, y))", "has 3 columns"),
        (f"SELECT 1 {T} WHERE (a, b) IN (SELECT 1, JSON '1')", "TYPE_MISMATCH"),
        ("SELECT X'61' = 'a'", "TYPE_MISMATCH: line 1:8: Cannot apply operator: varbinary = varchar(1)"),
        (f"SELECT 1 {T} GROUP BY a HAVING (a, count(*)) IN (SELECT 1, 1)", "NOT_SUPPORTED: IN a query, of a row with an"),
        ("SELECT 1 IS DISTINCT FROM 'x'", "TYPE_MISMATCH: line 1:8: Cannot check if integer is distinct from varchar(1)"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_compared_are_refused(engine: QueryEngine, sql: str, reason: str) -> None:  # noqa: F811
    with pytest.raises(QueryFailed) as refused:
        answer(engine, sql)
    assert reason in str(refused.value)
