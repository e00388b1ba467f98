"""Reads a batch of captured changes as columns: rows are checked against the contract, control records kept apart.

A delete, and an update that leaves out unchanged columns, must only have its key; the contract's other rules apply to
whole rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa

from sluice.contracts import LandingContract, Rules
from sluice.contracts.values.convert import arrow_type
from sluice.contracts.values.texts import EPOCH_FORMATS
from sluice.ingestion.alone import check_records
from sluice.ingestion.changes import decode
from sluice.ingestion.changes.change import Change
from sluice.ingestion.check import Checked
from sluice.ingestion.readers.json_records import parse_records
from sluice.ingestion.records import Reason, Rejected, rejected_table
from sluice.tables.arrow import CHANGE_FACTS, KEY_SEPARATOR, as_arrow


@dataclass
class _Rows:
    """Rows that are checked against the same contract: their JSON, and the indexes of their records in the batch."""

    contract: LandingContract
    json: list[bytes] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def add(self, row: bytes, place: int) -> None:
        self.json.append(row)
        self.places.append(place)


def check_changes(records: Sequence[bytes], contract: LandingContract) -> tuple[list[Checked], pa.Table]:
    """Return the checked rows, whose positions are indexes into ``records``, and each record's ``CHANGE_FACTS``."""
    whole, partial = _Rows(_for_rows(contract)), _Rows(_for_keys(contract))
    control: list[int] = []
    refused: list[Rejected] = []
    facts: list[tuple[object, ...]] = []
    for place, raw in enumerate(records):
        change = decode(raw, contract.arrival.format, contract)
        if isinstance(change, Reason):
            refused.append(Rejected(place, (change,), raw))
            facts.append((None,) * len(CHANGE_FACTS))
            continue
        facts.append(_facts(change, contract))
        if change.row is None:
            control.append(place)
        elif change.operation == "delete" or change.unavailable:
            partial.add(change.row, place)
        else:
            whole.add(change.row, place)
    checked = [part for rows in (whole, partial) for part in _checked(rows, records)]
    checked.append(_control(control, contract, refused))
    return checked, _as_table(facts)


def _facts(change: Change, contract: LandingContract) -> tuple[object, ...]:
    """Return the values of ``CHANGE_FACTS``, in their order."""
    previous = None
    if change.previous_key is not None:
        values = msgspec.json.decode(change.previous_key)
        previous = KEY_SEPARATOR.join(str(values[contract.column(name).header]) for name in contract.key)
    unavailable = ",".join(change.unavailable) or None
    return (
        change.operation, change.position, change.changed_at, change.transaction, previous, unavailable, change.control
    )  # fmt: skip


def _as_table(facts: list[tuple[object, ...]]) -> pa.Table:
    schema = as_arrow(CHANGE_FACTS)
    columns = [pa.array([row[at] for row in facts], kind.type) for at, kind in enumerate(schema)]
    return pa.table(columns, schema=schema)


def _checked(rows: _Rows, records: Sequence[bytes]) -> list[Checked]:
    """Return the rows checked against their contract; a rejected one is kept as its whole record."""
    places = pa.array(rows.places, pa.int64())
    found = []
    parsed = parse_records(rows.json, rows.contract, 0)
    for checked in (checked for block in parsed for checked in check_records(block, rows.contract)):
        at = places.take(checked.rejected["_position"].combine_chunks())
        raws = pa.array([records[place] for place in at.to_pylist()], pa.binary())
        rejected = checked.rejected.set_column(0, "_position", at)
        rejected = rejected.set_column(rejected.column_names.index("record"), "record", raws)
        found.append(Checked(checked.accepted, places.take(checked.positions), rejected))
    return found


def _control(places: list[int], contract: LandingContract, refused: list[Rejected]) -> Checked:
    """Return records that carry no row; their columns are null in bronze."""
    empty = {c.name: pa.nulls(len(places), arrow_type(c.type)) for c in contract.columns}
    return Checked(pa.table(empty), pa.array(places, pa.int64()), rejected_table(refused))


def _for_rows(contract: LandingContract) -> LandingContract:
    """Return the contract for decoded rows, whose epoch numbers are ISO 8601 text already."""
    columns = tuple(
        msgspec.structs.replace(c, format=None) if c.format in EPOCH_FORMATS else c for c in contract.columns
    )
    return msgspec.structs.replace(contract, columns=columns)


def _for_keys(contract: LandingContract) -> LandingContract:
    """Return the contract for rows of which only the key is reliable."""
    plain = _for_rows(contract)
    columns = tuple(
        c if c.name in contract.key else msgspec.structs.replace(c, required=False, rules=Rules())
        for c in plain.columns
    )
    return msgspec.structs.replace(plain, columns=columns)
