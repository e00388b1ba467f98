"""Each transform gives the same rows and types on DuckDB and on real Spark."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from sluice.contracts import Column, Contract
from sluice.contracts.load import load_contracts
from sluice.ingestion.convert import arrow_type
from sluice.project import Project
from sluice.tables.arrow import KEY_SEPARATOR, data_arrow
from sluice.transforms import apply
from sluice.transforms.compile import compile_project
from sluice.transforms.discover import Found, discover

ROOT = Path(__file__).resolve().parents[2]
TRANSFORMS = discover(ROOT / "glue_jobs")


@pytest.fixture(scope="module")
def project() -> Project:
    return compile_project(load_contracts([ROOT / "contracts"]), ROOT / "glue_jobs")


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


def rows_of(contract: Contract, seed: int, count: int = 400) -> pa.Table:
    """Return rows with repeated keys, ties, nulls where allowed and awkward values."""
    rng = random.Random(f"{seed}{contract.table}")
    columns = [pa.array([_value(c, contract, rng) for _ in range(count)], arrow_type(c.type)) for c in contract.columns]
    table = pa.table(columns, names=[c.name for c in contract.columns])
    for field in data_arrow(contract):
        if field.name not in table.column_names:
            values = [_added(field.name, contract, table, row, rng) for row in range(count)]
            table = table.append_column(field, pa.array(values, field.type))
    return table


def _added(name: str, contract: Contract, table: pa.Table, row: int, rng: random.Random) -> Any:
    """Return what Sluice might have put into one of its own columns."""
    match name:
        case "_late":
            return rng.choice([True, False, None])
        case "_operation":
            kinds = ["insert", "update", "update", "delete", "read", "tombstone", "transaction"]
            return "truncate" if row == 50 else rng.choice(kinds)
        case "_log_position":
            return f"2.{row // 3:020d}"  # some are equal: then the order in the shard counts
        case "_sequence":
            return f"{row:056d}"
        case "_position":
            return 0
        case "_changed_at":
            return datetime(2025, 3, 30) + timedelta(minutes=rng.randint(0, 300))
        case "_previous_key" if table["_operation"][row].as_py() == "update" and rng.random() < 0.2:
            return KEY_SEPARATOR.join(str(_value(contract.column(key), contract, rng)) for key in contract.key)
        case "_unavailable" if table["_operation"][row].as_py() == "update" and rng.random() < 0.3:
            return ",".join(rng.sample([c.name for c in contract.columns if c.name not in contract.key], 2))
    return None


_NEVER_SENT = object()
_DIGITS = {"C": 7, "P": 5, "O": 9}


def _value(column: Column, contract: Contract, rng: random.Random) -> Any:
    needed = contract.must_be_present(column)
    if not needed and rng.random() < 0.15:
        return None
    letter = column.name[0].upper()
    if column.name.endswith("_id") and letter in _DIGITS:
        return f"{letter}{rng.randint(1, 40):0{_DIGITS[letter]}d}"
    if column.name == "event_id":
        return f"{rng.randint(1, 40):032x}"
    if column.rules.allowed:
        return rng.choice(column.rules.allowed)
    kind = column.type.name
    if kind == "decimal":
        digits = rng.choice([0, 1, 5, 10 ** rng.randint(1, 6), 99_999])
        return Decimal(digits).scaleb(-column.type.scale) % 100
    if kind in ("int", "bigint"):
        return rng.choice([1, 2, 3, 2_000_000])
    if kind == "double":
        return rng.choice([0.0, -0.0, 1e-300, 52.5])
    if kind == "boolean":
        return rng.random() < 0.3
    if kind == "date":
        return date(2025, 3, 29) + timedelta(days=rng.randint(0, 3))
    if kind == "timestamp":
        # Around the change to summer time, with ties.
        return datetime(2025, 3, 30, 0, 59, 59, 999_999) + timedelta(minutes=30 * rng.randint(0, 6))
    texts = [" Mixed Case ", "żółć", "O'Neil", "İstanbul", "+44 (0)20-1", "", "a@b.c", "李"]
    return "DE" if column.name == "country" else rng.choice(texts)


def on_duckdb(project: Project, item: Found, inputs: dict[str, pa.Table]) -> pa.Table:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, table in inputs.items():
        source = item.inputs[name]
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {source.split('.')[0]}")
        connection.register(f"in_{name}", table)
        connection.execute(f"CREATE TABLE {source} AS FROM in_{name}")
    return connection.sql(project.transform(item.table).sql).to_arrow_table()


def ordered(table: pa.Table, contract: Contract) -> list[tuple[Any, ...]]:
    plain = pa.schema((c.name, arrow_type(c.type)) for c in contract.columns)
    rows = [tuple(row.values()) for row in table.select(plain.names).cast(plain).to_pylist()]
    return sorted(rows, key=repr)


@pytest.mark.parametrize("item", TRANSFORMS, ids=lambda item: item.table)
def test_the_result_is_unique_by_key_and_does_not_depend_on_the_order_of_arrival(item: Found, project: Project) -> None:
    inputs = {name: rows_of(project.contract(table), 1) for name, table in item.inputs.items()}
    contract = project.contract(item.table)
    result = ordered(on_duckdb(project, item, inputs), contract)
    keys = [tuple(row[[c.name for c in contract.columns].index(k)] for k in contract.key) for row in result]
    assert len(set(keys)) == len(keys) > 0
    shuffled = {n: t.take(pa.array(random.Random(2).sample(range(len(t)), len(t)))) for n, t in inputs.items()}
    if item.table.startswith("silver"):
        assert ordered(on_duckdb(project, item, shuffled), contract) == result


def test_captured_changes_leave_the_rows_that_applying_them_one_by_one_leaves(project: Project) -> None:
    (item,) = [each for each in TRANSFORMS if each.table == "silver.stock"]
    bronze = project.contract("bronze.stock_changes")
    for seed in range(20):
        log = rows_of(bronze, seed, 300)
        state: dict[tuple[str, ...], dict[str, Any]] = {}
        for change in log.to_pylist():
            key = tuple(change[name] for name in bronze.key)
            if change["_operation"] == "truncate":
                state.clear()
            if change["_operation"] not in ("insert", "update", "read", "delete"):
                continue
            if change["_previous_key"]:
                state.pop(tuple(change["_previous_key"].split(KEY_SEPARATOR)), None)
            if change["_operation"] == "delete":
                state.pop(key, None)
                continue
            before, left_out = state.get(key), (change["_unavailable"] or "").split(",")
            if before is None:
                before = dict.fromkeys(change, _NEVER_SENT)  # no source leaves out columns of a row that was not there
            state[key] = {n: before[n] if n in left_out else v for n, v in change.items()}
        found = on_duckdb(project, item, {"changes": log}).to_pylist()
        assert len(found) > 10
        assert {(row["product_id"], row["warehouse"]) for row in found} == set(state)
        for row in found:
            expected = state[row["product_id"], row["warehouse"]]
            for name in ("quantity", "reserved", "updated_at"):
                wanted = expected[name] if name != "reserved" else expected[name] or 0
                assert expected[name] is _NEVER_SENT or row[name] == wanted, (seed, name, row, expected)


@pytest.mark.spark
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("item", TRANSFORMS, ids=lambda item: item.table)
def test_duckdb_and_spark_give_the_same_rows(item: Found, project: Project, spark: Any, seed: int) -> None:
    inputs = {name: rows_of(project.contract(table), seed) for name, table in item.inputs.items()}
    if item.table.startswith("gold"):
        # Derived inputs are unique by key.
        inputs = {n: on_first_of_key(t, project.contract(item.inputs[n]).key) for n, t in inputs.items()}
    contract = project.contract(item.table)
    frames = {
        name: spark.createDataFrame([tuple(row.values()) for row in table.to_pylist()], schema=spark_schema(table))
        for name, table in inputs.items()
    }
    keys = {name: project.contract(table).key for name, table in item.inputs.items()}
    from_spark = pa.Table.from_pylist([row.asDict() for row in apply(item.function, frames, keys).collect()])
    assert ordered(from_spark, contract) == ordered(on_duckdb(project, item, inputs), contract)


def on_first_of_key(table: pa.Table, key: tuple[str, ...]) -> pa.Table:
    seen: dict[tuple[Any, ...], int] = {}
    for index, row in enumerate(table.select(list(key)).to_pylist()):
        seen.setdefault(tuple(row.values()), index)
    return table.take(pa.array(sorted(seen.values())))


def spark_schema(table: pa.Table) -> str:
    names = {
        "int32": "int",
        "bool": "boolean",
        "int64": "bigint",
        "date32[day]": "date",
        "timestamp[us]": "timestamp_ntz",
    }
    kinds = {f.name: names.get(str(f.type), str(f.type).replace("decimal128", "decimal")) for f in table.schema}
    return ", ".join(f"{name} {kind}" for name, kind in kinds.items())
