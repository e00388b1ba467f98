"""Each transform's result is unique by key and a matter of its inputs' rows alone."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest

from sluice.project import Project
from sluice.tables.arrow import KEY_SEPARATOR
from sluice.transforms.discover import DiscoveredTransform
from tests.glue_jobs.transforming import TRANSFORMS, inputs_of, on_duckdb, ordered, rows_of

_NEVER_SENT = object()


@pytest.mark.parametrize("item", TRANSFORMS, ids=lambda item: item.table)
def test_the_result_is_unique_by_key_and_does_not_depend_on_the_order_of_arrival(
    item: DiscoveredTransform, project: Project
) -> None:
    inputs = inputs_of(item, project, 1)
    contract = project.contract(item.table)
    result = ordered(on_duckdb(project, item, inputs), contract)
    keys = [tuple(row[[c.name for c in contract.columns].index(k)] for k in contract.key) for row in result]
    assert len(set(keys)) == len(keys) > 0
    shuffled = {n: t.take(pa.array(random.Random(2).sample(range(len(t)), len(t)))) for n, t in inputs.items()}
    if item.table.startswith("silver"):
        assert ordered(on_duckdb(project, item, shuffled), contract) == result


@pytest.mark.slow
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
