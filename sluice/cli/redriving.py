"""Retries everything that failed for good, for `sluice redrive`."""

from __future__ import annotations

import time

from sluice.cli.dead_letters import hand_on
from sluice.cli.deployment import Deployment, client
from sluice.cli.streams import redrive_batches
from sluice.ingestion.aside import put_back, units_aside
from sluice.ingestion.wake import wake
from sluice.storage import S3Store


def redrive_all(deployment: Deployment) -> dict[str, int]:
    """Retry dead letters, failed stream batches and units set aside; return how many of each kind."""
    settings, store = deployment.settings, S3Store()
    moved = {
        "landing": hand_on(deployment),
        "commit": _move(deployment.settings.commit_dead_letters_url, deployment.settings.commit_queue_url),
    }
    aside = list(units_aside(store, settings.lake))
    for unit in aside:
        put_back(store, settings.lake, unit)
        wake(settings, unit.dataset, f"put back {unit.attempt} {time.time()}")
    return moved | {"set aside": len(aside), "streams": redrive_batches(deployment)}


def _move(dead: str, queue: str) -> int:
    sqs, count = client("sqs"), 0
    while messages := sqs.receive_message(
        QueueUrl=dead, MaxNumberOfMessages=10, WaitTimeSeconds=1, AttributeNames=["MessageGroupId"]
    ).get("Messages"):
        for message in messages:
            fifo = {}
            if group := message.get("Attributes", {}).get("MessageGroupId"):
                fifo = {"MessageGroupId": group, "MessageDeduplicationId": f"redrive-{message['MessageId']}"}
            sqs.send_message(QueueUrl=queue, MessageBody=message["Body"], **fifo)
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
            count += 1
    return count
