"""A function that is written from a query gives the rows that the query gives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import pyarrow as pa
import pytest
import sqlglot

from sluice.cli.deriving import _TYPES
from sluice.confined import quoted
from sluice.contracts import Arrival, Column, DerivedContract, LandingContract, parse_type
from sluice.transforms.bound import empty_tables
from sluice.transforms.compile import compile_project
from sluice.transforms.written import function_of
from sluice.transforms.written_kinds import RefusedSelect

pytestmark = pytest.mark.slow


def _dataset(name: str, **kinds: str) -> LandingContract:
    columns = tuple(Column(column, parse_type(kind)) for column, kind in kinds.items())
    return LandingContract(name=name, database="bronze", columns=columns, arrival=Arrival(format="csv"))


_VISITS = _dataset("visits", visit_id="bigint", page="string", visited_at="timestamp", seconds="bigint", ok="boolean")
_PAGES = _dataset("pages", path="string", owner="string", seconds="bigint")
_OWNERS = _dataset("owners", person="string", seconds="int", pages_seconds="int")
_ON = ("v.page", "p.path", "p.owner", "v.seconds", "p.seconds")


def _chains() -> Iterator[str]:
    """Yield queries of two joins, each by JOIN or LEFT JOIN, the second on any column of the tables before it."""
    for first, second, on in product(("JOIN", "LEFT JOIN"), ("JOIN", "LEFT JOIN"), _ON):
        mine = "o.seconds" if on.endswith("seconds") else "o.person"
        yield (
            f"SELECT v.visit_id, v.page, p.owner, p.seconds AS theirs, o.pages_seconds AS more FROM bronze.visits v "
            f"{first} bronze.pages p ON v.page = p.path {second} bronze.owners o ON {on} = {mine}"
        )


def _plain(query: str) -> bool:
    try:
        function_of("gold.made", query, _KNOWN)
    except RefusedSelect:
        return False
    return True


_KNOWN = {contract.table: contract for contract in (_VISITS, _PAGES, _OWNERS)}
_QUERIES = (
    "SELECT DISTINCT lower(page) AS p, ok FROM bronze.visits WHERE NOT (seconds > 3 OR page = '/a')",
    "SELECT visit_id, (NOT ok) IS NULL AS n, -seconds AS m, seconds - 1 - 2 AS d FROM bronze.visits",
    "SELECT visit_id, CASE WHEN seconds > 3 THEN 'long' WHEN ok THEN 'ok' END AS kind FROM bronze.visits",
    "SELECT visit_id, CASE page WHEN '/a' THEN 1 ELSE 2 END AS kind, page || '?' AS q FROM bronze.visits",
    "SELECT visit_id FROM bronze.visits WHERE page IN ('/a', '/b') AND seconds NOT BETWEEN 2 AND 4",
    "SELECT page, count(*) AS n, count(seconds) AS s, sum(seconds) AS t, min(ok) AS o FROM bronze.visits GROUP BY page",
    "SELECT count(DISTINCT page) AS n, cast(visited_at AS date) AS day FROM bronze.visits GROUP BY 2",
    "SELECT max(seconds) AS m, count(*) AS n FROM bronze.visits WHERE seconds > 100",
    "SELECT page, ok FROM bronze.visits GROUP BY 1, 2",
    "SELECT v.visit_id, p.owner, p.seconds AS theirs, v.seconds FROM bronze.visits v "
    "LEFT JOIN bronze.pages p ON v.page = p.path",
    "SELECT p.owner, sum(v.seconds) AS s FROM bronze.visits v JOIN bronze.pages p "
    "ON v.page = p.path AND p.seconds = v.seconds GROUP BY p.owner",
    "SELECT coalesce(page, 'none') AS p, if(ok, 1, 0) AS i, nullif(seconds, 3) AS x FROM bronze.visits",
    "SELECT v.visit_id FROM bronze.visits v WHERE v.seconds IN (-1, 1, (2)) OR v.seconds NOT IN (3, 4)",
    "SELECT p.path, v.visit_id FROM bronze.pages p JOIN bronze.visits v ON p.seconds = v.seconds",
    "SELECT visit_id FROM bronze.visits WHERE visited_at >= TIMESTAMP '2024-01-02 00:00:00' "
    "AND visited_at < TIMESTAMP '2024-01-03 10:30:00' AND date(visited_at) IN (DATE '2024-01-02', DATE '2024-01-03')",
    "SELECT o.seconds AS s, o.pages_seconds AS q, p.seconds AS t FROM bronze.pages p JOIN bronze.owners o "
    "ON (p.seconds = o.seconds)",
    "SELECT o.seconds, count(*) AS n FROM bronze.visits v JOIN bronze.owners o USING (SECONDS) GROUP BY o.seconds",
    "SELECT trim(BOTH ' ' FROM concat(' ', page, ' ')) AS p, trim(LEADING ' ' FROM concat(' ', page)) AS q, "
    "cast(NULL AS varchar) AS n FROM bronze.visits",
    *(query for query in _chains() if _plain(query)),
)  # fmt: skip


def _rows(seed: int) -> dict[str, pa.Table]:
    chance = random.Random(seed)
    pages = ["/a", "/b", "/C", "", None]
    count = 60
    return {
        "bronze.visits": pa.table(
            {
                "visit_id": pa.array(range(count), pa.int64()),
                "page": pa.array([chance.choice(pages) for _ in range(count)], pa.string()),
                "visited_at": [datetime(2024, 1, 1) + timedelta(hours=chance.randrange(99)) for _ in range(count)],
                "seconds": pa.array([chance.choice([None, 1, 2, 3, 4, 5]) for _ in range(count)], pa.int64()),
                "ok": pa.array([chance.choice([None, True, False]) for _ in range(count)], pa.bool_()),
            }
        ),
        "bronze.pages": pa.table(
            {
                "path": pa.array(["/a", "/a", "/C", None], pa.string()),
                "owner": pa.array(["ann", "bob", None, "eve"], pa.string()),
                "seconds": pa.array([1, 2, 3, 4], pa.int64()),
            }
        ),
        "bronze.owners": pa.table(
            {
                "person": pa.array(["ann", "/a", "/b", None, "bob"], pa.string()),
                "seconds": pa.array([1, 2, None, 9, 2], pa.int32()),
                "pages_seconds": pa.array([5, 6, 7, 8, None], pa.int32()),
            }
        ),
    }


def test_a_written_function_gives_the_rows_of_its_query(tmp_path: Path) -> None:
    plain = [sqlglot.transpile(query, read="trino", write="duckdb")[0] for query in _QUERIES]
    (tmp_path / "glue_jobs" / "gold").mkdir(parents=True)
    derived = []
    with empty_tables(_KNOWN.values()) as empty:
        for number, query in enumerate(_QUERIES):
            written = function_of(f"gold.made{number}", query, _KNOWN)
            (tmp_path / "glue_jobs" / "gold" / f"made{number}.py").write_text(written.text)
            described = empty.execute(f"DESCRIBE {_quoted_tables(plain[number])}").fetchall()
            columns = tuple(Column(name, parse_type(_TYPES[kind])) for name, kind, *_ in described)
            derived.append(DerivedContract(name=f"made{number}", database="gold", columns=columns))
    project = compile_project((*_KNOWN.values(), *derived), tmp_path / "glue_jobs", folder=tmp_path)
    compiled = {transform.table: transform.sql for transform in project.transforms}
    for seed in range(3):
        with empty_tables(_KNOWN.values()) as engine:
            for table, rows in _rows(seed).items():
                engine.register("given", rows)
                engine.execute(f"INSERT INTO {quoted(table)} BY NAME FROM given")
                engine.unregister("given")
            for number, query in enumerate(_QUERIES):
                made = sorted(engine.sql(compiled[f"gold.made{number}"]).fetchall(), key=str)
                assert made == sorted(engine.sql(_quoted_tables(plain[number])).fetchall(), key=str), query


def _quoted_tables(sql: str) -> str:
    for table in _KNOWN:
        sql = sql.replace(table, quoted(table))
    return sql


def test_a_column_that_may_be_missing_is_joined_by_nowhere() -> None:
    refused = [query for query in _chains() if not _plain(query)]
    assert len(refused) == 2
    assert all("LEFT JOIN bronze.pages" in query and "ON p.path =" in query for query in refused)
