"""`sluice generate` writes files or puts clicks onto their stream, and says what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sluice.cli import send as sending
from tests.sluice.cli.streams import Clock, arrived, deployed_streams, run

pytestmark = pytest.mark.slow


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with deployed_streams(monkeypatch, "clickstream") as kinesis:
        yield kinesis


def test_generate_stream_puts_clicks_live_and_says_what_they_are(aws: Any, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    ended = run("generate", "--stream", "--events", "2500", "--seed", "3", "--manifest", told)
    assert ended.exit_code == 0, ended.output
    assert "dev_clickstream: 2,500 records" in ended.output
    manifest = json.loads(told.read_text())
    records = arrived(aws, "dev_clickstream")
    assert len(records) == manifest["records"] == 2_500
    start = manifest["start"].removesuffix("Z")
    again = tmp_path / "again"
    ended = run("generate", "--stream", "--events", 2500, "--seed", 3, "--start", start, "--out", again)
    assert ended.exit_code == 0, ended.output
    assert (again / "clickstream.ndjson").read_bytes().splitlines() == [data for _, data in records]


def test_generate_with_a_rate_takes_its_time(aws: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(sending.put_records, "__kwdefaults__", {"sleep": clock.sleep, "clock": clock})
    arguments = ("generate", "--stream", "--events", "600", "--rate", "100", "--manifest", tmp_path / "m.json")
    assert run(*arguments).exit_code == 0
    assert clock.now == pytest.approx(6, rel=0.05)


def test_generate_refuses_what_it_cannot_do(aws: Any, tmp_path: Path) -> None:
    assert "is no time" in str(run("generate", "--stream", "--start", "soon", "--out", tmp_path).exception)
    assert run("generate", "--stream", "--events", "0").exit_code == 2
    (tmp_path / "mine").write_text("x")
    assert "nothing was written" in str(run("generate", "--stream", "--out", tmp_path).exception)


def test_generate_writes_the_files_of_a_history_as_before(tmp_path: Path) -> None:
    ended = run("generate", "--days", "2", "--out", tmp_path / "shop", "--rows-per-day", "20")
    assert ended.exit_code == 0, ended.output
    assert {path.name for path in (tmp_path / "shop").iterdir()} == {
        "ad_spend",
        "campaigns",
        "cities",
        "countries",
        "customers",
        "demographics",
        "exchange_rates",
        "manifest.json",
        "order_lines",
        "orders",
        "products",
    }
