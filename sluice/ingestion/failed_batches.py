"""Batches of streams that failed to the end: Lambda keeps them, payload and all, and they are handed in again.

A batch whose function dies of it is halved, until the record to blame is alone; that one is quarantined unread.
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

import json
import logging
import uuid
from typing import Any, Literal

from botocore.exceptions import ReadTimeoutError

from sluice.errors import DeliveryError
from sluice.ingestion.dead_letters import DEATHS
from sluice.ingestion.retry import doubled
from sluice.storage import client

log = logging.getLogger(__name__)
#: Where Lambda keeps batches that failed to the end.
FAILED_BATCHES = "aws/lambda/"
#: So many deaths in a row by one batch, and it is halved; by one record, and it is quarantined unread.
_DEATHS, _DEATHS_BY_ONE = 3, 5
_MOST_WORDS = 500
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 45.0, 3600.0
#: What became of a batch: in its table soon, kept as two, or kept as it is.
Fate = Literal["arrived", "halved", "waits", "failed"]


def retry_batch(bucket: str, key: str, *, age: float | None = None) -> Fate:
    """Hand a failed batch to its function again; return what became of it. Each record is still committed once.

    With ``age``, the seconds since its last failure, it waits for its turn: the longer the more often it failed.
    ``DeliveryError`` when the object is no failed batch; what kept the function from being called is raised as it is.
    """
    kept, payload = _read(bucket, key)
    failures, deaths = kept["failures"], kept["deaths"]
    if age is not None and age < doubled(_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, failures - deaths):
        return "waits"
    if deaths >= _DEATHS and len(payload["Records"]) > 1:
        _halve(bucket, key, kept, payload)
        return "halved"
    event = kept["payload"]
    if deaths >= _DEATHS_BY_ONE:
        event = _compact(payload | {"unread": f"the function that read it ended {deaths} times: {kept['error']}"})
    # Noted before: who waits for the answer may die of waiting, and then nobody would know of this try.
    _keep(bucket, key, kept, failures=failures + 1, deaths=deaths + 1)
    try:
        answer = client("lambda", patient=True).invoke(
            FunctionName=kept["requestContext"]["functionArn"], Payload=event.encode()
        )
        error = json.loads(answer["Payload"].read() or b"{}") if "FunctionError" in answer else None
    except ReadTimeoutError:
        raise  # it may have died of the batch; the note stays
    except Exception as refused:
        # Throttled, forbidden, gone or out of reach: nobody read the batch, so nobody died of it.
        _keep(bucket, key, kept, failures=failures + 1, error=f"{type(refused).__name__}: {refused}"[:_MOST_WORDS])
        raise
    if error is None:
        client("s3").delete_object(Bucket=bucket, Key=key)
        return "arrived"
    died = error.get("errorType") in DEATHS or "Task timed out" in str(error.get("errorMessage"))
    said = f"{error.get('errorType')}: {error.get('errorMessage')}"[:_MOST_WORDS]
    log.warning("the batch s3://%s/%s failed again: %s", bucket, key, said)
    _keep(bucket, key, kept, failures=failures + 1, deaths=deaths + 1 if died else 0, error=said)
    return "failed"


def _read(bucket: str, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is kept of a batch, and the event in it."""
    body = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        kept = json.loads(body)
        kept = (
            kept | {name: int(kept.get(name, 0)) for name in ("failures", "deaths")} | {"error": kept.get("error", "")}
        )
        payload = json.loads(kept["payload"])
        if not isinstance(payload["Records"], list) or not isinstance(kept["requestContext"]["functionArn"], str):
            raise TypeError("no list of records, or no function's name")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DeliveryError(
            f"s3://{bucket}/{key} is no failed batch of a stream: {type(error).__name__}: {error}.",
            safe="it stays where it is, and no other batch waits for it.",
            next_step="look for who else writes there, and remove the object.",
        ) from error
    return kept, payload


def _compact(value: Any) -> str:
    """Return JSON of no byte too many: Lambda takes 6 MB, and hands on batches of nearly as much."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _keep(bucket: str, key: str, kept: dict[str, Any], **now: Any) -> None:
    client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(kept | now).encode())


def _halve(bucket: str, key: str, kept: dict[str, Any], payload: dict[str, Any]) -> None:
    """Keep the batch as two: first the halves, then the removal, for a record that comes twice is committed once."""
    records = payload["Records"]
    half = len(records) // 2
    folder = key.rsplit("/", 1)[0]
    for part in (records[:half], records[half:]):
        # One death more is enough to halve it again: one of the two is known to end its function.
        body = kept | {"payload": _compact({**payload, "Records": part})}
        _keep(bucket, f"{folder}/{uuid.uuid4().hex}", body, failures=_DEATHS - 1, deaths=_DEATHS - 1)
    client("s3").delete_object(Bucket=bucket, Key=key)
