"""SQS under load: moto's queues made safe for many threads, with fast wake-up and AWS's rules about duplicates.

moto's own queue loses messages when one thread sends while another deletes, gives one message to two receivers, reads
every message on each delete, and forgets a FIFO message's deduplication id as soon as the message is deleted.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from moto.sqs.exceptions import InvalidParameterValue, MissingParameter, ReceiptHandleIsInvalid
from moto.sqs.models import (
    DEDUPLICATION_TIME_IN_SECONDS,
    MAXIMUM_MESSAGE_DELAY,
    Message,
    Queue,
    SQSBackend,
    _filter_message_attributes,
    sqs_backends,
)

from localaws.context import Context
from localaws.events import targets
from localaws.moto_patches import original, replace


def install(ctx: Context) -> None:
    """Replace how this process's moto queues store their messages; when ``ctx`` closes, all receivers return."""
    global _stopping  # noqa: PLW0603  moto's classes are process-wide
    _stopping = ctx.stopping
    targets.register("sqs", "sqs:SendMessage", _send_event)
    replace(Queue, "__init__", _init)
    replace(Queue, "_set_attributes", _set_attributes)
    replace(Queue, "add_message", _add_message)
    replace(Queue, "delete_message", _delete_message)
    replace(Queue, "messages", property(_visible_messages))
    replace(SQSBackend, "send_message", _send_message)
    replace(SQSBackend, "_validate_message", _validate_message)
    replace(SQSBackend, "receive_message", _receive_message)
    replace(SQSBackend, "change_message_visibility", _change_message_visibility)


def _set_attributes(queue: Any, attributes: dict[str, Any], now: float | None = None) -> None:
    """Set attributes, and leave the others as they are: moto's own drops the policy whenever another one is set."""
    policy = getattr(queue, "policy", None)
    original(Queue, "_set_attributes")(queue, attributes, now)
    if "Policy" not in attributes:
        queue.policy = policy


def _send_event(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    attributes = {
        name: {"DataType": kind, "StringValue": value} for name, (kind, value) in options["attributes"].items()
    }
    backend = sqs_backends[account][region]
    backend.send_message(arn.split(":")[5], payload, message_attributes=attributes, group_id=options["group_id"])


_stopping = threading.Event()
_sequence = itertools.count(18_800_000_000_000_000_000)


def receive(
    queue: Any, limit: int, *, visibility_timeout: int, wait: float = 0.0, one_group: bool = False, max_bytes: int = 0
) -> list[Any]:
    """Return up to ``limit`` messages of moto's ``queue``, waiting up to ``wait`` seconds for the first.

    FIFO groups come in order and to one receiver at a time (``one_group``: only one of them); messages received too
    often go to the dead-letter queue. With ``max_bytes``, the bodies together stay below it.
    """
    deadline = time.monotonic() + wait
    with queue._messages_lock:
        while True:
            taken = _take(queue, limit, visibility_timeout, one_group=one_group, max_bytes=max_bytes)
            left = deadline - time.monotonic()
            if taken or left <= 0 or _stopping.is_set():
                return taken
            # Sending, deleting and changing visibility notify this thread; it only wakes up by itself when time passes.
            queue._messages_lock.wait(min(left, _until_next(queue), 1.0))


def delete(queue: Any, message: Any) -> None:
    """Delete a message of `receive`, unless its visibility has run out and another receiver has it now."""
    _delete_message(queue, message.receipt_handle)


def _init(self: Any, name: str, region: str, account_id: str, **kwargs: Any) -> None:
    original(Queue, "__init__")(self, name, region, account_id, **kwargs)
    self._messages_lock = threading.Condition(threading.RLock())
    self._by_handle = {}  # receipt handle -> message
    self._sent_ids = {}  # deduplication id -> (when, message)


def _visible_messages(self: Any) -> list[Any]:
    now = time.time() * 1000
    with self._messages_lock:
        return [message for message in self._messages if message.visible_at <= now and message.delayed_until <= now]


def _until_next(queue: Any) -> float:
    """Return the seconds until the next invisible or delayed message becomes visible."""
    now = time.time() * 1000
    times = (max(message.visible_at, message.delayed_until) for message in queue._messages)
    return min((due - now for due in times if due > now), default=3_600_000.0) / 1000 + 0.001


def _send_message(  # noqa: PLR0917  moto's signature
    self: Any,
    queue_name: str,
    message_body: str,
    message_attributes: dict[str, Any] | None = None,
    delay_seconds: int | None = None,
    deduplication_id: str | None = None,
    group_id: str | None = None,
    system_attributes: dict[str, Any] | None = None,
    validate_group_id: bool = True,
) -> Any:
    """Send a message as moto does, but without counting all messages of the queue."""
    queue = self.get_queue(queue_name)
    delay = int(delay_seconds if delay_seconds is not None else queue.delay_seconds)
    self._validate_message(queue, message_body, int(delay_seconds or 0), deduplication_id, group_id, validate_group_id)
    if delay > MAXIMUM_MESSAGE_DELAY:
        raise InvalidParameterValue(
            f"Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
        )
    message = Message(str(uuid.uuid4()), message_body, system_attributes)
    if deduplication_id is None and queue.fifo_queue and queue.content_based_deduplication:
        deduplication_id = hashlib.sha256(message_body.encode()).hexdigest()
    message.deduplication_id, message.group_id = deduplication_id, group_id
    message.message_attributes = message_attributes or {}
    message.mark_sent(delay_seconds=delay)
    queue.add_message(message)
    return getattr(message, "duplicate_of", message)


def _validate_message(  # noqa: PLR0917  moto's signature
    self: Any,
    queue: Any,
    message_body: str,
    delay_seconds: int,
    deduplication_id: str | None = None,
    group_id: str | None = None,
    validate_group_id: bool = True,
) -> None:
    del self, validate_group_id
    if queue.fifo_queue:
        if not group_id:
            raise MissingParameter("MessageGroupId")
        if not deduplication_id and not queue.content_based_deduplication:
            raise InvalidParameterValue(
                "The queue should either have ContentBasedDeduplication enabled or "
                "MessageDeduplicationId provided explicitly"
            )
        if delay_seconds > 0:
            raise InvalidParameterValue(
                f"Value {delay_seconds} for parameter DelaySeconds is invalid. Reason: "
                "The request include parameter that is not valid for this queue type."
            )
    if len(message_body.encode()) > queue.maximum_message_size:
        raise InvalidParameterValue(
            "One or more parameters are invalid. Reason: Message must be shorter than "
            f"{queue.maximum_message_size} bytes."
        )


def _add_message(self: Any, message: Any) -> None:
    with self._messages_lock:
        if self.fifo_queue and message.deduplication_id and _is_duplicate(self, message):
            return
        if self.fifo_queue:
            message.sequence_number = f"{next(_sequence):020d}"
        self._messages.append(message)
        self._messages_lock.notify_all()


def _is_duplicate(queue: Any, message: Any) -> bool:
    """Return whether this deduplication id was sent within five minutes, even if that message is deleted by now.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
    """
    now = time.monotonic()
    horizon = now - DEDUPLICATION_TIME_IN_SECONDS
    while queue._sent_ids and next(iter(queue._sent_ids.values()))[0] < horizon:
        queue._sent_ids.pop(next(iter(queue._sent_ids)))
    scope = message.group_id if queue.deduplication_scope == "messageGroup" else ""
    key = f"{scope}\n{message.deduplication_id}"
    if key in queue._sent_ids:
        message.duplicate_of = queue._sent_ids[key][1]  # the sender gets the first message's id
        return True
    queue._sent_ids[key] = (now, message)
    return False


def _delete_message(self: Any, receipt_handle: str) -> None:
    with self._messages_lock:
        message = self._by_handle.get(receipt_handle)
        if message is None:
            if receipt_handle in self.deleted_messages:
                return
            raise ReceiptHandleIsInvalid
        if self.fifo_queue and message.receipt_handle != receipt_handle:
            return  # a FIFO queue ignores a handle whose visibility has run out
        for handle in filter(None, message.all_receipt_handles):
            self._by_handle.pop(handle, None)
            self.deleted_messages.add(handle)
        self._pending_messages.discard(message)
        self._messages = [other for other in self._messages if other is not message]
        self._messages_lock.notify_all()  # the next message of the FIFO group can be received now


def _receive_message(  # noqa: PLR0917  moto's signature
    self: Any,
    queue_name: str,
    count: int,
    wait_seconds_timeout: int,
    visibility_timeout: int,
    message_attribute_names: list[str] | None = None,
) -> list[Any]:
    queue = self.get_queue(queue_name)
    wait = float(wait_seconds_timeout or 0)
    with queue._messages_lock:
        taken = receive(queue, int(count), visibility_timeout=visibility_timeout, wait=wait)
        copies = [copy.copy(message) for message in taken]
    for message in copies:
        message.message_attributes = dict(message.message_attributes)
        _filter_message_attributes(message, message_attribute_names or [])
    return copies


def _change_message_visibility(self: Any, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
    queue = self.get_queue(queue_name)
    with queue._messages_lock:
        original(SQSBackend, "change_message_visibility")(self, queue_name, receipt_handle, visibility_timeout)
        queue._messages_lock.notify_all()


def _take(queue: Any, limit: int, visibility_timeout: int, *, one_group: bool, max_bytes: int) -> list[Any]:
    now = time.time() * 1000
    taken: list[Any] = []
    expired: set[int] = set()
    blocked: set[str] = set()
    if queue.fifo_queue:
        queue._pending_messages = {m for m in queue._pending_messages if m.visible_at > now}
        blocked = {message.group_id for message in queue._pending_messages}
    for message in queue._messages:
        if len(taken) >= limit:
            break
        if message.visible_at > now or message.delayed_until > now:
            continue
        if queue.fifo_queue and message.group_id in blocked:
            continue
        if taken and one_group and message.group_id != taken[0].group_id:
            continue
        if taken and max_bytes and sum(len(m.body) for m in taken) + len(message.body) > max_bytes:
            break
        if message.sent_timestamp + queue.message_retention_period * 1000 <= now:
            expired.add(id(message))
        elif _is_poisoned(queue, message):
            expired.add(id(message))
            _to_dead_letters(queue, message)
        else:
            _hand_out(queue, message, visibility_timeout)
            taken.append(message)
    if expired:
        queue._messages = [message for message in queue._messages if id(message) not in expired]
    return taken


def _hand_out(queue: Any, message: Any, visibility_timeout: int) -> None:
    queue._pending_messages.add(message)
    message.mark_received(visibility_timeout=visibility_timeout)
    if queue.fifo_queue and not int(visibility_timeout or 0):
        queue._pending_messages.discard(message)
    queue._by_handle[message.receipt_handle] = message


def _is_poisoned(queue: Any, message: Any) -> bool:
    return bool(
        queue.dead_letter_queue is not None
        and queue.redrive_policy
        and message.approximate_receive_count >= queue.redrive_policy["maxReceiveCount"]
    )


def _to_dead_letters(queue: Any, message: Any) -> None:
    for handle in filter(None, message.all_receipt_handles):
        queue._by_handle.pop(handle, None)
    queue._pending_messages.discard(message)
    moved: Message = copy.copy(message)
    moved._old_receipt_handles, moved.receipt_handle, moved.visible_at = [], None, 0.0
    target = queue.dead_letter_queue
    with target._messages_lock:  # not deduplicated: a message that was accepted must not be dropped when it is moved
        target._messages.append(moved)
        target._messages_lock.notify_all()
