"""Reads the dead letters of file ingestion: which file each is about, and whether the file is tried again.

A dead letter is either S3's event, which SQS moved here after five receives, or Lambda's record of an asynchronous call
of ``ingest_file_alone`` that failed three times.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from sluice.errors import DeliveryError
from sluice.ingestion.landing import Notice, to_notice

#: Lambda's names of errors in which the function was ended from outside: killed, out of memory, or out of time.
DEATHS = frozenset(
    {"Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout", "Sandbox.Failure", "Lambda.Unknown", "Unhandled"}
)
#: Seconds before each round of three tries of a file by itself; after the last round it waits for people.
_ROUNDS_OF_DEATH = 2
_PAUSES = (0.0, 120.0, 600.0, 3600.0, 4 * 3600.0, 12 * 3600.0)


class FileLetter(msgspec.Struct, frozen=True):
    """One file's dead letter: the number of ``rounds`` of tries by itself, and the ``error`` of the last one.

    ``died`` says that the function was ended from outside; ``at`` is when the letter was put here, in epoch seconds.
    """

    notice: Notice
    rounds: int
    error: str
    died: bool
    at: float

    @property
    def due(self) -> float | None:
        """Return when the file is tried again, in epoch seconds, or None when it waits for people."""
        if self.rounds >= len(_PAUSES):
            return None
        return self.at if self.died else self.at + _PAUSES[self.rounds]

    @property
    def kills(self) -> bool:
        """Return whether reading this file alone has ended its function in two rounds or more.

        Lambda records only the last of a round's three calls, and one death may be chance, so one round is not enough.
        """
        return self.died and self.rounds >= _ROUNDS_OF_DEATH


def read_notice(body: str, *, reference: str = "", received: int = 1) -> Notice:
    """Return the notice in an S3 event from EventBridge; ``DeliveryError`` when ``body`` is no such event."""
    try:
        detail = json.loads(body)["detail"]
        item = detail["object"]
        return Notice(
            bucket=str(detail["bucket"]["name"]),
            key=str(item["key"]),
            version_id=str(item.get("version-id", "")),
            size=int(item["size"]),
            reference=reference,
            received=received,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DeliveryError(
            f"A message on the landing queue is not an event of an S3 object: {body[:200]!r} ({error!r}).",
            safe="no file is touched; the message goes to the dead letters.",
            next_step="look for who else sends to this queue; `sluice discard` removes the message.",
            value=body[:200],
        ) from error


def read_letter(body: str, at: float) -> FileLetter:
    """Return the file's dead letter in ``body``; ``DeliveryError`` when it is about no file."""
    try:
        record = json.loads(body)
    except ValueError:
        record = None
    if not isinstance(record, Mapping) or "requestPayload" not in record:
        return FileLetter(read_notice(body), 0, "", died=True, at=at)
    try:
        request = record["requestPayload"]
        notice, rounds = to_notice(request["notice"]), int(request.get("round", 0)) + 1
    except (KeyError, TypeError, ValueError) as error:
        raise DeliveryError(
            f"A dead letter is about no file: {body[:200]!r} ({error!r}).",
            safe="it stays in the queue, and no other waits for it.",
            next_step="find out what else writes to the queue; `sluice discard` removes it.",
            value=body[:200],
        ) from error
    answer = record.get("responsePayload")
    answer = answer if isinstance(answer, Mapping) else {}
    kind, message = str(answer.get("errorType", "")), str(answer.get("errorMessage", ""))
    died = kind in DEATHS or "Task timed out" in message
    return FileLetter(notice, rounds, f"{kind}: {message}" if kind else message, died=died, at=at)


def event_for(notice: Notice, *, rounds: int = 0, unread: str = "") -> bytes:
    """Return an event for ``ingest_file_alone``; a text in ``unread`` has it quarantine the file for that reason."""
    event: dict[str, Any] = {"notice": msgspec.to_builtins(notice), "round": rounds}
    return json.dumps(event | ({"unread": unread} if unread else {})).encode()
