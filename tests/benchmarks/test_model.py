"""The benchmark of the model runs: what measures speed is broken unnoticed otherwise, since nothing times a test."""

from __future__ import annotations

import pytest
from rich.console import Console

from benchmarks.model.compare import compare
from benchmarks.model.contest import DUCKDB, SLUICE


@pytest.mark.slow
def test_builds_and_changes_of_the_model_are_measured_and_give_the_rows_of_sql_by_hand() -> None:
    assert compare([20_000], rounds=1, console=Console(quiet=True), names=[DUCKDB, SLUICE]) == []
