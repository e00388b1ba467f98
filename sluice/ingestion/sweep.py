"""The sweep: once a minute it resumes work that stopped because a function or a message was lost.

Each minute it asks the ledger, in one query, what is due by the next: commits and the refresh. Every fifth minute, and
whenever something of that is overdue, or somebody waits for work to end, it looks at everything else, too: staged
units, dead letters, failed stream batches, and the refresh workflow, which may have died or never started. Each of
these, and each item of them, is handled by itself; an item that fails is left for the next sweep. Once an hour it looks
for landed files whose events were lost.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, takewhile
from typing import Any

from sluice.contracts import LandingContract
from sluice.errors import DeliveryError, SluiceError, SweepIncomplete
from sluice.ingestion.dead_letters import event_for, read_letter
from sluice.ingestion.failed_batches import FAILED_BATCHES, retry_batch
from sluice.ingestion.retract import RETRACTIONS
from sluice.ingestion.retry import doubled
from sluice.ingestion.stage import staging_prefix
from sluice.ingestion.unnoticed import LOST_SECONDS, announce, in_turns, is_busy, unnoticed
from sluice.ingestion.wake import ask_commit, send_due, send_refresh, wake
from sluice.ledger import Ledger
from sluice.pace import Pace
from sluice.pace_items import Refreshes, Waiting
from sluice.settings import Settings
from sluice.storage import PATIENT_SECONDS, client, split

log = logging.getLogger(__name__)
#: Seconds for which a dead letter that a sweep has read is hidden from other sweeps.
_LOOKED_AT_SECONDS = 50
_AT_ONCE = 10
_MOST_LETTERS = 500
_RESERVE_SECONDS = 5
#: Seconds that must be left to begin with a dataset: S3 lists a thousand versions in a fraction of one.
_LISTING_SECONDS = 20
#: Seconds after which what is kept of a dataset that is not declared is of one that was removed.
_GONE_SECONDS = 3600.0
#: Minutes from one look at everything to the next, where nothing seems to have stopped.
_THOROUGH_MINUTES = 5
#: Seconds for which somebody who waits has everything looked at.
_ATTENTION_SECONDS = 120.0
#: Most problems in a sweep's error, and most characters of each.
_MOST_TOLD, _MOST_WORDS = 5, 300
_BROKEN_OFF = ("FAILED", "TIMED_OUT")
#: After so many refreshes in a row that died the next one starts at once; after more, ever later.
_QUICK_STARTS = 3
_FIRST_PAUSE_SECONDS = 120.0
_LONGEST_PAUSE_SECONDS = 3600.0


@dataclass
class Sweep:
    """One sweep; ``occasion`` differs from sweep to sweep, ``datasets`` are the contracts of what arrives, by name.

    ``time_left`` returns seconds.
    """

    settings: Settings
    occasion: str
    datasets: Mapping[str, LandingContract]
    time_left: Callable[[], float] = lambda: 60.0
    now: Callable[[], float] = time.time
    done: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def run(self) -> dict[str, int]:
        """Resume all stopped work; return the number of items by kind, or raise at the end if any failed."""
        # Stream batches last: each of them may take as long as its function may run.
        parts = (
            self.release,
            self.wake_staged,
            self.retry_files,
            self.drop_wake_ups,
            self.start_refresh,
            self.start_lost_refresh,
            self.retry_batches,
        )
        for part in parts:
            with self._guard(part.__name__):
                part()
        return self._ended()

    def run_minute(self, minute: int) -> dict[str, int]:
        """Release what is due; resume all stopped work, too, in every fifth minute or where something did not come.

        Return the number of items by kind, or raise at the end if any failed.
        """
        commits, refreshes = self._waiting_now
        stopped = any(each.stopped(self.now()) for each in (*commits, refreshes))
        if minute % _THOROUGH_MINUTES == 0 or stopped or self.now() - refreshes.attention < _ATTENTION_SECONDS:
            return self._run_and_look_again()
        self.release()
        return self._ended()

    def _run_and_look_again(self) -> dict[str, int]:
        """Resume all stopped work; where there was any, the next sweeps look at everything, too."""
        try:
            return self.run()
        finally:
            if self.problems or self.done.keys() - {"released"}:
                Pace(self.settings.ledger_table).bring_forward((), self.now())

    @cached_property
    def _waiting_now(self) -> tuple[list[Waiting], Refreshes]:
        return Pace(self.settings.ledger_table).read_waiting()

    def release(self) -> None:
        """Send the messages of what is due within the next two minutes, and again of what is late or died."""
        commits, refreshes = self._waiting_now
        for each in commits:
            with self._guard(f"release {each.dataset}"):
                self._release_commit(each)
        if refreshes.due is not None and refreshes.to_send(self.now()):
            if refreshes.late(self.now()):
                self._refresh()
            else:
                send_refresh(self.settings, refreshes.due)
                self._count("released")

    def _release_commit(self, waiting: Waiting) -> None:
        if waiting.dataset not in self.datasets:
            # During a deployment the sweep of the version before finds those of a new dataset, too.
            if self.now() - max(waiting.asked, waiting.committed or 0.0) > _GONE_SECONDS:
                Pace(self.settings.ledger_table).forget(waiting.dataset)
        elif waiting.dead(self.now()):
            send_due(self.settings, replace(waiting, due=self.now()), self.occasion)
            self._count("resumed")
        elif waiting.to_send(self.now()):
            send_due(self.settings, waiting, self.occasion if waiting.late(self.now()) else "")
            self._count("released")

    def wake_for_maintenance(self, datasets: Iterable[str]) -> dict[str, int]:
        """Wake the committers of ``datasets`` to delete what is older than their retention; return how many."""
        for dataset in datasets:
            with self._guard(f"wake_for_maintenance {dataset}"):
                wake(self.settings, dataset, self.occasion, maintain=True)
                self._count("maintained")
        return self._ended()

    def take_up_unnoticed(self, after: float = LOST_SECONDS) -> dict[str, int]:
        """Put landed files of which no event came within ``after`` seconds on the landing queue.

        Return how many, or raise if any failed. Each hour begins with another dataset, so that all have their turn
        where time does not suffice.
        """
        ledger, turn = Ledger(self.settings.ledger_table), int(self.now() // 3600)
        if is_busy(self.settings.landing_queue_url):
            return {}
        for dataset in in_turns(sorted(self.datasets), turn, self.time_left, _LISTING_SECONDS):
            with self._guard(f"take_up_unnoticed {dataset}"):
                lost = unnoticed(self.settings.landing_bucket, dataset, ledger, now=self.now(), after=after)
                while some := list(islice(lost, _AT_ONCE)):
                    announce(self.settings.landing_queue_url, some)
                    log.warning("no event came of %s; it is read now", ", ".join(notice.uri for notice in some))
                    self._count("unnoticed", len(some))
        return self._ended()

    def _ended(self) -> dict[str, int]:
        """Return what was done, or raise when something failed."""
        if self.problems:
            more = len(self.problems) - _MOST_TOLD
            raise SweepIncomplete(
                f"the sweep failed in part: {'; '.join(self.problems[:_MOST_TOLD])}"
                f"{f'; and {more} more, which its log has' if more > 0 else ''}",
                safe="the items that failed stay where they are.",
                next_step="the next sweep, in a minute, tries again.",
            )
        return self.done

    @contextmanager
    def _guard(self, what: str) -> Iterator[None]:
        """Collect an error raised inside as a problem, so that the other items are still handled."""
        try:
            yield
        except Exception as error:
            log.exception("the sweep could not take up %s", what)
            told = error.what if isinstance(error, SluiceError) else str(error)
            self.problems.append(f"{what}: {type(error).__name__}: {told[:_MOST_WORDS]}")

    def wake_staged(self) -> None:
        """Have each contracted dataset committed that has a staged unit, or now if it has a delivery to retract.

        Files without a manifest do not count.
        """
        for dataset in sorted(self.datasets.keys() & self._waiting(f"{self.settings.lake}/{RETRACTIONS}")):
            with self._guard(f"wake_staged {dataset}"):
                wake(self.settings, dataset, self.occasion)
                self._count("woken")
        for dataset in sorted(self.datasets.keys() & self._waiting(staging_prefix(self.settings.lake, ""))):
            with self._guard(f"wake_staged {dataset}"):
                if ask_commit(self.settings, self.datasets[dataset]):
                    self._count("woken")

    def _waiting(self, folder: str) -> Iterator[str]:
        """Yield the dataset of each JSON object in its folder below ``folder``."""
        bucket, prefix = split(folder)
        prefix = prefix.rstrip("/") + "/"
        for page in client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for name in (item["Key"].removeprefix(prefix) for item in page.get("Contents", [])):
                if name.endswith(".json"):
                    yield name.partition("/")[0]

    def retry_files(self) -> None:
        """Retry the dead letters of file ingestion; quarantine a file whose reader died in round after round."""
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
        for receipt in left:  # visible again at once, for people who look at the queue
            with self._guard("retry_files"):
                client("sqs").change_message_visibility(QueueUrl=queue, ReceiptHandle=receipt, VisibilityTimeout=0)

    def _letter(self, message: dict[str, Any]) -> tuple[bytes, str] | None:
        """Return the event for ``ingest_file_alone`` and the kind to count, or None when the letter has to wait."""
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
        """Return whether the function that reads files can start at all; if not, no file caused its deaths."""
        answer = {"FunctionError": "nobody answered"}
        with self._guard("retry_files"):  # invoked once per sweep, even if it fails
            answer = client("lambda", patient=True).invoke(
                FunctionName=self.settings.ingest_alone_function, Payload=b'{"are_you_well": true}'
            )
        return "FunctionError" not in answer

    def drop_wake_ups(self) -> None:
        """Delete the dead letters of wake-up messages: ``wake_staged`` finds the staged units without them."""
        queue = self.settings.commit_dead_letters_url
        for message in self._messages(queue):
            with self._guard(f"drop_wake_ups {message['MessageId']}"):
                client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                self._count("wake_ups")

    def retry_batches(self) -> None:
        """Retry the stream batches that failed in every retry of Lambda."""
        pages = client("s3").get_paginator("list_objects_v2").paginate(
            Bucket=self.settings.lake_bucket, Prefix=FAILED_BATCHES
        )  # fmt: skip
        kept = (item for page in pages for item in page.get("Contents", []))
        # The longest waiting first, so that a few batches that use all the time do not keep others waiting for good.
        for item in sorted(kept, key=lambda item: item["LastModified"]):
            if self.time_left() < PATIENT_SECONDS + _RESERVE_SECONDS:
                return
            age = self.now() - item["LastModified"].timestamp()
            with self._guard(f"retry_batches {item['Key']}"):
                if retry_batch(self.settings.lake_bucket, item["Key"], age=age) == "arrived":
                    self._count("batches")

    def start_refresh(self) -> None:
        """Start the refresh workflow again when the last execution died, after a pause that grows each time.

        An execution in which only a table's own run failed is not started again.
        """
        machine = self.settings.refresh_machine
        executions = client("stepfunctions").list_executions(stateMachineArn=machine, maxResults=20)["executions"]
        if any(execution["status"] == "RUNNING" for execution in executions):
            return
        # By end: an execution that only set the lock's flag started later than the working one, and ended before it.
        executions.sort(key=lambda execution: execution["stopDate"], reverse=True)
        in_a_row = list(takewhile(lambda execution: execution["status"] in _BROKEN_OFF, executions))
        if not in_a_row:
            self._give_turns_back(executions)
            self._take_over(executions)
            return
        last = client("stepfunctions").describe_execution(executionArn=in_a_row[0]["executionArn"])
        if last["status"] == "FAILED" and last.get("error") == "RefreshFailed":
            return
        slow = len(in_a_row) - _QUICK_STARTS
        pause = doubled(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, slow - 1) if slow > 0 else 0.0
        if self.now() - last["stopDate"].timestamp() < pause:
            return
        self._refresh()

    def _give_turns_back(self, ended: list[dict[str, Any]]) -> None:
        """After an execution that people aborted, let the next refresh take its tables, which had no turn."""
        _, refreshes = self._waiting_now
        if ended and ended[0]["status"] == "ABORTED" and refreshes.taken is not None and refreshes.stopped(self.now()):
            pace, began = Pace(self.settings.ledger_table), refreshes.taken
            pace.bring_forward([t for t, at in refreshes.considered.items() if at >= began], self.now())
            pace.end_refresh(began)

    def _take_over(self, ended: list[dict[str, Any]]) -> None:
        """Start the workflow where a round stays open of which no execution tells: it died, and what ended last is one
        that only left its mark, or the workflow was made anew meanwhile.
        """
        _, refreshes = self._waiting_now
        unknown = not ended or ended[0]["status"] == "SUCCEEDED"
        if unknown and refreshes.taken is not None and refreshes.stopped(self.now()):
            self._refresh()

    def start_lost_refresh(self) -> None:
        """Start the refresh that events asked for which EventBridge could not deliver; one covers all of them."""
        queue = self.settings.refresh_dead_letters_url
        if lost := list(self._messages(queue)):
            self._refresh()
        for message in lost:
            client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    def _refresh(self) -> None:
        """Start the workflow; beside a running one it leaves its mark and ends."""
        text = json.dumps({"sweep": self.occasion})
        client("stepfunctions").start_execution(stateMachineArn=self.settings.refresh_machine, input=text)
        self._count("refreshes")

    def _messages(self, queue: str) -> Iterable[dict[str, Any]]:
        """Yield the messages of ``queue``, each once."""
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

    def _count(self, kind: str, number: int = 1) -> None:
        self.done[kind] = self.done.get(kind, 0) + number
