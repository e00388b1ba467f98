"""Whatever a message holds, it fits into its store, and the whole of it can be had."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.bounded import MOST_REASONS, Messages, bounded_counts, bounds_errors, cut
from sluice.storage import LocalStore


class Broken(LocalStore):
    def put(self, address: str, body: Any) -> None:
        raise OSError("no store")


@given(st.text(max_size=400), st.integers(40, 300))
def test_a_cut_text_fits_and_begins_as_the_whole(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert len(short.encode(errors="replace")) <= limit
    assert short == text or text.encode(errors="replace").decode().startswith(short.removesuffix("…"))


@pytest.mark.parametrize(
    "text", ["", "short", "x" * 4000, "x" * 4001, "é" * 2500, "column_name, " * 2500, "\ud800" * 5000]
)
def test_the_whole_of_a_long_message_is_kept(tmp_path: Path, text: str) -> None:
    short = Messages(str(tmp_path), LocalStore()).bounded(text)
    assert len(short.encode(errors="replace")) <= 4000
    if short != text:
        (address,) = re.findall(r"all of it in (.+)\)", short)
        assert Path(address).read_bytes() == text.encode(errors="replace")
    else:
        assert not list(tmp_path.rglob("*.txt"))


def test_a_message_that_cannot_be_kept_whole_is_cut_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    short = Messages(str(tmp_path), Broken()).bounded("y" * 9000)
    assert len(short.encode()) <= 4000
    assert "y" * 9000 in caplog.text


def test_ten_thousand_reasons_are_counted_in_a_hundred() -> None:
    counts = {f"reason_{number}": number + 1 for number in range(10_000)}
    kept = bounded_counts(counts)
    assert len(kept) <= MOST_REASONS + 1
    assert sum(kept.values()) == sum(counts.values())
    assert bounded_counts({"a": 1, "b": 2}) == {"a": 1, "b": 2}


def test_a_handlers_long_error_keeps_its_name_and_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluice.bounded.S3Store", LocalStore)

    class CheckFailed(Exception):
        pass

    @bounds_errors(lambda: str(tmp_path))
    def handler(event: dict[str, Any], context: Any) -> None:
        raise CheckFailed("z" * event["length"])

    with pytest.raises(CheckFailed):
        handler({"length": 10}, None)
    with pytest.raises(RuntimeError) as raised:
        handler({"length": 300_000}, None)
    assert type(raised.value).__name__ == "CheckFailed"
    assert len(str(raised.value)) <= 4000
