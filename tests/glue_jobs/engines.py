"""Both engines beside each other: what each makes of the same inputs, and where they differ."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.contracts import Contract
from sluice.contracts.values.convert import arrow_type
from sluice.project import Project
from sluice.refresh.spark.alike import SETTINGS
from sluice.transforms import apply
from sluice.transforms.discover import DiscoveredTransform
from tests.glue_jobs.transforming import on_duckdb
from tests.local_spark import LOCAL, QUICK

Row = tuple[Any, ...]
Inputs = Mapping[str, pa.Table]
_NAMES = {
    "int32": "int",
    "bool": "boolean",
    "int64": "bigint",
    "date32[day]": "date",
    "timestamp[us]": "timestamp_ntz",
}
#: Of doubles, relative: engines sum in different orders.
TOLERANCE = 1e-9
_EXAMPLE = "_example"


@dataclass
class Engines:
    """Spark and DuckDB, for the transforms of a project."""

    project: Project
    folder: Path
    spark: Any = field(init=False)
    _files: int = 0

    def __post_init__(self) -> None:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local[2]")
        for name, value in (SETTINGS | LOCAL | QUICK).items():
            builder = builder.config(name, value)
        self.spark = builder.getOrCreate()

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Run plans as the Glue job does, compiled and adapted, instead of as fits tiny data."""
        for name in QUICK:
            self.spark.conf.unset(name)
        defaults = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
        for name, value in (defaults | {"spark.sql.adaptive.enabled": "true"}).items():
            self.spark.conf.set(name, value)
        yield
        for name, value in QUICK.items():
            self.spark.conf.set(name, value)

    def on_spark(self, item: DiscoveredTransform, batch: Sequence[Inputs]) -> list[list[Row]]:
        """Return the rows that Spark makes of each set of inputs, in one job; types must be the contract's."""
        from pyspark.sql import functions as F

        contract = self.project.contract(item.table)
        keys = {name: self.project.contract(table).key for name, table in item.inputs.items()}
        whole = None
        for number, inputs in enumerate(batch):
            made = apply(item, {name: self._frame(table) for name, table in inputs.items()}, keys)
            types = {each.name: each.dataType.simpleString() for each in made.schema.fields}
            assert types == {c.name: str(c.type).replace("timestamp", "timestamp_ntz") for c in contract.columns}
            numbered = made.withColumn(_EXAMPLE, F.lit(number))
            whole = numbered if whole is None else whole.unionByName(numbered)
        assert whole is not None
        names = [column.name for column in contract.columns]
        found: dict[int, list[Row]] = defaultdict(list)
        for row in whole.collect():
            found[row[_EXAMPLE]].append(tuple(row[name] for name in names))
        return [found[number] for number in range(len(batch))]

    def on_duckdb(self, item: DiscoveredTransform, inputs: Inputs) -> list[Row]:
        """Return the rows that DuckDB makes; types must be the contract's."""
        contract = self.project.contract(item.table)
        made = on_duckdb(self.project, item, inputs)
        assert {each.name: each.type for each in made.schema} == {c.name: arrow_type(c.type) for c in contract.columns}
        return [tuple(row.values()) for row in made.select([c.name for c in contract.columns]).to_pylist()]

    def differences(self, item: DiscoveredTransform, inputs: Inputs) -> str:
        """Return how the engines' rows differ, or how an engine failed; nothing where they are equal."""
        try:
            (found,) = self.on_spark(item, [inputs])
            expected = self.on_duckdb(item, inputs)
        except Exception as error:  # noqa: BLE001 (whatever an engine raises is the finding)
            return f"{type(error).__name__}: {str(error)[:600]}"
        return differences(found, expected, self.project.contract(item.table))

    def _frame(self, table: pa.Table) -> Any:
        self._files += 1
        path = self.folder / f"{self._files}.parquet"
        pq.write_table(table, path)
        return self.spark.read.schema(spark_schema(table)).parquet(str(path))


def differences(spark: list[Row], duckdb: list[Row], contract: Contract) -> str:
    """Return the rows that only one engine made, each beside the nearest of the other; doubles may differ a little."""
    names = [column.name for column in contract.columns]
    exact = [place for place, column in enumerate(contract.columns) if column.type.name not in ("double", "float")]
    one, other = (sorted(rows, key=lambda row: repr([row[place] for place in exact])) for rows in (spark, duckdb))
    if len(one) != len(other):
        only = {repr(row) for row in one} ^ {repr(row) for row in other}
        return f"Spark has {len(one)} rows, DuckDB {len(other)}: {sorted(only)[:10]}"
    found = [
        f"{dict(zip(names, a, strict=True))}: Spark {names[at]}={a[at]!r}, DuckDB {b[at]!r}"
        for a, b in zip(one, other, strict=True)
        for at in range(len(names))
        if not same(a[at], b[at])
    ]
    return "\n".join(found[:10])


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal, doubles to a billionth; NaN equals itself."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=0.0) or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and bool(one == other)


def spark_schema(table: pa.Table) -> str:
    """Return the table's columns as Spark declares them."""
    kinds = {f.name: _NAMES.get(str(f.type), str(f.type).replace("decimal128", "decimal")) for f in table.schema}
    return ", ".join(f"{name} {kind}" for name, kind in kinds.items())
