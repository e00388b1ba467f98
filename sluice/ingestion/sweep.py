"""The sweep: once a minute it takes up whatever stands still because its function, or its message, died.

It looks at what is staged, at dead letters, at batches of streams that failed to the end, and at the refresh. Each of
these is looked at for itself; what cannot be mended now is left for the next minute.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
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

    def run(self) -> dict[str, int]:
        """Take up everything that stands still; return how much by kind. One kind's failure is raised at the end."""
        problems = []
        # Batches last: each of them may take as long as its function has.
        parts = (self.wake_staged, self.retry_files, self.drop_wake_ups, self.start_refresh, self.retry_batches)
        for part in parts:
            try:
                part()
            except Exception as error:
                log.exception("the sweep could not %s", part.__name__)
                problems.append(f"{part.__name__}: {type(error).__name__}: {error}")
        if problems:
            raise SluiceError(
                f"the sweep failed in part: {'; '.join(problems)}",
                safe="what it could not take up stays where it is.",
                next_step="the next sweep, in a minute, tries again.",
            )
        return self.done

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
            wake(self.settings, dataset, self.occasion)
            self._count("woken")

    def retry_files(self) -> None:
        """Try dead letters of landing again; a file that ended three functions by itself is quarantined whole."""
        queue = self.settings.landing_dead_letters_url
        left: list[str] = []
        for message in self._messages(queue):
            left.append(message["ReceiptHandle"])
            try:
                sent = float(message["Attributes"]["SentTimestamp"]) / 1000
                letter = read_letter(message["Body"], sent)
            except DeliveryError as error:
                log.warning("%s", error)
                continue
            if letter.kills and self._reader_starts:
                unread = f"the function that read it ended three times, with nothing else to read: {letter.error}"
                event, kind = event_for(letter.notice, rounds=letter.rounds, unread=unread), "quarantined"
            elif not letter.kills and letter.due is not None and letter.due <= self.now():
                event, kind = event_for(letter.notice, rounds=letter.rounds), "files"
            else:
                continue
            client("lambda").invoke(
                FunctionName=self.settings.ingest_alone_function, InvocationType="Event", Payload=event
            )
            client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=left.pop())
            self._count(kind)
        for receipt in left:  # people look at them, too
            client("sqs").change_message_visibility(QueueUrl=queue, ReceiptHandle=receipt, VisibilityTimeout=0)

    @cached_property
    def _reader_starts(self) -> bool:
        """Tell whether the function that reads files runs at all: if not, its deaths are no file's fault."""
        answer = client("lambda", patient=True).invoke(
            FunctionName=self.settings.ingest_alone_function, Payload=b'{"are_you_well": true}'
        )
        return "FunctionError" not in answer

    def drop_wake_ups(self) -> None:
        """Remove wake-ups that died: what they told of is woken by looking."""
        queue = self.settings.commit_dead_letters_url
        for message in self._messages(queue):
            client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            self._count("wake_ups")

    def retry_batches(self) -> None:
        """Hand batches of streams that failed to the end to their function again."""
        pages = client("s3").get_paginator("list_objects_v2").paginate(
            Bucket=self.settings.lake_bucket, Prefix=FAILED_BATCHES
        )  # fmt: skip
        for item in (item for page in pages for item in page.get("Contents", [])):
            if self.time_left() < PATIENT_SECONDS + _RESERVE_SECONDS:
                return
            age = self.now() - item["LastModified"].timestamp()
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
