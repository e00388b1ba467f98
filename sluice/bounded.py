"""Cuts messages to the length that a store or service takes; the whole of a cut message is kept in S3.

The limits: 400 KB for a DynamoDB item, 4,096 bytes for an answer to CloudFormation, 256 KiB for the data between two
states of Step Functions, 256 KiB for a message of SQS, SNS or EventBridge.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from sluice.storage import S3Store, Store

log = logging.getLogger(__name__)
#: Most bytes of a message in the ledger, a commit, or an answer to the workflow.
MESSAGE_BYTES = 4_000
#: Most bytes of a reason in an answer to CloudFormation, whose other fields need the rest.
ANSWER_BYTES = 1_500
#: Most reasons that an item counts by name; the others are counted together.
MOST_REASONS = 100
_REASON_BYTES = 200
Result = TypeVar("Result")


def cut(text: str, limit: int, ending: str = "…") -> str:
    """Return ``text`` in at most ``limit`` bytes of UTF-8; when it is cut, it ends with ``ending``."""
    data = text.encode(errors="replace")
    if len(data) <= limit:
        return text
    return data[: limit - len(ending.encode())].decode(errors="ignore") + ending


class Messages:
    """Bounds messages, and keeps the whole of a cut one as an object under ``lake`` named by its content's hash."""

    def __init__(self, lake: str, store: Store | None = None) -> None:
        self._lake, self._store = lake, store or S3Store()

    def bounded(self, text: str, limit: int = MESSAGE_BYTES) -> str:
        """Return ``text``, cut to at most ``limit`` bytes with the address of the whole at its end."""
        whole = text.encode(errors="replace")
        if len(whole) <= limit:
            return text
        address = f"{self._lake}/messages/{hashlib.sha256(whole).hexdigest()}.txt"
        try:
            self._store.put(address, whole)
        except (ClientError, BotoCoreError, OSError) as error:
            # Only logged: that a message cannot be kept whole must not stop the work it is about.
            log.warning("a message of %d bytes is not kept whole (%s): %s", len(whole), error, cut(text, 100_000))
            return cut(text, limit, f"… ({len(whole):,} bytes; the function's log has more)")
        return cut(text, limit, f"… ({len(whole):,} bytes, all of it in {address})")


def bounded_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts by reason; beyond ``MOST_REASONS`` reasons, the rarest are counted together as ``(others)``."""
    often = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = {cut(name, _REASON_BYTES): count for name, count in often[:MOST_REASONS]}
    if rest := sum(count for _, count in often[MOST_REASONS:]):
        kept["(others)"] = rest
    return kept


def bounds_errors(lake: Callable[[], str]) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Return a decorator that bounds the messages of errors that a Lambda handler raises.

    Step Functions drops an error whose message is too long. The bounded error has the same class name, which the
    workflow's ``Catch`` compares. ``lake`` returns the address under which whole messages are kept.
    """

    def decorate(handler: Callable[..., Result]) -> Callable[..., Result]:
        @functools.wraps(handler)
        def bounded(event: dict[str, Any], context: Any) -> Result:
            try:
                return handler(event, context)
            except Exception as error:
                message = str(error)
                short = Messages(lake()).bounded(message)
                if short == message:
                    raise
                raise type(type(error).__name__, (RuntimeError,), {})(short) from None

        return bounded

    return decorate
