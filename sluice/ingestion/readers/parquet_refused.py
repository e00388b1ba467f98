"""Finds rows that no column could hold: text that is not UTF-8, values invalid for their type, or too large."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from sluice.ingestion.lines import MAX_RECORD
from sluice.ingestion.readers.parquet_sizes import broken_texts
from sluice.ingestion.readers.text import too_long_reason
from sluice.ingestion.records import Reason, consecutive

_NOT_TEXT = Reason("wrong_encoding", "the row holds text that is not UTF-8")


def refused_rows(columns: dict[str, pa.Array], sizes: pa.Array) -> dict[int, Reason]:
    """Return the reason for each row that is refused, by its index; ``sizes`` are the bytes of each row's text."""
    reasons: dict[int, Reason] = {}
    for name, values in columns.items():
        if _fault(values) is None:
            continue
        broken = pc.greater(broken_texts(values), 0)
        reasons |= dict.fromkeys(pc.indices_nonzero(broken).to_pylist(), _NOT_TEXT)
        rest = consecutive(0, len(values)).filter(pc.invert(broken))
        for row, fault in _faulty(values, rest):
            reasons.setdefault(row, Reason("unparseable", f"{name} is no {values.type}: {fault}", name))
    for row in pc.indices_nonzero(pc.greater(sizes, MAX_RECORD)).to_pylist():
        reasons[row] = too_long_reason(sizes[row].as_py())
    return reasons


def _faulty(values: pa.Array, rows: pa.Array) -> Iterator[tuple[int, str]]:
    """Yield which of the rows are invalid for their type, with Arrow's message; found by halving."""
    waiting = [rows]
    while waiting:
        some = waiting.pop()
        # Taken, not sliced: of a slice of lists Arrow looks at all elements.
        fault = _fault(values.take(some))
        if fault is None:
            continue
        if len(some) == 1:
            yield some[0].as_py(), fault
        else:
            half = len(some) // 2
            waiting += [some.slice(half), some.slice(0, half)]


def _fault(values: pa.Array) -> str | None:
    try:
        values.validate(full=True)
    except pa.ArrowInvalid as error:
        return str(error)
    return None
