"""The results of readers: blocks of records as columns, and rejected records that could not be parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import Contract
from sluice.tables.arrow import ORIGIN, REASONS, as_arrow

#: The schema of rejected records: that of the quarantine table without the origin columns.
REJECTED_ARROW = as_arrow((*(column for column in ORIGIN if column.name == "_position"), *REASONS))
#: A longer value is cut in a reason; the whole record is kept in another column.
REASON_VALUE_LENGTH = 200
#: Most values that are checked together: each may be bad, and a reason takes more memory than a value.
_CELLS_AT_ONCE = 500_000
#: Most records that are checked together: a rejected one takes far more memory than its bytes.
ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Reason:
    """Why a record was rejected: a stable ``code``, a message, and the ``column`` and ``value`` if one is to blame."""

    code: str
    message: str
    column: str | None = None
    value: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """Return the reason as the quarantine table stores it."""
        value = self.value if self.value is None else self.value[:REASON_VALUE_LENGTH]
        return {"code": self.code, "column": self.column, "value": value, "message": self.message}


@dataclass(frozen=True)
class Rejected:
    """One record that broke its contract.

    ``position`` is its number in the file, from 1 (None: the file as a whole). ``raw`` holds its bytes; when they are
    more than ``MAX_INLINE_RECORD``, ``pointer`` holds their S3 address instead.
    """

    position: int | None
    reasons: tuple[Reason, ...]
    raw: bytes | None = None
    pointer: str | None = None


def rejected_table(rejected: Sequence[Rejected]) -> pa.Table:
    """Return ``rejected`` as a table with the schema ``REJECTED_ARROW``."""
    columns: list[list[Any]] = [
        [record.position for record in rejected],
        [record.reasons[0].code for record in rejected],
        [[reason.as_dict() for reason in record.reasons] for record in rejected],
        [record.raw for record in rejected],
        [record.pointer for record in rejected],
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, REJECTED_ARROW, strict=True)]
    return pa.table(arrays, schema=REJECTED_ARROW)


@dataclass(frozen=True)
class Block:
    """A block of records: ``columns`` by their names in the contract, as text or typed, all of the same length.

    ``positions`` are the records' numbers in the file, from 1; None stands for consecutive ones from ``first``.
    ``raw`` returns the original bytes of the given rows (indexes into the columns).
    """

    first: int
    rows: int
    columns: dict[str, pa.Array]
    raw: Callable[[Sequence[int]], list[bytes]]
    positions: pa.Array | None = None
    rejected: list[Rejected] = field(default_factory=list)

    def parts(self, contract: Contract) -> Iterator[Block]:
        """Yield the block in parts small enough that memory holds their values and all reasons."""
        most = rows_at_once(contract)
        if self.rows <= most:
            yield self
            return
        for start in range(0, self.rows, most):
            yield self.slice(start, min(most, self.rows - start))

    def slice(self, start: int, rows: int) -> Block:
        """Return ``rows`` rows from ``start`` on as a block; the one with the first row has the rejected records."""
        return Block(
            self.first + start,
            rows,
            {name: values.slice(start, rows) for name, values in self.columns.items()},
            partial(self._raw_from, start),
            self.position_array().slice(start, rows),
            [] if start else self.rejected,
        )

    def _raw_from(self, start: int, rows: Sequence[int]) -> list[bytes]:
        return self.raw([start + row for row in rows])

    def position_array(self) -> pa.Array:
        """Return every row's position as int64."""
        if self.positions is not None:
            return self.positions
        return consecutive(self.first, self.rows)


def rows_at_once(contract: Contract) -> int:
    """Return how many records of the contract are checked together."""
    return max(1, min(ROWS_AT_ONCE, _CELLS_AT_ONCE // max(1, len(contract.columns))))


def consecutive(first: int, count: int) -> pa.Array:
    """Return ``count`` numbers from ``first`` on as int64."""
    return pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), count), start=first - 1)
