"""What becomes of a record depends on nothing but what it says: alone or among others, the same values or reasons."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from tests.laws import cases
from tests.sluice.ingestion.reading import read
from tests.sluice.ingestion.test_accepted_commits import (
    CELLS,
    FORMATS,
    LINES,
    as_csv,
    as_json,
    as_ndjson,
    declared_as,
    every_awkward_value,
)


def fates(data: bytes, kind: str) -> dict[int, Any]:
    """Return by position the values of each record that is accepted, and the reasons of each that is not."""
    rows, rejected = read(data, declared_as(kind))
    accepted = {
        row["_position"]: {k: v for k, v in row.items() if k not in ("_position", "id")} for row in rows.to_pylist()
    }
    return accepted | {one.position or 0: [(r.code, r.column, r.value) for r in one.reasons] for one in rejected}


WRITERS = {"csv": as_csv, "ndjson": as_ndjson, "json": as_json}


def alone_and_together(rows: list[dict[str, Any]], kind: str) -> None:
    together = fates(WRITERS[kind](rows), kind)
    assert [together[number] for number in range(1, len(rows) + 1)] == [
        fates(WRITERS[kind]([row]), kind)[1] for row in rows
    ]


@settings(max_examples=cases(80), deadline=None)
@given(LINES)
@pytest.mark.slow
def test_a_line_has_one_fate(rows: list[dict[str, Any]]) -> None:
    alone_and_together(rows, "csv")


@pytest.mark.parametrize("kind", ["ndjson", "json"])
@settings(max_examples=cases(80), deadline=None)
@given(CELLS)
@pytest.mark.slow
def test_an_object_has_one_fate(kind: str, rows: list[dict[str, Any]]) -> None:
    alone_and_together(rows, kind)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.slow
def test_every_awkward_value_has_one_fate(kind: str) -> None:
    alone_and_together(list(every_awkward_value())[::7], kind)
