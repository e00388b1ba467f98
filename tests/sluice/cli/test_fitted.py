"""What is printed fits the terminal, and no name is cut."""

from __future__ import annotations

import io
import unicodedata
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from sluice.cli.deployment import Deployment
from sluice.cli.derived import DerivedStatus
from sluice.cli.fitted import HarmlessConsole, print_table
from sluice.cli.planning import print_plan
from sluice.cli.run_output import print_runs
from sluice.cli.status import DatasetStatus, Status
from sluice.cli.status_output import print_dataset, print_status
from sluice.cli.streams import ShardStatus, StreamsStatus
from sluice.ledger import ShardCounts
from tests.laws import cases


@given(st.text())
def test_no_character_of_a_value_acts_on_the_terminal(text: str) -> None:
    out = io.StringIO()
    shown = HarmlessConsole(file=out, width=200, force_terminal=True, color_system=None)
    print_table(shown, ("a",), [[f"x{text}"]])
    shown.print(f"x{text}", markup=False, highlight=False)
    assert not [letter for letter in out.getvalue() if unicodedata.category(letter) == "Cc" and letter not in "\n\t"]


def test_a_control_character_is_shown() -> None:
    out = io.StringIO()
    HarmlessConsole(file=out, width=200).print("orders/\x1b]0;owned\x07.csv")
    assert out.getvalue() == "orders/\\x1b]0;owned\\x07.csv\n"


@pytest.mark.parametrize("width", [200, 20])
def test_no_name_of_a_column_acts_nor_turns_what_follows(width: int) -> None:
    odd = ("a\x1b[2Jb", "c\u202ed", "e\x9bf")
    text = printed(width, lambda console: print_table(console, odd, [("x" * 9, "\u2066y", "z")], right=[odd[1]]))
    assert not [letter for letter in text if letter != "\n" and not letter.isprintable()]
    assert "c\\u202ed" in text
    assert "\\u2066y" in text


WIDTHS = (40, 60, 80, 120, 200)
LONG = "customer_lifetime_value_by_acquisition_channel_and_month_2026_v2"
TABLES = [f"gold.{LONG}", f"gold.{LONG}_b", "silver.orders", "gold.[bold]odd"]


def printed(width: int, show: Any) -> str:
    out = io.StringIO()
    show(Console(file=out, width=width))
    text = out.getvalue()
    assert [line for line in text.splitlines() if cell_len(line) > width] == []
    return text


def status() -> Status:
    names = [LONG, "orders", f"{LONG}_too"[:63]]
    datasets = {
        name: DatasetStatus(name, deliveries=Counter(committed=1234567), accepted=123456789, quarantined=98765)
        for name in names
    }  # fmt: skip
    derived = tuple(DerivedStatus(table, "up to date", 1.0, 2.0, rows=123456789) for table in TABLES)
    counts = ShardCounts(f"{LONG}/shardId-000000000000", 5, 6)
    shards = (ShardStatus(LONG, counts, behind=True, lag=3.0),)
    return Status(
        datasets=datasets, contracted=frozenset(names), delivered=1, open_notices=(), dead_letters={}, running=0,
        streams=StreamsStatus(shards=shards), derived=derived,
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
def test_status_fits_any_width_and_cuts_no_name(width: int) -> None:
    now = status()
    text = printed(width, lambda console: print_status(now, Deployment({}), console))
    folded = text.replace("\n", "")
    for name in (*now.datasets, *TABLES):
        assert name in (text if len(name) <= width else folded), name
    assert "…" not in text.replace("/…", "")
    for table in TABLES:
        one = printed(width, lambda console, table=table: print_dataset(now, table, console))
        assert table in (one if len(table) <= width else one.replace("\n", ""))


@pytest.mark.parametrize("width", WIDTHS)
def test_runs_and_plans_cut_no_table_and_break_no_time(width: int) -> None:
    run = {
        "started": "2026-11-26T20:45:09.123456", "status": "published", "incremental": True, "engine": "duckdb",
        "rows": 123456, "rows_written": 12, "seconds": 12.25, "cost_usd": 0.000123, "error": "", "reason": "",
    }  # fmt: skip
    runs = [{**run, "table": table} for table in TABLES]
    text = printed(width, lambda console: print_runs(runs, console))
    assert text.count("2026-11-26 20:45:09") == len(TABLES)
    step = {
        "wave": 1, "strategy": "affected keys: 3 of 90 of order_date", "engine": "small", "rows": 123456,
        "seconds": 1.0, "cost_usd": 0.00001, "engine_reason": "it is the cheapest",
    }  # fmt: skip
    plan = {"steps": [{**step, "table": table} for table in TABLES], "held": {}}
    steps = printed(width, lambda console: print_plan(plan, console))
    for table in TABLES:
        for said in (text, steps):
            assert table in (said if len(table) <= width else said.replace("\n", ""))


CELL = st.text(st.characters(min_codepoint=33, max_codepoint=0x3FF, categories=["L", "N", "P"]), max_size=70)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=4), st.integers(20, 200))
@settings(max_examples=cases(60), deadline=None)
def test_every_value_of_a_table_is_printed_whole_at_any_width(rows: list[list[str]], width: int) -> None:
    text = printed(width, lambda console: print_table(console, ("a", "b", "c"), rows))
    folded = "".join(line.rstrip() for line in text.splitlines())
    for row in rows:
        for value in row:
            assert value in (text if len(value) + 4 <= width else folded)
