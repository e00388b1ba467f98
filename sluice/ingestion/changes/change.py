"""The change of one row of a source, the same for every tool that captures changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sluice.contracts import Contract
from sluice.contracts.formats import Format
from sluice.ingestion.records import Reason

Operation = Literal["insert", "update", "delete", "truncate", "read", "tombstone", "transaction", "schema", "heartbeat"]


@dataclass(frozen=True)
class Change:
    """One captured change.

    ``position`` is its place in the source's log, as text that sorts as the log does (``changes.position``);
    ``changed_at`` is naive UTC. ``table`` is ``schema.table`` or ``database.schema.table``, as the source names it.

    ``row`` is a JSON object under the source's column names: the row after the change, or for a delete the row before
    it. ``control`` is the text of a record that changes no single row: truncate, transaction, schema, heartbeat (a
    message in the log counts as one: both only show how far the log has been read), and empty for a tombstone.

    ``unavailable`` names the contract's columns whose value the source did not send because it did not change; they are
    null in ``row``. ``previous_key`` is a JSON object of the key columns before the change, when it moved the row to
    another key.
    """

    operation: Operation
    position: str | None
    changed_at: datetime | None
    transaction: str | None
    table: str | None
    row: bytes | None
    control: str | None
    unavailable: tuple[str, ...] = ()
    previous_key: bytes | None = None


class Refused(Exception):
    """A record that holds no valid change; raised inside this package only."""

    def __init__(self, code: str, message: str, column: str | None = None, value: str | None = None) -> None:
        super().__init__(message)
        self.reason = Reason(code, message, column, value)


@dataclass(frozen=True, kw_only=True)
class Envelope(Format):
    """A format of captured changes, one JSON record each.

    ``decode`` returns the change that a record holds, or raises ``Refused``. Before it is called, the record's
    encoding, nesting depth and duplicate keys have been checked.
    """

    decode: Callable[[bytes, Contract], Change]
