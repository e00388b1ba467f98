"""Captured changes: records of Debezium and AWS DMS (``envelopes``), decoded into one type, ``Change``.

``decode`` takes the bytes of one record and never raises because of them: it returns why a record cannot be decoded.

Whoever applies changes must know:

- Changes of equal ``position`` keep the order in which the stream delivered them.
- Only the key columns of a delete's ``row`` are reliable; sources send null, or nothing, for the others.
- An update's ``unavailable`` columns were not sent because they did not change: their null in ``row`` must not replace
  the value that the table holds.
- ``previous_key`` names the row that the change moved to another key: it must be removed, at the change's position.
"""

from __future__ import annotations

import msgspec

from sluice.contracts import Contract
from sluice.ingestion.changes.change import Change, Operation, Refused
from sluice.ingestion.changes.envelopes import ENVELOPES
from sluice.ingestion.readers.json_keys import TOO_DEEP, key_problem, too_deep
from sluice.ingestion.readers.text import undecodable
from sluice.ingestion.records import Reason

__all__ = ["ENVELOPES", "Change", "Operation", "decode"]


def decode(raw: bytes, change_format: str, contract: Contract) -> Change | Reason:
    """Return the change that ``raw`` holds, or the reason why it holds none.

    Codes of reasons: ``nul_byte``, ``wrong_encoding``, ``malformed_record`` (not JSON, or not the format's shape),
    ``flattened_record`` (only the row is left of a Debezium change), ``unknown_operation``, ``missing_row`` (an
    operation on a row, without the row), ``unparseable`` (a position, a time or a column's value).
    """
    envelope = ENVELOPES[change_format]
    if reason := undecodable(raw):
        return reason
    if too_deep(raw):
        return TOO_DEEP
    try:
        change = envelope.decode(raw, contract)
        return (key_problem(raw) if raw.strip() else None) or change
    except Refused as refused:
        return refused.reason
    except msgspec.DecodeError as error:
        return Reason("malformed_record", f"not JSON that can be read: {error}")
