"""Changes as ``{"did": operation, "at": position, "row": …}``."""

from __future__ import annotations

import json
from typing import get_args

from sluice.contracts import Contract
from sluice.ingestion.changes.change import Change, Envelope, Operation, Refused


def _decode(raw: bytes, contract: Contract) -> Change:
    record = json.loads(raw)
    if record["did"] not in get_args(Operation):
        raise Refused("unknown_operation", f"{record['did']!r} is no operation")
    row = json.dumps(record["row"]).encode()
    return Change(record["did"], record["at"], None, None, "toys", row, None)


ENVELOPE = Envelope(decode=_decode)
