"""FIFO batch of wake-ups → everything staged for each dataset named is committed, and what its retention ends goes.

A message that comes before its time is received again then, or two minutes later. One that says that a refresh is due
starts it. One call at a time works at a dataset, which the ledger says; what somebody asks for meanwhile is sent anew
when that call ends.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sluice.bounded import Messages
from sluice.contracts import LandingContract
from sluice.ingestion.commit import Call, Drained, Lake, drain
from sluice.ingestion.commit_stream import drain_stream
from sluice.ingestion.retention import Retention
from sluice.ingestion.retract import retract_requested
from sluice.ingestion.retry import give_back, postpone
from sluice.ingestion.wake import send_due, wake
from sluice.ledger import Delivery, Ledger
from sluice.pace import Pace, Taken
from sluice.pace_items import CLOCKS, HORIZON, WISHES
from sluice.project import deployed_project
from sluice.refresh.starting import publish, refresh_changed, refresh_now, release_refresh
from sluice.settings import Settings, settings_from_environment
from sluice.storage import S3Store
from sluice.tables.catalog import glue_catalog

log = logging.getLogger(__name__)
#: Seconds that must be left to begin the maintenance of a dataset: half of what a call has.
_MAINTENANCE_SECONDS = 45.0
for name in (__name__, "sluice"):
    logging.getLogger(name).setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Commit everything staged for the datasets in the batch; messages of one that fails, or is early, come again.

    Maintenance comes after all commits, in the time that is left, and one that fails gives back only the messages that
    ask for it.
    """
    settings = settings_from_environment()
    failed: list[str] = []
    due: dict[str, list[str]] = {}
    early: dict[str, float] = {}
    messages: dict[str, list[dict[str, Any]]] = {}
    for record in event["Records"]:
        body = json.loads(record["body"])
        if (seconds := body.get("notBefore", 0.0) - time.time()) > 0:
            early[record["messageId"]] = min(seconds, HORIZON)
        elif "refresh" in body:
            failed += _release(settings, record)
        else:
            messages.setdefault(body["dataset"], []).append(record)
    _postpone(settings, event["Records"], early)
    # A message that was received before may belong to units that ended the function: its dataset goes last.
    for dataset, records in sorted(messages.items(), key=lambda item: _comes_again(item[1])):
        references = [record["messageId"] for record in records]
        bodies = [json.loads(record["body"]) for record in records]
        try:
            asked = [record["messageId"] for record, body in zip(records, bodies, strict=True) if body.get("maintain")]
            if _commit(settings, dataset, references, bodies, context) and asked:
                due[dataset] = asked
        except Busy:
            log.info("%s: another call worked at it", dataset)
            failed += [ref for ref, body in zip(references, bodies, strict=True) if not body.get("paced")]
        except Exception:
            log.exception("%s could not be committed; what is staged stays", dataset)
            failed += references
    failed += _maintain_all(settings, due, context)
    answer = give_back(settings.commit_queue_url, event["Records"], failed)
    answer["batchItemFailures"] += [{"itemIdentifier": reference} for reference in early]
    return answer


def _release(settings: Settings, record: dict[str, Any]) -> list[str]:
    """Start the refresh that is due; return the message's id when that failed."""
    try:
        release_refresh(settings, json.loads(record["body"])["notBefore"])
    except Exception:
        log.exception("the refresh that is due could not be started; its message comes again")
        return [record["messageId"]]
    return []


def _postpone(settings: Settings, records: list[dict[str, Any]], early: Mapping[str, float]) -> None:
    """Have messages come again when it is time, before any commit begins: they wait for none of their batch."""
    try:
        postpone(settings.commit_queue_url, records, early)
    except Exception:
        log.exception("messages that came early come again when the queue gives them")


class Busy(Exception):
    """Another call worked at the dataset, and has ended by now."""


def _leave_word(settings: Settings, dataset: str, bodies: Iterable[Mapping[str, Any]]) -> None:
    """Have the call that works at the dataset send anew what messages ask for; raise ``Busy`` if it has ended."""
    wishes = {wish for body in bodies for wish in WISHES & body.keys()}
    if not Pace(settings.ledger_table).leave_word(dataset, wishes, time.time()):
        raise Busy


def _commit(
    settings: Settings, dataset: str, messages: Sequence[str], bodies: Sequence[Mapping[str, Any]], context: Any
) -> bool:
    """Commit what is staged; return False when another message says to go on, since the time did not suffice.

    A message that is ``paced`` ends with one question when nothing is due; any other commits whatever waits. Where
    another call works at it, that call says to go on.
    """
    pace, now, contract = Pace(settings.ledger_table), time.time(), _contract(dataset)
    forced = not all(body.get("paced") for body in bodies)
    taken = pace.begin_commit(dataset, now, messages, forced=forced)
    if taken is None:
        if forced:
            _leave_word(settings, dataset, bodies)
        return False
    maintain, through = (any(body.get(wish) for body in bodies) for wish in ("maintain", "through"))
    try:
        drained = _drain(settings, dataset, Call(time_left=lambda: _seconds_left(context), again=taken.again))
        if not drained.finished:
            wake(settings, dataset, f"goes on after {context.aws_request_id}", maintain=maintain, through=through)
        elif through:
            refresh_now(settings, deployed_project(), (contract.table, f"quarantine.{dataset}"))
    except Exception:
        pace.fail_commit(taken, time.time())
        raise
    _end(settings, taken, changed=bool(drained.changed))
    return drained.finished


def _end(settings: Settings, taken: Taken, *, changed: bool) -> None:
    """Let others work at the dataset; send what was asked for meanwhile, or is due: its message may have gone."""
    pace = Pace(settings.ledger_table)
    waiting = pace.end_commit(taken, changed=changed)
    occasion, wishes, now = f"after {taken.at}", waiting.wishes, time.time()
    if wishes:
        try:
            wake(settings, taken.dataset, occasion, maintain="maintain" in wishes, through="through" in wishes)
        except Exception:
            pace.put_back(taken.dataset, wishes, now)
            raise
    if waiting.due is not None and waiting.due <= now + CLOCKS:
        send_due(settings, waiting, occasion)


def _comes_again(records: list[dict[str, Any]]) -> bool:
    return any(int(record["attributes"]["ApproximateReceiveCount"]) > 1 for record in records)


def _contract(dataset: str) -> LandingContract:
    contract = deployed_project().landing(dataset)
    if contract is None:
        raise LookupError(f"{dataset!r} names no dataset")
    return contract


def _maintain_all(settings: Settings, due: Mapping[str, list[str]], context: Any) -> list[str]:
    """Maintain the datasets that are ``due``, and return those of the messages that asked for it that failed.

    Where no time is left, a message asks for it again.
    """
    failed: list[str] = []
    for dataset, asked in due.items():
        try:
            if _seconds_left(context) < _MAINTENANCE_SECONDS:
                wake(settings, dataset, f"is maintained after {context.aws_request_id}", maintain=True)
            else:
                taken = Pace(settings.ledger_table).begin_commit(dataset, time.time(), asked, forced=True)
                if taken is None:
                    _leave_word(settings, dataset, [{"maintain": True}])
                    continue
                try:
                    _maintain(settings, dataset, lambda: _seconds_left(context))
                finally:
                    _end(settings, taken, changed=False)
        except Busy:
            failed += asked
        except Exception:
            log.exception("%s could not be maintained; what is due stays, and its message comes again", dataset)
            failed += asked
    return failed


def _seconds_left(context: Any) -> float:
    return float(context.get_remaining_time_in_millis()) / 1000


def _maintain(settings: Settings, dataset: str, time_left: Callable[[], float]) -> None:
    contract, lake = _contract(dataset), Lake(glue_catalog(), S3Store(), settings)
    if contract.retention_days is not None:
        ledger = Ledger(settings.ledger_table, Messages(settings.lake))

        def announce(changed: Mapping[str, int]) -> None:
            _announce(settings, changed)

        Retention(contract, lake, ledger, datetime.now(UTC), time_left, announce).keep()


def _drain(settings: Settings, dataset: str, call: Call) -> Drained:
    contract = _contract(dataset)
    lake = Lake(glue_catalog(), S3Store(), settings)
    ledger = Ledger(settings.ledger_table, Messages(settings.lake))

    def announce(changed: Mapping[str, int]) -> None:
        _announce(settings, changed)

    if contract.arrival.stream:
        drained = drain_stream(contract, lake, record=ledger.record_shards, announce=announce, call=call)
    else:
        drained = drain(contract, lake, record=ledger.record, announce=announce, call=call)
        if drained.finished:
            _retract(settings, contract, lake, ledger.record, call)
    log.info("%s: %d deliveries, changed %s", dataset, len(drained.deliveries), dict(drained.changed))
    return drained


def _retract(
    settings: Settings,
    contract: LandingContract,
    lake: Lake,
    record: Callable[[Iterable[Delivery]], None],
    call: Call,
) -> None:
    """Take deliveries out again that somebody retracts, and out of what is made of them at once."""

    def announce(changed: Mapping[str, int]) -> None:
        _announce(settings, changed)
        refresh_now(settings, deployed_project(), changed)

    for delivery in retract_requested(contract, lake, record=record, announce=announce, time_left=call.time_left):
        log.info("%s: retracted %s, %d rows", contract.name, delivery.delivery_id, delivery.retracted)


def _announce(settings: Settings, changed: Mapping[str, int]) -> None:
    """Publish ``TableChanged`` events, and have what is made of the tables refreshed within its latency."""
    if changed:
        publish([("TableChanged", {"table": t, "snapshot": str(s)}) for t, s in changed.items()], settings)
        refresh_changed(settings, deployed_project(), changed)
