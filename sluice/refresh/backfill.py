"""Backfill requests: recompute a table, or an interval of it, even though no input changed.

A request is checked here before it is written to the ledger.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sluice.compiled import Backfill
from sluice.contracts import Contract
from sluice.errors import WrongArgument
from sluice.project import Project
from sluice.refresh.tables import transform_of

_TIMES = ("date", "timestamp")


def checked_backfill(project: Project, request: Backfill) -> Backfill:
    """Return ``request`` with the column that its interval is about, empty when the whole table is requested.

    Raise ``WrongArgument`` for a table that is not derived, an interval that is no two days in order, or a column
    without dates.
    """
    transform = transform_of(project, request.table, safe="nothing was requested.")
    if not request.first and not request.last:
        return replace(request, column="")
    try:
        first, last = (date.fromisoformat(text) for text in (request.first, request.last))
    except ValueError as error:
        raise WrongArgument(
            f"--from and --to must be two days, written as 2026-01-31: {error}.",
            safe="nothing was requested.",
            next_step="give both days, or neither for the whole table.",
            dataset=request.table,
            value=f"{request.first}/{request.last}",
        ) from error
    if first > last:
        raise WrongArgument(
            f"--from {first} is after --to {last}.",
            safe="nothing was requested.",
            next_step="swap the two.",
            dataset=request.table,
            value=first.isoformat(),
        )
    contract = project.contract(request.table)
    column = _column(contract, transform.recompute_key, request.column)
    return replace(request, column=column, first=first.isoformat(), last=last.isoformat())


def _column(contract: Contract, recompute_key: tuple[str, ...], wanted: str) -> str:
    """Return the date or timestamp column that the interval is about.

    That is ``wanted``, else the first such column of the recompute key, of the partitioning, or of the table.
    """
    times = [column.name for column in contract.columns if column.type.name in _TIMES]
    if (wanted and wanted not in times) or not times:
        raise WrongArgument(
            f"{contract.table} has no date or timestamp {wanted or 'column'}.", safe="nothing was requested.",
            next_step=f"name one of {', '.join(times)} with --column." if times else "leave out --from and --to.",
            dataset=contract.table, column=wanted or None,
        )  # fmt: skip
    partitions = [field.column for field in contract.partitioning]
    first = [name for name in (wanted, *recompute_key, *partitions, *times) if name in times]
    return first[0]
