"""Each transform gives the same rows and types on DuckDB and on real Spark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pytest

from sluice.contracts import Contract
from sluice.project import Project
from sluice.transforms import apply
from sluice.transforms.discover import Found
from tests.glue_jobs.generated import generated_tables
from tests.glue_jobs.transforming import TRANSFORMS, inputs_of, on_duckdb, ordered

pytestmark = pytest.mark.spark
_NAMES = {
    "int32": "int",
    "bool": "boolean",
    "int64": "bigint",
    "date32[day]": "date",
    "timestamp[us]": "timestamp_ntz",
}
_EACH = pytest.mark.parametrize("item", TRANSFORMS, ids=lambda item: item.table)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.timestampType", "TIMESTAMP_NTZ")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture(scope="module")
def tables(project: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    return generated_tables(project, tmp_path_factory.mktemp("generated"))


@_EACH
@pytest.mark.parametrize("seed", range(3))
def test_random_rows_become_the_same(item: Found, project: Project, spark: Any, seed: int) -> None:
    compare(item, project, spark, inputs_of(item, project, seed))


@_EACH
def test_extreme_rows_become_the_same(item: Found, project: Project, spark: Any) -> None:
    compare(item, project, spark, inputs_of(item, project, 4, edge=True))


@_EACH
def test_no_rows_become_the_same(item: Found, project: Project, spark: Any) -> None:
    compare(item, project, spark, {n: t.slice(0, 0) for n, t in inputs_of(item, project, 0).items()})


@_EACH
def test_a_generated_history_becomes_the_same(
    item: Found, project: Project, spark: Any, tables: Mapping[str, pa.Table]
) -> None:
    compare(item, project, spark, {name: tables[table] for name, table in item.inputs.items()})


def compare(item: Found, project: Project, spark: Any, inputs: Mapping[str, pa.Table]) -> None:
    """Run the transform on both engines: rows must be equal, Spark's types the contract's."""
    contract = project.contract(item.table)
    frames = {
        name: spark.createDataFrame([tuple(row.values()) for row in table.to_pylist()], schema=spark_schema(table))
        for name, table in inputs.items()
    }
    keys = {name: project.contract(table).key for name, table in item.inputs.items()}
    result = apply(item.function, frames, keys)
    types = {field.name: field.dataType.simpleString() for field in result.schema.fields}
    assert types == {c.name: str(c.type).replace("timestamp", "timestamp_ntz") for c in contract.columns}
    from_spark = pa.Table.from_pylist([row.asDict() for row in result.collect()], schema=_schema(contract))
    from_duckdb = on_duckdb(project, item, inputs)
    same_rows(ordered(from_spark, contract), ordered(from_duckdb, contract))


def _schema(contract: Contract) -> pa.Schema:
    from sluice.ingestion.convert import arrow_type

    return pa.schema((c.name, arrow_type(c.type)) for c in contract.columns)


def same_rows(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> None:
    """Doubles may differ by a billionth."""
    if found == expected:
        return
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for value, wanted in zip(one, other, strict=True):
            close = isinstance(value, float) and isinstance(wanted, float) and math.isclose(value, wanted)
            assert close or value == wanted, (one, other)


def spark_schema(table: pa.Table) -> str:
    kinds = {f.name: _NAMES.get(str(f.type), str(f.type).replace("decimal128", "decimal")) for f in table.schema}
    return ", ".join(f"{name} {kind}" for name, kind in kinds.items())
