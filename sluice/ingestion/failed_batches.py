"""Retries stream batches that failed in every retry of Lambda, which keeps them with their payload in S3.

A batch that ends its function is halved until the record to blame is alone; that record is quarantined unread.
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
#: The prefix under which Lambda keeps batches that failed in every retry.
FAILED_BATCHES = "aws/lambda/"
#: After so many deaths of the function in a row a batch is halved, and a single record is quarantined unread.
_DEATHS, _DEATHS_BY_ONE = 3, 5
_MOST_WORDS = 500
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 45.0, 3600.0
#: The result of a retry: the batch was staged, was kept as two halves, or was kept as it is.
Fate = Literal["arrived", "halved", "waits", "failed"]


def retry_batch(bucket: str, key: str, *, age: float | None = None) -> Fate:
    """Invoke the function again with a failed batch; return what became of it. Each record is still committed once.

    With ``age``, the seconds since its last failure, the batch is only retried once its pause is over, which grows with
    each failure. Raise ``DeliveryError`` when the object is no failed batch; errors of the invocation itself, such as
    throttling, are raised unchanged.
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
    # Counted before the call: this process may end while it waits for the answer, and the try would not be counted.
    _keep(bucket, key, kept, failures=failures + 1, deaths=deaths + 1)
    try:
        answer = client("lambda", patient=True).invoke(
            FunctionName=kept["requestContext"]["functionArn"], Payload=event.encode()
        )
        error = json.loads(answer["Payload"].read() or b"{}") if "FunctionError" in answer else None
    except ReadTimeoutError:
        raise  # the batch may have ended the function, so the count stays
    except Exception as refused:
        # Throttled, forbidden, deleted or unreachable: the function did not read the batch, so the try does not count.
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
    """Return Lambda's record of a failed batch, and the event in it."""
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
            f"s3://{bucket}/{key} is not a failed batch of a stream: {type(error).__name__}: {error}.",
            safe="the object stays where it is, and no other batch waits for it.",
            next_step="find out what else writes there, and remove the object.",
            file=f"s3://{bucket}/{key}",
        ) from error
    return kept, payload


def _compact(value: Any) -> str:
    """Return JSON without spaces: an invocation takes 6 MB, and a stream's batch may have nearly as much.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _keep(bucket: str, key: str, kept: dict[str, Any], **now: Any) -> None:
    client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(kept | now).encode())


def _halve(bucket: str, key: str, kept: dict[str, Any], payload: dict[str, Any]) -> None:
    """Store the batch's halves, then remove the batch; a record that is in both for a moment is committed once."""
    records = payload["Records"]
    half = len(records) // 2
    folder = key.rsplit("/", 1)[0]
    for part in (records[:half], records[half:]):
        # One more death is enough to halve again, since one of the halves is known to end the function.
        body = kept | {"payload": _compact({**payload, "Records": part})}
        _keep(bucket, f"{folder}/{uuid.uuid4().hex}", body, failures=_DEATHS - 1, deaths=_DEATHS - 1)
    client("s3").delete_object(Bucket=bucket, Key=key)
