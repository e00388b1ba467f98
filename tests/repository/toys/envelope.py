"""Changes as ``{"did": operation, "at": position, "row": …}``."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from sluice.contracts import Contract
from sluice.decoding import json_decoder
from sluice.ingestion.changes.change import Change, Envelope, Operation, Refused
from sluice.ingestion.changes.rows import one_line, plan_of, read_row

_ROWS: dict[str, Operation] = {"insert": "insert", "update": "update", "delete": "delete"}


class Record(msgspec.Struct):
    """One record, as it is sent."""

    did: str
    at: str
    row: Raw


_decode_record = json_decoder(Record)


def _decode(raw: bytes, contract: Contract) -> Change:
    try:
        record = _decode_record(raw)
    except msgspec.DecodeError as error:
        raise Refused("malformed_record", f"not a toy: {error}") from error
    operation = _ROWS.get(record.did)
    if operation is None:
        known = ", ".join(_ROWS)
        raise Refused("unknown_operation", f"did {record.did!r} is not one of {known}", value=record.did)
    row = read_row(record.row, "row")
    if row is None:
        raise Refused("missing_row", f"a toy's {record.did} without row")
    plan_of(contract).convert(row, b"")
    return Change(operation, record.at, None, None, "toys", one_line(row), None)


ENVELOPE = Envelope(decode=_decode)
