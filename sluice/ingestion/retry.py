"""When a failed message comes again: soon at first, later each time, and not only after the visibility timeout."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sluice.storage import client

_FIRST_SECONDS, _LONGEST_SECONDS = 5, 900


def doubled(first: float, longest: float, times: int) -> float:
    """Return the pause of ``first`` seconds after it was doubled so many ``times``, and ``longest`` at most."""
    return float(min(longest, first * 2 ** min(max(times, 0), 30)))


def postpone(queue_url: str, records: Iterable[dict[str, Any]], seconds: Mapping[str, float]) -> None:
    """Let messages (by their ids) come again after so many ``seconds``; nobody is paid for waiting meanwhile."""
    for record in records:
        if record["messageId"] in seconds:
            client("sqs").change_message_visibility(
                QueueUrl=queue_url,
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=math.ceil(seconds[record["messageId"]]),
            )


def give_back(queue_url: str, records: Iterable[dict[str, Any]], failed: Collection[str]) -> dict[str, Any]:
    """Return the answer that gives the ``failed`` messages of a batch back to the queue, and bring them back soon.

    Without this a passing fault would cost the whole visibility timeout, which is as long as the function may run.
    """
    for record in records:
        if record["messageId"] in failed:
            received = int(record["attributes"]["ApproximateReceiveCount"])
            client("sqs").change_message_visibility(
                QueueUrl=queue_url,
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=int(doubled(_FIRST_SECONDS, _LONGEST_SECONDS, received - 1)),
            )
    return {"batchItemFailures": [{"itemIdentifier": reference} for reference in failed]}
