"""`sluice new --transform` leaves a project that is sound, or as it was."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from sluice.cli.starting import start_project
from sluice.testing import run_transform
from tests.sluice.cli.test_new import run

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    start_project(tmp_path / "shop", empty=False)
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def files(project: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for part in ("contracts", "glue_jobs")
        for path in (project / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_what_is_written_is_sound_and_of_the_types_that_it_returns(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("new", "silver.visits", "--transform", "--from", "bronze.visits") == 0
    query = (
        "SELECT cast(v.visited_at AS date) AS day, v.page, count(*) AS visits, sum(v.seconds) AS seconds, "
        "max(d.visits) AS most FROM silver.visits v LEFT JOIN gold.daily_visits d ON v.page = d.page "
        "WHERE v.page <> '' GROUP BY 1, 2"
    )
    assert run("new", "gold.pages", "--transform", "--query", query, "--json") == 0
    told = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert told == {
        "table": "gold.pages",
        "contract": str(project / "contracts" / "gold" / "pages.yaml"),
        "function": str(project / "glue_jobs" / "gold" / "pages.py"),
        "inputs": {"visits": "silver.visits", "daily_visits": "gold.daily_visits"},
        "columns": {"day": "date", "page": "string", "visits": "bigint", "seconds": "bigint", "most": "bigint"},
        "key": [],
    }
    assert run("check") == 0
    noon = datetime(2024, 1, 1, 12)
    visits = [
        {"visit_id": "1", "page": "/a", "visited_at": noon, "seconds": 2},
        {"visit_id": "2", "page": "/a", "visited_at": noon, "seconds": None},
        {"visit_id": "3", "page": "", "visited_at": noon, "seconds": 9},
        {"visit_id": "4", "page": "/b", "visited_at": noon, "seconds": 5},
    ]
    days = [{"day": noon.date(), "page": "/a", "visits": 7}]
    made = run_transform("gold.pages", visits=visits, daily_visits=days)
    assert sorted(map(tuple, map(dict.values, made)), key=str) == [
        (noon.date(), "/a", 2, 2, 7),
        (noon.date(), "/b", 1, 5, None),
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "what"),
    [
        (["gold.daily_visits", "--from", "bronze.visits"], 2, "are there already"),
        (["bronze.x", "--from", "bronze.visits"], 2, "is no derived table"),
        (["gold.x", "--from", "bronze.nothing"], 2, "No contract declares 'bronze.nothing'"),
        (["gold.x"], 2, "from one table whole"),
        (["gold.x", "--query", "SELECT page FROM bronze.visits LIMIT 1"], 2, "has no plain form"),
        (["gold.x", "--query", "SELECT cast(seconds AS varchar) AS s FROM bronze.nothing"], 2, "no contract of"),
        (["gold.x", "--query", "SELECT sum(1.5) AS a FROM bronze.visits"], 1, "sums of doubles depend on the order"),
        (["gold.x", "--query", "SELECT avg(cast(seconds AS double)) AS a FROM bronze.visits"], 1, "not give the same"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_leaves_the_project_as_it_was(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, what: str
) -> None:
    before = files(project)
    assert run("new", arguments[0], "--transform", *arguments[1:], "--json") == status
    told = json.loads(capsys.readouterr().err)
    assert what in told["what"]
    assert told["next_step"]
    assert "@transform" not in told["next_step"]  # there is no function yet that could be declared otherwise
    assert "x.py" not in told["what"]
    assert files(project) == before


@pytest.mark.parametrize(
    ("amount", "status"),
    [
        ("quantity * unit_price", 0),
        ("sum(unit_price)", 0),
        ("sum(CAST(quantity AS integer) * unit_price)", 0),
        ("sum(CAST(quantity * unit_price AS decimal(28, 2)))", 0),
        ("sum(quantity * unit_price)", 1),
    ],
)
def test_what_is_drafted_of_amounts_is_computed_with(
    project: Path, capsys: pytest.CaptureFixture[str], amount: str, status: int
) -> None:
    (project / "lines.csv").write_text("quantity,unit_price\n3,2.50\n1,0.99\n")
    assert run("new", "lines", "--from", "lines.csv") == 0
    query = f"SELECT {amount} AS amount FROM bronze.lines"
    assert run("new", "gold.amounts", "--transform", "--query", query) == status
    assert ("CAST(x AS decimal(28, 2))" in " ".join(capsys.readouterr().err.split())) is bool(status)


def test_the_cast_that_a_refused_sum_names_is_one_that_is_taken_and_keeps_every_digit(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "lines.csv").write_text("quantity,unit_price\n3,2.5012\n1,0.9901\n")
    assert run("new", "lines", "--from", "lines.csv") == 0
    new = ("new", "gold.amounts", "--transform", "--query")
    assert run(*new, "SELECT sum(quantity * unit_price) AS amount FROM bronze.lines") == 1
    named = re.search(r"cast what is summed to (decimal\(\d+,\d+\))", " ".join(capsys.readouterr().err.split()))
    assert named is not None
    assert named[1] == "decimal(28,4)"
    assert run(*new, f"SELECT sum(CAST(quantity * unit_price AS {named[1]})) AS amount FROM bronze.lines") == 0
