"""Rows that are written in any dialect come back the same through the drafted contract."""

from __future__ import annotations

import csv
import io
import tempfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws import cases
from tests.sluice.profiling.drafting import drafted, rows_by

_LETTERS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp"), exclude_characters="\\")
    | st.sampled_from(list(",;\t|\"'\n:")),
    max_size=12,
)
_ROWS = st.lists(
    st.tuples(
        st.integers(-(2**40), 2**40),
        _LETTERS.map(lambda text: f"w {text}w"),
        st.none() | st.decimals(-(10**6), 10**6, places=2).map(lambda d: Decimal(f"{d:.2f}")),
        st.none() | st.integers(0, 20_000).map(lambda days: date(1970, 1, 1) + timedelta(days)),
    ),
    min_size=25,
    max_size=40,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=cases(60))
@given(
    rows=_ROWS,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quote=st.sampled_from(['"', "'"]),
    escaped=st.booleans(),
    line_end=st.sampled_from(["\n", "\r\n"]),
    style=st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%b-%Y"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_rows_written_in_any_dialect_come_back_the_same(
    rows: list[tuple[int, str, Decimal | None, date | None]],
    delimiter: str,
    quote: str,
    escaped: bool,
    line_end: str,
    style: str,
    encoding: str,
    quoting: int,
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=delimiter,
        quotechar=quote,
        doublequote=not escaped,
        escapechar="\\" if escaped else None,
        lineterminator=line_end,
        quoting=quoting,  # type: ignore[arg-type]
    )
    rows = [*rows, (1, "w last w", Decimal("1.25"), date(1999, 12, 31))]  # a day that tells which part is the month
    writer.writerow(["Order No", "what it is", "amount", "on day"])
    for number, words, amount, day in rows:
        writer.writerow([number, words, amount, day and day.strftime(style)])
    with tempfile.TemporaryDirectory() as folder:
        found = drafted(Path(folder), text.getvalue().encode(encoding))
        accepted, rejected = rows_by(found.contract, Path(folder))
    assert rejected == []
    assert [tuple(row.values()) for row in accepted] == rows, found.text
