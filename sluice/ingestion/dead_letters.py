"""Dead letters of landing: what a message says of its file, and whether it is worth another try.

They come in two shapes: S3's event, which SQS moved after five receives, and Lambda's record of an asynchronous call of
``ingest_file_alone`` that failed three times.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from sluice.errors import DeliveryError
from sluice.ingestion.landing import Notice, to_notice

#: How Lambda and its runtime name the end of a function that did not end by itself.
DEATHS = frozenset(
    {"Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout", "Sandbox.Failure", "Lambda.Unknown", "Unhandled"}
)
#: After so many rounds of three tries by itself a file waits for people. Seconds before each round.
_ROUNDS_OF_DEATH = 2
_PAUSES = (0.0, 120.0, 600.0, 3600.0, 4 * 3600.0, 12 * 3600.0)


class FileLetter(msgspec.Struct, frozen=True):
    """One file's dead letter: ``rounds`` it went through alone, and the ``error`` that ended the last one.

    ``died`` tells that the function ended with it; ``at`` when it was put here, in seconds since the epoch.
    """

    notice: Notice
    rounds: int
    error: str
    died: bool
    at: float

    @property
    def due(self) -> float | None:
        """Return when it is tried again by itself, in seconds since the epoch; none when it waits for people."""
        if self.rounds >= len(_PAUSES):
            return None
        return self.at if self.died else self.at + _PAUSES[self.rounds]

    @property
    def kills(self) -> bool:
        """Tell whether reading the file, and nothing beside it, ended its function in round after round.

        Lambda tells how the last of a round's three calls ended: one death may be chance.
        """
        return self.died and self.rounds >= _ROUNDS_OF_DEATH


def read_notice(body: str, *, reference: str = "", received: int = 1) -> Notice:
    """Return the notice in S3's event as EventBridge sends it; ``DeliveryError`` when it is none."""
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
            f"A message on the landing queue is no event of an S3 object: {body[:200]!r} ({error!r}).",
            safe="no file is touched; the message goes to the dead letters.",
            next_step="look for who else sends to this queue; `sluice discard` removes the message.",
        ) from error


def read_letter(body: str, at: float) -> FileLetter:
    """Return what a dead letter of landing says; ``DeliveryError`` when it is of no file."""
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
        raise DeliveryError(f"A dead letter tells of no file: {body[:200]!r} ({error!r}).") from error
    answer = record.get("responsePayload")
    answer = answer if isinstance(answer, Mapping) else {}
    kind, message = str(answer.get("errorType", "")), str(answer.get("errorMessage", ""))
    died = kind in DEATHS or "Task timed out" in message
    return FileLetter(notice, rounds, f"{kind}: {message}" if kind else message, died=died, at=at)


def event_for(notice: Notice, *, rounds: int = 0, unread: str = "") -> bytes:
    """Return the event that ``ingest_file_alone`` takes; with ``unread`` it quarantines the file for that reason."""
    event: dict[str, Any] = {"notice": msgspec.to_builtins(notice), "round": rounds}
    return json.dumps(event | ({"unread": unread} if unread else {})).encode()
