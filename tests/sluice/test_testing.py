"""A transform runs on DuckDB from rows to rows as it does when it is deployed; a name that is not there is refused."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from sluice.cli.starting import start_project
from sluice.errors import CommandError
from sluice.testing import run_transform


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "shop"
    start_project(folder, empty=False)
    return folder


@pytest.mark.slow
def test_a_transform_runs_from_rows_to_rows(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop / "tests")
    visits = [
        {"visit_id": name, "page": page, "visited_at": datetime(2026, 1, 1, 12)}
        for name, page in (("a", "/b"), ("b", "/a"), ("c", "/B"))
    ]
    rows = run_transform("gold.daily_visits", visits=visits)
    assert [(row["page"], row["visits"], row["seconds"]) for row in rows] == [("/a", 1, None), ("/b", 2, None)]
    assert run_transform("gold.daily_visits") == []
    same = {"visit_id": "a", "page": "/"}
    for refused, why in (
        (lambda: run_transform("gold.visits"), "no derived table gold.visits; there are: gold.daily_visits"),
        (
            lambda: run_transform("gold.daily_visits", visits=[same, {**same, "seconds": "soon"}]),
            r"bronze\.visits, row 1, column seconds: 'soon' is no int32: .*",
        ),
        (
            lambda: run_transform("gold.daily_visits", visits=[{**same, "seconds": 1 << 40}]),
            r"bronze\.visits, row 0, column seconds: 1099511627776 is no int32: .*",
        ),
        (lambda: run_transform("gold.daily_visits", visits=[{**same, "page": 3}]), r"row 0, column page: 3 is no "),
        (lambda: run_transform("gold.daily_visits", table=[]), "has no input table; there are: visits"),
        (lambda: run_transform("gold.daily_visits", pages=[]), "has no input pages; there are: visits"),
        (lambda: run_transform("gold.daily_visits", visits=[{"pgae": "/"}]), "bronze.visits has no column pgae"),
    ):
        with pytest.raises(CommandError, match=why):
            refused()
