"""Tables and columns may be called as any engine's reserved words: they compile, refresh, are checked and queried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from localaws.athena import typing
from localaws.athena.engine import QueryEngine
from localaws.athena.hive.pruning import Pruning
from localaws.athena.plan import TableName
from localaws.athena.sources import FixedSource, Rows
from localaws.context import Context
from sluice.contracts import AnyContract, Arrival, Column, DerivedContract, LandingContract, parse_type
from sluice.errors import CheckFailed, ContractError, TransformError
from sluice.transforms.bound import empty_tables
from sluice.transforms.compile import compile_project
from tests.laws import cases
from tests.sluice.refresh.reserved_words import ReservedShop, row, words


def test_there_are_hundreds_of_them() -> None:
    assert len(words()) > 200
    assert {"at", "order", "end", "select", "group", "user", "table", "filename"} <= set(words())


@pytest.mark.slow
def test_they_refresh_whole_and_by_changes_with_every_check(tmp_path: Path) -> None:
    shop = ReservedShop(tmp_path / "shop")
    shop.deliver("order", [row(number) for number in range(6)])
    assert [(run.table, run.incremental) for run in shop.refresh()] == [
        ("silver.select", False),
        ("silver.group", False),
    ]
    assert len(shop.rows("silver.select")) == 5
    shop.deliver("order", [row(7), row(8, said="y"), row(8, said="z")])
    second = shop.refresh()
    assert [(run.table, run.incremental) for run in second] == [("silver.select", True), ("silver.group", True)]
    assert sum(found[1] for found in shop.rows("silver.group")) == 5
    before = shop.rows("silver.select")
    shop.deliver("order", [row(9, said="NOT ALLOWED ")])
    with pytest.raises(CheckFailed) as failed:
        shop.refresh()
    assert "between matches ^[a-z0-9_ -]+$: 1 row; for example 'NOT ALLOWED 9'" in str(failed.value)
    assert shop.rows("silver.select") == before


class Reserved:
    """A catalog with one table, ``order``, of one row, whose columns are all the words."""

    source = FixedSource(pa.table({word: [word] for word in words()}))

    def view_of(self, database: str, name: str, position: str) -> None:
        """Nothing here is a view."""

    def rows(self, name: TableName, wanted: set[str], pruning: Pruning) -> Rows:
        return self.open(name).rows(wanted)

    def readable(self, name: TableName, position: str) -> tuple[dict[str, exp.DataType], dict[str, exp.DataType]]:
        return dict.fromkeys(words(), typing.hive_type("string")), {}

    def open(self, name: TableName) -> FixedSource:
        return self.source


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[QueryEngine]:
    found = QueryEngine(Context(endpoint="http://127.0.0.1:1", scratch=tmp_path), account="1", region="us-east-1")
    found.catalog = Reserved()  # type: ignore[assignment]
    yield found
    found.close()


def test_the_local_athena_reads_them(engine: QueryEngine) -> None:
    listed = ", ".join(f'"{word}"' for word in words())
    inner = ", ".join(f't."{word}" AS "{word}"' for word in words())
    wanted = " AND ".join(f"\"{word}\" = '{word}'" for word in words())
    sql = (
        f'WITH "select" AS (SELECT {inner} FROM "silver"."order" t WHERE {wanted}) '
        f'SELECT {listed}, count(*) AS "group" FROM "select" GROUP BY {listed} ORDER BY {listed}'
    )
    answer = engine.answer(sql.replace(', count(*) AS "group"', ""), "silver")
    assert [column.name for column in answer.columns] == list(words())
    assert answer.table.to_pylist() == [{word: word for word in words()}]


names = st.from_regex(r"[a-z][a-z0-9_]{0,62}", fullmatch=True) | st.sampled_from(words())


@settings(max_examples=cases(60), deadline=None)
@given(st.lists(names, min_size=1, max_size=8, unique=True), names)
@pytest.mark.slow
def test_any_name_that_a_contract_takes_is_a_table_and_its_columns(columns: list[str], table: str) -> None:
    kinds = tuple(Column(name, parse_type("string"), header=name) for name in columns)
    declared = LandingContract(table, "bronze", kinds, arrival=Arrival("csv"))
    with empty_tables([declared]) as connection:
        assert connection.execute(f'SELECT * FROM bronze."{table}"').fetchall() == []


def _job(folder: Path, body: str) -> Path:
    (folder / "jobs" / "silver").mkdir(parents=True)
    (folder / "jobs" / "silver" / "things.py").write_text(
        'from sluice.transforms import transform\n@transform(things="bronze.things")\n'
        f"def things(things):\n    {body}\n"
    )
    return folder / "jobs"


def _things(*columns: Column) -> tuple[AnyContract, ...]:
    return (
        LandingContract("things", "bronze", columns, arrival=Arrival("csv"), file="things.yaml"),
        DerivedContract("things", "silver", columns, file="silver/things.yaml"),
    )


@pytest.mark.slow
def test_a_column_that_duckdb_refuses_is_named_with_its_contract(tmp_path: Path) -> None:
    # No contract file can say it: a name is twice there for an engine that does not know capitals.
    declared = _things(Column("a", parse_type("string")), Column("A", parse_type("string")))
    with pytest.raises((ContractError, TransformError)) as refused:
        compile_project(declared, _job(tmp_path, "return things"))
    assert "things.yaml: bronze.things cannot be a table on DuckDB: " in refused.value.what
    assert '"A"' in refused.value.what or "A already exists" in refused.value.what
    assert "BrokenProcessPool" not in str(refused.value)


@pytest.mark.slow
def test_what_a_transform_raises_is_told_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(TransformError, match=r"jobs/silver/things\.py:4: silver\.things fails: ValueError: boom"):
        compile_project(_things(Column("a", parse_type("string"))), _job(tmp_path, 'raise ValueError("boom")'))


@pytest.mark.slow
def test_a_process_that_dies_is_told_with_the_transform(tmp_path: Path) -> None:
    with pytest.raises(TransformError, match=r"things\.py:2: the process that compiled silver\.things died"):
        compile_project(_things(Column("a", parse_type("string"))), _job(tmp_path, "import os; os._exit(9)"))
