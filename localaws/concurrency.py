"""Makes checks and writes that are atomic on AWS atomic here: moto's backends hold no locks.

Without this, two callers of a conditional DynamoDB write can both win, and two versions of one S3 object become one.
Queues and Kinesis streams have locks of their own (`localaws.sqs.queues`, `localaws.kinesis.streams`).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response

from localaws.context import Context
from localaws.moto_patches import replace

_DYNAMODB_WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")

_table_writes, _object_writes = ([threading.RLock() for _ in range(256)] for _ in range(2))


def install(ctx: Context) -> None:
    """Serialize DynamoDB writes by backend and S3 writes by object; safe to repeat."""
    del ctx
    for name in _DYNAMODB_WRITES:
        _serialize(DynamoDBBackend, name, _table_writes, lambda self, *_: id(self))
    for name in ("put_object", "delete_object"):
        _serialize(S3Backend, name, _object_writes, lambda _, bucket, key, *rest: (bucket, key))
    # If-Match and If-None-Match are checked by the response, before the backend writes.
    _serialize(S3Response, "put_object", _object_writes, lambda self, *_: (self.bucket_name, self.parse_key_name()))


def _serialize(owner: type, name: str, locks: list[Any], key: Callable[..., Any]) -> None:
    original = getattr(owner, name)
    if getattr(original, "serialized_by_localaws", False):
        return

    @functools.wraps(original)
    def serialized(self: Any, *args: Any, **kwargs: Any) -> Any:
        positional = args or tuple(kwargs.values())
        with locks[hash(key(self, *positional)) % len(locks)]:
            return original(self, *args, **kwargs)

    serialized.serialized_by_localaws = True  # type: ignore[attr-defined]
    replace(owner, name, serialized)
