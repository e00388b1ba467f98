"""The sweep: once a minute it takes up whatever stands still because its function, or its message, died.

It looks at what is staged, at dead letters, at batches of streams that failed to the end, and at the refresh. Each of
these is looked at for itself, and so is each thing among them; what cannot be mended now is left for the next minute.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import Any

from sluice.errors import DeliveryError, SluiceError
from sluice.ingestion.dead_letters import event_for, read_letter
from sluice.ingestion.failed_batches import FAILED_BATCHES, retry_batch
from sluice.ingestion.retry import doubled
from sluice.ingestion.stage import staging_prefix
from sluice.ingestion.wake import wake
from sluice.settings import Settings
from sluice.storage import PATIENT_SECONDS, client, split

log = logging.getLogger(__name__)
#: A dead letter that is looked at is hidden from other sweeps for so many seconds.
_LOOKED_AT_SECONDS = 50
_AT_ONCE = 10
_MOST_LETTERS = 500
_RESERVE_SECONDS = 5
#: So many problems are told in a sweep's error, in so many characters each.
_MOST_TOLD, _MOST_WORDS = 5, 300
_BROKEN_OFF = ("FAILED", "TIMED_OUT")
#: So many refreshes in a row that died are followed by another at once, further ones ever later.
_QUICK_STARTS = 3
_FIRST_PAUSE_SECONDS = 120.0
_LONGEST_PAUSE_SECONDS = 3600.0


@dataclass
class Sweep:
    """One sweep: where things are, the ``occasion`` that tells it from the next, and the seconds that are left.

    ``datasets`` are the names of the contracted landing datasets.
    """

    settings: Settings
    occasion: str
    datasets: frozenset[str]
    time_left: Callable[[], float] = lambda: 60.0
    now: Callable[[], float] = time.time
    done: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def run(self) -> dict[str, int]:
        """Take up everything that stands still; return how much by kind. What failed is raised at the end."""
        # Batches last: each of them may take as long as its function has.
        parts = (self.wake_staged, self.retry_files, self.drop_wake_ups, self.start_refresh, self.retry_batches)
        for part in parts:
            with self._guard(part.__name__):
                part()
        if self.problems:
            more = len(self.problems) - _MOST_TOLD
            raise SluiceError(
                f"the sweep failed in part: {'; '.join(self.problems[:_MOST_TOLD])}"
                f"{f'; and {more} more, which its log has' if more > 0 else ''}",
                safe="what it could not take up stays where it is.",
                next_step="the next sweep, in a minute, tries again.",
            )
        return self.done

    @contextmanager
    def _guard(self, what: str) -> Iterator[None]:
        """Note what fails inside: nothing else that stands still waits for it."""
        try:
            yield
        except Exception as error:
            log.exception("the sweep could not take up %s", what)
            told = error.what if isinstance(error, SluiceError) else str(error)
            self.problems.append(f"{what}: {type(error).__name__}: {told[:_MOST_WORDS]}")

    def wake_staged(self) -> None:
        """Wake the committer of each contracted dataset that has a unit staged; files alone are none."""
        bucket, prefix = split(staging_prefix(self.settings.lake, ""))
        prefix = prefix.rstrip("/") + "/"
        waiting: set[str] = set()
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for name in (item["Key"].removeprefix(prefix) for item in page.get("Contents", [])):
                if name.endswith(".json"):
                    waiting.add(name.partition("/")[0])
        for dataset in sorted(waiting & self.datasets):
            with self._guard(f"wake_staged {dataset}"):
                wake(self.settings, dataset, self.occasion)
                self._count("woken")

    def retry_files(self) -> None:
        """Try dead letters of landing again; a file that ended three functions by itself is quarantined whole."""
        queue = self.settings.landing_dead_letters_url
        left: list[str] = []
        for message in self._messages(queue):
            left.append(message["ReceiptHandle"])
            with self._guard(f"retry_files {message['MessageId']}"):
                if taken := self._letter(message):
                    event, kind = taken
                    client("lambda").invoke(
                        FunctionName=self.settings.ingest_alone_function, InvocationType="Event", Payload=event
                    )
                    client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=left.pop())
                    self._count(kind)
        for receipt in left:  # people look at them, too
            with self._guard("retry_files"):
                client("sqs").change_message_visibility(QueueUrl=queue, ReceiptHandle=receipt, VisibilityTimeout=0)

    def _letter(self, message: dict[str, Any]) -> tuple[bytes, str] | None:
        """Return the event by which a dead letter is taken up, and what is counted; none when it is to wait."""
        try:
            letter = read_letter(message["Body"], float(message["Attributes"]["SentTimestamp"]) / 1000)
        except DeliveryError as error:
            log.warning("%s", error)
            return None
        if letter.kills and self._reader_starts:
            unread = f"the function that read it ended three times, with nothing else to read: {letter.error}"
            return event_for(letter.notice, rounds=letter.rounds, unread=unread), "quarantined"
        if not letter.kills and letter.due is not None and letter.due <= self.now():
            return event_for(letter.notice, rounds=letter.rounds), "files"
        return None

    @cached_property
    def _reader_starts(self) -> bool:
        """Tell whether the function that reads files runs at all: if not, its deaths are no file's fault."""
        answer = {"FunctionError": "nobody answered"}
        with self._guard("retry_files"):  # asked once a sweep, whatever comes of it
            answer = client("lambda", patient=True).invoke(
                FunctionName=self.settings.ingest_alone_function, Payload=b'{"are_you_well": true}'
            )
        return "FunctionError" not in answer

    def drop_wake_ups(self) -> None:
        """Remove wake-ups that died: what they told of is woken by looking."""
        queue = self.settings.commit_dead_letters_url
        for message in self._messages(queue):
            with self._guard(f"drop_wake_ups {message['MessageId']}"):
                client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                self._count("wake_ups")

    def retry_batches(self) -> None:
        """Hand batches of streams that failed to the end to their function again."""
        pages = client("s3").get_paginator("list_objects_v2").paginate(
            Bucket=self.settings.lake_bucket, Prefix=FAILED_BATCHES
        )  # fmt: skip
        kept = (item for page in pages for item in page.get("Contents", []))
        # What waited longest first: a few that take all the time there is do not keep the others from their turn.
        for item in sorted(kept, key=lambda item: item["LastModified"]):
            if self.time_left() < PATIENT_SECONDS + _RESERVE_SECONDS:
                return
            age = self.now() - item["LastModified"].timestamp()
            with self._guard(f"retry_batches {item['Key']}"):
                if retry_batch(self.settings.lake_bucket, item["Key"], age=age) == "arrived":
                    self._count("batches")

    def start_refresh(self) -> None:
        """Start the refresh again when the last one died, later each time; not when a table failed by itself."""
        machine = self.settings.refresh_machine
        executions = client("stepfunctions").list_executions(stateMachineArn=machine, maxResults=20)["executions"]
        if any(execution["status"] == "RUNNING" for execution in executions):
            return
        # By their ends: one that only left its mark began later than the one that works, and ended long before it.
        executions.sort(key=lambda execution: execution["stopDate"], reverse=True)
        in_a_row = list(takewhile(lambda execution: execution["status"] in _BROKEN_OFF, executions))
        if not in_a_row:
            return
        last = client("stepfunctions").describe_execution(executionArn=in_a_row[0]["executionArn"])
        if last["status"] == "FAILED" and last.get("error") == "RefreshFailed":
            return
        slow = len(in_a_row) - _QUICK_STARTS
        pause = doubled(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, slow - 1) if slow > 0 else 0.0
        if self.now() - last["stopDate"].timestamp() < pause:
            return
        client("stepfunctions").start_execution(stateMachineArn=machine, input=json.dumps({"sweep": self.occasion}))
        self._count("refreshes")

    def _messages(self, queue: str) -> Iterable[dict[str, Any]]:
        """Yield messages of ``queue``, each once."""
        seen: set[str] = set()
        while len(seen) < _MOST_LETTERS:
            answer = client("sqs").receive_message(
                QueueUrl=queue,
                MaxNumberOfMessages=_AT_ONCE,
                VisibilityTimeout=_LOOKED_AT_SECONDS,
                AttributeNames=["SentTimestamp"],
            )
            new = [m for m in answer.get("Messages", []) if m["MessageId"] not in seen]
            if not new:
                return
            seen |= {message["MessageId"] for message in new}
            yield from new

    def _count(self, kind: str) -> None:
        self.done[kind] = self.done.get(kind, 0) + 1
