"""Lists the dead letters of file ingestion, each with its file, reason and next try; discards or retries them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from sluice.cli.deployment import Deployment, client
from sluice.errors import CommandError, DeliveryError, WrongArgument
from sluice.ingestion.aside import drop, units_aside
from sluice.ingestion.dead_letters import FileLetter, event_for, read_letter
from sluice.ledger import UNKNOWN, Delivery, Ledger
from sluice.storage import S3Store

_AT_ONCE, _LOOKING_SECONDS = 10, 20
_SHOWN_BODY = 200


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter: the address of its ``file`` (empty when it is about no file), and why it is here.

    ``due`` is when the file is tried again, in seconds since the epoch; None when it waits for people.
    """

    message_id: str
    file: str
    version_id: str
    reason: str
    due: float | None
    letter: FileLetter | None = None

    @property
    def name(self) -> str:
        """Return by what `sluice discard` finds it: the file's address, or the message's id when it is about none."""
        return self.file or self.message_id


def read_dead_letters(deployment: Deployment) -> list[DeadLetter]:
    """Return all dead letters of file ingestion."""
    with _letters(deployment) as (found, _):
        return found


def discard(deployment: Deployment, what: str) -> list[str]:
    """Give up the dead letters of a file (by its address), a message (by its id), or a unit (by its attempt).

    Also a file that lies in no dataset's folder, by its address.

    Return a sentence for each. Files stay in the landing bucket; the ledger's entry gets the state ``discarded`` and
    keeps its reason. Raise ``WrongArgument`` when nothing is called ``what``, ``CommandError`` while it is still tried.
    """
    with _letters(deployment) as (found, remove):
        given_up = [each for each in found if what in (each.file, each.message_id)]
        ledger = Ledger(deployment.settings.ledger_table)
        for each in given_up:
            if each.letter:
                ledger.record_given_up(_discarded(each, each.letter))
            remove(each)
    said = [f"{each.name}: {each.reason}" for each in given_up]
    said += [*_discard_unit(deployment, what, ledger), *_discard_strays(ledger, what)]
    if not said:
        if _still_tried(ledger, what):
            raise CommandError(
                f"{what} is failing and still being tried; it has no dead letter yet.",
                safe="nothing was discarded.",
                next_step="discard it once `sluice status` shows it among the dead letters.",
                value=what,
            )
        raise WrongArgument(
            f"Nothing called {what} is a dead letter, set aside, or a file in no dataset's folder.",
            safe="nothing was discarded.",
            next_step="`sluice status` lists what is.",
            value=what,
        )
    return said


def _still_tried(ledger: Ledger, file: str) -> bool:
    """Return whether the ledger's newest entry of a file is that it fails and is tried again."""
    dataset = file.removeprefix("s3://").partition("/")[2].partition("/")[0]
    known = [entry for name in {dataset, UNKNOWN} if name for entry in ledger.deliveries(name) if entry.uri == file]
    return bool(known) and max(known, key=lambda entry: entry.at).status == "failing"


def _discard_unit(deployment: Deployment, attempt: str, ledger: Ledger) -> list[str]:
    store, lake = S3Store(), deployment.settings.lake
    said = []
    for unit in [unit for unit in units_aside(store, lake) if unit.attempt == attempt]:
        for known in ledger.known((unit.dataset, delivery) for delivery in unit.deliveries).values():
            ledger.record_given_up(msgspec.structs.replace(known, status="discarded", error=unit.error))
        drop(store, lake, unit)
        said.append(f"a unit of {unit.dataset}: {unit.error}")
    return said


def _discard_strays(ledger: Ledger, file: str) -> list[str]:
    """Give up a file that lies in no dataset's folder, so that no notice of it is shown any more."""
    said = []
    for entry in ledger.deliveries(UNKNOWN):
        if entry.uri == file and entry.status == "rejected":
            ledger.record_given_up(msgspec.structs.replace(entry, status="discarded"))
            said.append(f"{entry.uri}: {entry.error}")
    return said


def hand_on(deployment: Deployment) -> int:
    """Have every file with a dead letter read again, each by a call of its own; return how many."""
    count = 0
    with _letters(deployment) as (found, remove):
        for each in found:
            if each.letter is None:
                continue
            function, event = deployment.settings.ingest_alone_function, event_for(each.letter.notice)
            client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=event)
            remove(each)
            count += 1
    return count


@contextmanager
def _letters(deployment: Deployment) -> Iterator[tuple[list[DeadLetter], Callable[[DeadLetter], None]]]:
    """Yield each dead letter with a function that removes it; letters not removed become visible again at the end."""
    queue, kept = deployment.settings.landing_dead_letters_url, dict[str, str]()

    def remove(letter: DeadLetter) -> None:
        client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=kept.pop(letter.message_id))

    found = []
    try:
        for message in _messages(queue):
            kept[message["MessageId"]] = message["ReceiptHandle"]
            found.append(_read(message))
        reported = _reasons(deployment, [each.letter for each in found if each.letter])
        yield [_with_reason(each, reported) for each in found], remove
    finally:
        for receipt in kept.values():
            client("sqs").change_message_visibility(QueueUrl=queue, ReceiptHandle=receipt, VisibilityTimeout=0)


def _messages(queue: str) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    while True:
        answer = client("sqs").receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=_AT_ONCE,
            VisibilityTimeout=_LOOKING_SECONDS,  # otherwise the same messages would be received again
            AttributeNames=["SentTimestamp"],
        )
        new = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
        if not new:
            return
        seen |= {message["MessageId"] for message in new}
        yield from new


def _read(message: dict[str, Any]) -> DeadLetter:
    name = message["MessageId"]
    try:
        letter = read_letter(message["Body"], float(message["Attributes"]["SentTimestamp"]) / 1000)
    except DeliveryError:
        shown = message["Body"][:_SHOWN_BODY]
        return DeadLetter(name, "", "", f"not an event of a file: {shown}", None)
    reason = letter.error or "its functions died, or could not be started"
    due = letter.at if letter.kills else letter.due
    return DeadLetter(name, letter.notice.uri, letter.notice.version_id, reason, due, letter)


def _reasons(deployment: Deployment, letters: list[FileLetter]) -> dict[str, str]:
    """Return the reasons in the ledger by delivery id, for messages that SQS moved, which have no reason themselves."""
    keys = [(name, each.notice.delivery_id) for each in letters for name in {each.notice.dataset, UNKNOWN} if name]
    known = Ledger(deployment.settings.ledger_table).known(keys)
    return {delivery_id: entry.error for delivery_id, entry in known.items() if entry.error}


def _with_reason(each: DeadLetter, reported: dict[str, str]) -> DeadLetter:
    if each.letter is None or each.letter.notice.delivery_id not in reported:
        return each
    reason = reported[each.letter.notice.delivery_id]
    return DeadLetter(each.message_id, each.file, each.version_id, reason, each.due, each.letter)


def _discarded(each: DeadLetter, letter: FileLetter) -> Delivery:
    return Delivery(
        dataset=letter.notice.dataset or UNKNOWN,
        delivery_id=letter.notice.delivery_id,
        status="discarded",
        uri=each.file,
        version_id=each.version_id,
        size=letter.notice.size,
        quarantined=None,
        error=each.reason,
        at=datetime.now(UTC).timestamp(),
    )
