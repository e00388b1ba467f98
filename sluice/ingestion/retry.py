"""Pauses before failed SQS messages are received again: short at first, doubled with each failure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sluice.storage import client

_FIRST_SECONDS, _LONGEST_SECONDS = 5, 900


def doubled(first: float, longest: float, times: int) -> float:
    """Return ``first`` seconds doubled ``times`` times, at most ``longest``."""
    return float(min(longest, first * 2 ** min(max(times, 0), 30)))


def postpone(queue_url: str, records: Iterable[dict[str, Any]], seconds: Mapping[str, float]) -> None:
    """Make messages visible again after ``seconds`` (by message id), so that no function has to wait for that."""
    for record in records:
        if record["messageId"] in seconds:
            client("sqs").change_message_visibility(
                QueueUrl=queue_url,
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=math.ceil(seconds[record["messageId"]]),
            )


def give_back(queue_url: str, records: Iterable[dict[str, Any]], failed: Collection[str]) -> dict[str, Any]:
    """Return Lambda's answer for a batch with ``failed`` messages, and make these visible again soon.

    Otherwise they would come again only after the visibility timeout, which is as long as the function may run.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
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
