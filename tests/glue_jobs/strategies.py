"""Rows for a transform's inputs, made by Hypothesis from the contracts of its inputs."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from sluice.contracts import Column, Contract
from sluice.project import Project
from sluice.tables.arrow import KEY_SEPARATOR, data_arrow
from sluice.transforms.discover import DiscoveredTransform
from tests.awkward import BIRTHS, DOUBLES, MOMENTS
from tests.glue_jobs import awkward
from tests.glue_jobs.transforming import first_of_key

Inputs = dict[str, pa.Table]
#: Hypothesis begins with the first: the first example is the one of empty inputs.
_SIZES = (0, 30, 30, 30, 30, 12, 12, 1)
_CHANGES = ("insert", "update", "update", "delete", "read", "update", "truncate", "tombstone", "transaction")
_CONTROL = ("truncate", "tombstone", "transaction")


def examples(item: DiscoveredTransform, project: Project, count: int, number: int) -> list[Inputs]:
    """Return ``count`` sets of inputs; the same for the same ``number``."""
    found: list[Inputs] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(item, project))
    def collect(example: Inputs) -> None:
        found.append(example)

    collect()
    return found


def inputs(item: DiscoveredTransform, project: Project) -> st.SearchStrategy[Inputs]:
    """Make a table for each input. Values of equally named or equally patterned columns come from one small pool, so
    that joins find something; those of derived tables are unique by key, as such tables are.
    """

    # Takes no arguments: Hypothesis would write out the whole project when something fails.
    @st.composite
    def made(draw: st.DrawFn) -> Inputs:
        pools = _Pools(draw, project)
        found = {}
        for name, table in item.inputs.items():
            contract = project.contract(table)
            rows = _table(draw, contract, pools)
            found[name] = first_of_key(rows, contract.key) if contract.derived else rows
        return found

    return made()


class _Pools:
    """What the columns of one example may hold, drawn when first asked for."""

    def __init__(self, draw: st.DrawFn, project: Project) -> None:
        self._draw = draw
        self._drawn: dict[str, list[Any]] = {}
        self._patterns = {
            c.name: c.rules.pattern for each in project.contracts for c in each.columns if c.rules.pattern is not None
        }
        era = draw(st.sampled_from(awkward.ERAS))
        later = draw(st.lists(st.sampled_from(awkward.LATER), min_size=1, max_size=5, unique=True))
        self.days = [era + timedelta(days=days) for days in later]

    def of(self, column: Column) -> list[Any]:
        """Return a few values that the contract allows in the column; null is not among them."""
        rules, kind = column.rules, column.type.name
        if rules.allowed is not None:
            return list(rules.allowed)
        if kind == "string":
            return self._texts(column)
        return self._pool(f"{column.name} {column.type} {rules.minimum} {rules.maximum}", self._strategy(column))

    def _texts(self, column: Column) -> list[str]:
        pattern = self._patterns.get(column.name)
        if pattern is None:
            return self._pool(column.name, awkward.texts(column.name))
        known = self._pool(pattern, _matching(pattern), 12)
        return known if column.rules.pattern else known + self._pool(column.name, awkward.texts(column.name))

    def _strategy(self, column: Column) -> st.SearchStrategy[Any]:
        match column.type.name:
            case "decimal":
                return awkward.decimals(column)
            case "int" | "bigint":
                return awkward.integers(column)
            case "double":
                return st.sampled_from(DOUBLES) | st.floats(-90, 90)
            case "boolean":
                return st.booleans()
            case "date" if column.name == "birth_date":
                return st.sampled_from(BIRTHS) | st.dates()
            case "date":
                return st.sampled_from(self.days)
            case "timestamp":
                return st.sampled_from(MOMENTS) | st.builds(_at, st.sampled_from(self.days), _TIMES)
        raise AssertionError(f"no values for {column.type}")

    def _pool(self, name: str, values: st.SearchStrategy[Any], most: int = 6) -> list[Any]:
        if name not in self._drawn:
            self._drawn[name] = self._draw(st.lists(values, min_size=most // 3, max_size=most))
        return self._drawn[name]


def _at(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment)


_TIMES = st.sampled_from([time(0), time(23, 59, 59, 999_999), time(0, 0, 0, 1), time(0, 29, 59), time(1, 30)])


def _matching(pattern: str) -> st.SearchStrategy[str]:
    if "@" in pattern:
        return st.sampled_from(awkward.EMAILS)
    return st.from_regex(pattern.removeprefix("^").removesuffix("$"), fullmatch=True)


def _table(draw: st.DrawFn, contract: Contract, pools: _Pools) -> pa.Table:
    count = draw(st.sampled_from(_SIZES))
    schema = data_arrow(contract)
    columns = {c.name: _values(draw, contract, c, pools, count) for c in contract.columns}
    for name in schema.names:
        if name not in columns:
            columns[name] = [draw(_added(name, contract, columns, row, pools)) for row in range(count)]
    if "_operation" in columns:
        for row, operation in enumerate(columns["_operation"]):
            if operation in _CONTROL:
                for column in contract.columns:
                    columns[column.name][row] = None
    return pa.table({name: pa.array(columns[name], schema.field(name).type) for name in schema.names}, schema=schema)


def _values(draw: st.DrawFn, contract: Contract, column: Column, pools: _Pools, count: int) -> list[Any]:
    allowed = pools.of(column)
    if not contract.must_be_present(column):
        nulls = draw(st.sampled_from([0, 1, len(allowed), 1_000]))
        allowed = [None] if nulls == 1_000 else allowed + [None] * nulls
    return [allowed[draw(st.integers(0, len(allowed) - 1))] for _ in range(count)]


def _added(
    name: str, contract: Contract, columns: dict[str, list[Any]], row: int, pools: _Pools
) -> st.SearchStrategy[Any]:
    """Return what Sluice might have put into one of its own columns."""
    updated = "_operation" in columns and columns["_operation"][row] == "update"
    match name:
        case "_late":
            return st.sampled_from([True, False, None])
        case "_operation":
            return st.sampled_from(_CHANGES)
        case "_log_position":
            return st.just(f"2.{row // 3:020d}")  # some are equal: then the order in the shard counts
        case "_sequence":
            return st.just(f"{row:056d}")
        case "_position":
            return st.just(0)
        case "_changed_at":
            return st.sampled_from(MOMENTS)
        case "_previous_key" if updated:
            keys = st.tuples(*(st.sampled_from(pools.of(contract.column(key))) for key in contract.key))
            return st.none() | keys.map(KEY_SEPARATOR.join)
        case "_unavailable" if updated:
            rest = [column.name for column in contract.columns if column.name not in contract.key]
            return st.none() | st.lists(st.sampled_from(rest), max_size=3, unique=True).map(",".join)
    return st.none()


def least(example: Inputs, fails: Callable[[Inputs], bool], tries: int = 60) -> Inputs:
    """Return what is left of ``example`` when rows are taken away, halves first, for as long as it still ``fails``."""
    order = random.Random(0)
    for _ in range(tries):
        name = max(example, key=lambda each: len(example[each]) + order.random())
        rows = len(example[name])
        step = max(1, rows // 2)
        starts = order.sample(range(0, rows, step), len(range(0, rows, step))) if rows else []
        del starts[4:]
        for start in starts:
            kept = [row for row in range(rows) if not start <= row < start + step]
            smaller = example | {name: example[name].take(pa.array(kept, pa.int64()))}
            if fails(smaller):
                example = smaller
                break
        else:
            break
    return example
