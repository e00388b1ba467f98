"""Landed files of which no event came: S3's event was lost, so that no queue has it and the ledger knows nothing.

The landing bucket itself is compared with the ledger, dataset by dataset; what is missing goes on the landing queue as
its event would have. One that comes in spite of it is known then, as any event that comes twice.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from sluice.ingestion.landing import Notice
from sluice.ledger import Ledger
from sluice.storage import client

log = logging.getLogger(__name__)
#: Seconds after which an event that nobody saw is taken for lost: longer than a message waits between two tries.
LOST_SECONDS = 3600.0
#: Seconds for which a file is looked for; older ones were looked for many times.
LOOKED_FOR_SECONDS = 8 * 86_400.0
#: With more messages than this on the landing queue files are on their way, and none is missed yet.
_BUSY = 100
_LOOKED_UP, _SENT = 100, 10


def unnoticed(bucket: str, dataset: str, ledger: Ledger, *, now: float, after: float) -> Iterator[Notice]:
    """Yield the object versions of ``dataset``, there for ``after`` seconds, that ``ledger`` does not know."""
    landed = _landed(bucket, dataset, now, after)
    while some := list(islice(landed, _LOOKED_UP)):
        known = ledger.known((dataset, notice.delivery_id) for notice in some)
        yield from (notice for notice in some if notice.delivery_id not in known)


def announce(queue_url: str, notices: Sequence[Notice]) -> None:
    """Put an event for each object version on the landing queue; ``OSError`` when SQS did not take one."""
    for start in range(0, len(notices), _SENT):
        entries = [
            {"Id": str(number), "MessageBody": _event(notice)}
            for number, notice in enumerate(notices[start : start + _SENT])
        ]
        if failed := client("sqs").send_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed"):
            raise OSError(f"SQS did not take {len(failed)} events: {failed[0].get('Message', failed[0]['Code'])}")


def is_busy(queue_url: str) -> bool:
    """Return whether so many messages wait that a file without an entry may just not have been read yet."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names) > _BUSY


def in_turns(datasets: Sequence[str], turn: int, time_left: Callable[[], float], reserve: float) -> Iterator[str]:
    """Yield the datasets, each ``turn`` beginning with another, as long as there is time; say which are left."""
    first = turn % len(datasets) if datasets else 0
    ordered = [*datasets[first:], *datasets[:first]]
    for number, dataset in enumerate(ordered):
        if time_left() < reserve:
            log.warning("no time is left to look for lost events of %s", ", ".join(ordered[number:]))
            return
        yield dataset


def _landed(bucket: str, dataset: str, now: float, after: float) -> Iterator[Notice]:
    pages = client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=f"{dataset}/")
    for page in pages:
        for version in page.get("Versions", []):
            if after <= now - version["LastModified"].timestamp() < LOOKED_FOR_SECONDS:
                yield Notice(bucket, version["Key"], version["VersionId"], version["Size"])


def _event(notice: Notice) -> str:
    """Return what of an S3 event is read.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    item: dict[str, Any] = {"key": notice.key, "size": notice.size, "version-id": notice.version_id}
    return json.dumps({"source": "sluice.sweep", "detail": {"bucket": {"name": notice.bucket}, "object": item}})
