"""Batches of streams that failed to the end: Lambda keeps them, payload and all, and they are handed in again.

A batch whose function dies of it is halved, until the record to blame is alone; that one is quarantined unread.
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

import json
import logging
import uuid
from typing import Any, Literal

from sluice.ingestion.dead_letters import DEATHS
from sluice.ingestion.retry import doubled
from sluice.storage import client

log = logging.getLogger(__name__)
#: Where Lambda keeps batches that failed to the end.
FAILED_BATCHES = "aws/lambda/"
#: So many deaths in a row by one batch, and it is halved; by one record, and it is quarantined unread.
_DEATHS, _DEATHS_BY_ONE = 3, 5
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 45.0, 3600.0
#: What became of a batch: in its table soon, kept as two, or kept as it is.
Fate = Literal["arrived", "halved", "waits", "failed"]


def retry_batch(bucket: str, key: str, *, age: float | None = None) -> Fate:
    """Hand a failed batch to its function again; return what became of it. Each record is still committed once.

    With ``age``, the seconds since its last failure, it waits for its turn: the longer the more often it failed.
    """
    kept = json.loads(client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    failures, deaths = int(kept.get("failures", 0)), int(kept.get("deaths", 0))
    if age is not None and age < doubled(_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, failures - deaths):
        return "waits"
    payload = json.loads(kept["payload"])
    if deaths >= _DEATHS and len(payload["Records"]) > 1:
        _halve(bucket, key, kept, payload)
        return "halved"
    if deaths >= _DEATHS_BY_ONE:
        payload["unread"] = f"the function that read it ended {deaths} times: {kept.get('error', '')}"
    # Noted before: who waits for the answer may die of waiting, and then nobody would know of this try.
    _keep(bucket, key, kept, failures=failures + 1, deaths=deaths + 1, error=kept.get("error", ""))
    answer = client("lambda", patient=True).invoke(
        FunctionName=kept["requestContext"]["functionArn"], Payload=json.dumps(payload).encode()
    )
    if "FunctionError" not in answer:
        client("s3").delete_object(Bucket=bucket, Key=key)
        return "arrived"
    error = json.loads(answer["Payload"].read() or b"{}")
    died = error.get("errorType") in DEATHS or "Task timed out" in str(error.get("errorMessage"))
    said = f"{error.get('errorType')}: {error.get('errorMessage')}"[:500]
    log.warning("the batch s3://%s/%s failed again: %s", bucket, key, said)
    _keep(bucket, key, kept, failures=failures + 1, deaths=deaths + 1 if died else 0, error=said)
    return "failed"


def _keep(bucket: str, key: str, kept: dict[str, Any], **now: Any) -> None:
    client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(kept | now).encode())


def _halve(bucket: str, key: str, kept: dict[str, Any], payload: dict[str, Any]) -> None:
    """Keep the batch as two: first the halves, then the removal, for a record that comes twice is committed once."""
    records = payload["Records"]
    half = len(records) // 2
    folder = key.rsplit("/", 1)[0]
    for part in (records[:half], records[half:]):
        # One death more is enough to halve it again: one of the two is known to end its function.
        body = kept | {"payload": json.dumps({**payload, "Records": part})}
        _keep(bucket, f"{folder}/{uuid.uuid4().hex}", body, failures=_DEATHS - 1, deaths=_DEATHS - 1)
    client("s3").delete_object(Bucket=bucket, Key=key)
