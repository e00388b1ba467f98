"""What only other engines have is refused by its name: what passes here passes on Athena."""

from __future__ import annotations

import pytest
from sqlglot import exp

from localaws.athena.errors import QueryFailed
from localaws.athena.plan import plan

FOREIGN = {
    "SELECT * FROM t USING SAMPLE 1": "sample", "SELECT * FROM t USING SAMPLE 10%": "sample",
    "SELECT * FROM (SELECT * FROM t USING SAMPLE 1) q": "sample",
    "SELECT 1 WHERE EXISTS (SELECT * FROM t USING SAMPLE 1)": "sample",
    "SELECT * EXCLUDE (a) FROM t": "Star with except", "SELECT * REPLACE (1 AS a) FROM t": "Star with replace",
    "FROM t": "FROM without SELECT", "FROM t SELECT a": "FROM without SELECT", "SELECT a::varchar FROM t": "::",
    "SELECT * FROM t ASOF JOIN t u ON t.a = u.a": "ASOF", "SELECT * FROM t SEMI JOIN t u ON t.a = u.a": "SEMI",
    "SELECT * FROM t ANTI JOIN t u ON t.a = u.a": "ANTI", "SELECT * FROM t LEFT SEMI JOIN t u ON t.a = u.a": "SEMI",
    "SELECT a FROM t GROUP BY ALL": "GROUP BY ALL", "SELECT DISTINCT ON (a) a FROM t": "Distinct with on",
    "SELECT a FROM t LIMIT 10%": "Limit with percent|Limit",
    "SELECT [1, 2]": r"\[…\]", "SELECT ARRAY[[1], [2]]": r"\[…\]",
    "SELECT a FROM t WHERE a GLOB 'x'": "Glob", "SELECT a FROM t WHERE a ILIKE 'x'": "ILike",
    "SELECT a FROM t WHERE a SIMILAR TO 'x'": "SimilarTo", "SELECT a FROM t UNION BY NAME SELECT a FROM t": "by_name",
    "SELECT a FROM t CLUSTER BY a": "cluster", "SELECT a FROM t SORT BY a": "sort",
    "SELECT a FROM t DISTRIBUTE BY a": "distribute", "SELECT a FROM t FOR UPDATE": "locks",
    "SELECT AS STRUCT a FROM t": "kind", "SELECT a INTO x FROM t": "into",
    "SELECT 2 ^ 3": r"\^", "SELECT 2 & 3": "&", "SELECT 2 | 3": r"\|", "SELECT a FROM t WHERE a RLIKE 'x'": "RLIKE",
    "SELECT a FROM t WHERE a == 'x'": "==", "SELECT a FROM t WHERE a <=> 'x'": "<=>",
    "SELECT CASE WHEN true THEN [1] END": r"\[…\]", "SELECT ARRAY[1] || [2]": r"\[…\]",
    "SELECT * FROM (FROM t)": "FROM without SELECT", "SELECT a, FROM t": "a comma before FROM",
    "SELECT a FROM t UNPIVOT (x FOR y IN (a))": "Pivot|pivots",
}  # fmt: skip
ATHENAS = [
    "SELECT * FROM t", "SELECT DISTINCT a FROM t", "SELECT a FROM t ORDER BY a LIMIT 1", "SELECT * FROM t, t u",
    "SELECT * FROM t LEFT OUTER JOIN t u ON t.a = u.a", "SELECT ARRAY[1, 2][1]",
    "SELECT * FROM t CROSS JOIN t u", "SELECT * FROM t FULL JOIN t u USING (a)",
    "SELECT a FROM t UNION ALL SELECT a FROM t",
    "WITH q AS (SELECT a FROM t) SELECT a FROM q", "SELECT a, count(*) FROM t GROUP BY 1 HAVING count(*) > 1",
    "SELECT sum(1) OVER w FROM t WINDOW w AS (ORDER BY a)", "SELECT a FROM t GROUP BY ROLLUP (a)",
    "SELECT regexp_like(a, 'x') FROM t WHERE a = 'x' AND a IS NOT DISTINCT FROM 'x'",
    "SELECT trim(BOTH 'a' FROM a), a || 'x' FROM t", "SELECT ARRAY[1][1]",
    "SELECT CAST(a AS varchar) FROM t", "SELECT a FROM t OFFSET 1 LIMIT 2",
    "SELECT extract(year FROM date '2026-01-01')",
    "SELECT a FROM t EXCEPT SELECT a FROM t", "SELECT x FROM UNNEST(ARRAY[1, 2]) AS u(x)",
    "SELECT * FROM (VALUES (1)) v(x)",
    "SELECT '::', \"a\" FROM t -- FROM [1] :: x",
]  # fmt: skip


def planned(sql: str) -> str:
    return plan(sql, "db", lambda *_: ({"a": exp.DataType.build("varchar")}, {})).sql


@pytest.mark.parametrize("sql", FOREIGN)
def test_a_clause_of_other_engines_is_refused_by_its_name(sql: str) -> None:
    with pytest.raises(QueryFailed, match=f"({FOREIGN[sql]}).* is no syntax of Athena"):
        planned(sql)


@pytest.mark.parametrize("sql", ATHENAS)
def test_a_clause_of_athenas_is_not(sql: str) -> None:
    assert planned(sql)


def test_a_sample_as_athena_writes_it_is_not_refused() -> None:
    assert planned("SELECT * FROM t TABLESAMPLE SYSTEM (50)")
