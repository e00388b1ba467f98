"""Makes operational events of what rules found, and sends them to EventBridge and SNS."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from sluice.contracts import LandingContract, StreamRule
from sluice.ingestion.rules.found import PLACE, SHOWN, Found
from sluice.settings import Settings
from sluice.storage import client

#: Most events of one rule for one batch; the last of them reports everything beyond.
MOST_EVENTS = 100
_LONGEST_TEXT = 200
#: Entries and bytes of one call, the same for both services.
#: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
#: https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
_ENTRIES, _CALL_BYTES = 10, 200_000


class OperationalEvent(msgspec.Struct, frozen=True, rename="camel"):
    """What a rule found; ``event_id`` is the same when it is found again, so that consumers can drop repeats."""

    event_id: str
    rule: str
    description: str
    severity: str
    dataset: str
    key: dict[str, Any]
    first_event_time: datetime | None
    last_event_time: datetime | None
    count: int
    measured: dict[str, float]
    records: list[dict[str, Any]]


def operational_events(found: Sequence[Found], rule: StreamRule, contract: LandingContract) -> list[OperationalEvent]:
    """Return one event per thing found; when there are too many, one event for all the last ones together."""
    one_by_one = found if len(found) <= MOST_EVENTS else found[: MOST_EVENTS - 1]
    events = [_event(each, rule, contract) for each in one_by_one]
    if more := found[len(one_by_one) :]:
        together = Found(
            records=[record for each in more[:SHOWN] for record in each.records],
            first=min((each.first for each in more if each.first), default=None),
            last=max((each.last for each in more if each.last), default=None),
            count=sum(each.count for each in more),
            measured={"found": float(len(more))},
        )
        name = _event(more[0], rule, contract).event_id
        event = _event(together, rule, contract)
        events.append(msgspec.structs.replace(event, event_id=_hash("more", name), key={}))
    return events


def _event(found: Found, rule: StreamRule, contract: LandingContract) -> OperationalEvent:
    shown = [column.name for column in contract.columns if not column.private]
    kind = rule.burst or rule.travel
    anchor = found.records[found.anchor]
    key = [name for name in ([kind.key] if kind else contract.key) if name in shown]
    return OperationalEvent(
        event_id=_hash(contract.name, rule.name, *_identity(anchor, contract)),
        rule=rule.name,
        description=rule.description,
        severity=rule.severity,
        dataset=contract.name,
        key={name: _plain(anchor[name]) for name in key},
        first_event_time=_plain(found.first),
        last_event_time=_plain(found.last),
        count=found.count,
        measured=found.measured,
        records=[
            {name: _plain(record[name]) for name in (*shown, *PLACE) if name in record}
            for record in found.records[:SHOWN]
        ],
    )


def _identity(record: Mapping[str, Any], contract: LandingContract) -> list[str]:
    """Return the record's key, or its position in the stream when it has no key or the key is private."""
    key = [record[name] for name in contract.key if not contract.column(name).private]
    if len(key) != len(contract.key) or None in key or not key:
        key = [record[name] for name in PLACE]
    return [str(value) for value in key]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:
    """Return a value in the form it has in an event's JSON: times in UTC, long texts cut."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return value[:_LONGEST_TEXT] if isinstance(value, str | bytes) else value


def send(settings: Settings, events: Iterable[OperationalEvent]) -> None:
    """Put each event on the bus and publish it to the topic; ``OSError`` when AWS refuses one of them."""
    for calls in _calls([(event, _text_of(event)) for event in events]):
        answer = client("events").put_events(
            Entries=[
                {
                    "Source": "sluice",
                    "DetailType": "OperationalEvent",
                    "EventBusName": settings.event_bus,
                    "Detail": text,
                }
                for _, text in calls
            ]
        )
        if answer["FailedEntryCount"]:
            raise OSError(f"EventBridge refused {answer['FailedEntryCount']} events: {answer['Entries']}")
        answer = client("sns").publish_batch(
            TopicArn=settings.alert_topic,
            PublishBatchRequestEntries=[
                {"Id": str(number), "Message": text, "MessageAttributes": _attributes(event)}
                for number, (event, text) in enumerate(calls)
            ],
        )
        if failed := answer.get("Failed"):
            raise OSError(f"SNS refused {len(failed)} events: {failed}")


def _text_of(event: OperationalEvent) -> str:
    """Return the event as JSON with as many of its records as fit; bronze has all of them."""
    text = msgspec.json.encode(event)
    while len(text) > _CALL_BYTES and event.records:
        event = msgspec.structs.replace(event, records=event.records[: len(event.records) // 2])
        text = msgspec.json.encode(event)
    return text.decode()


def _calls(texts: Sequence[tuple[OperationalEvent, str]]) -> Iterator[list[tuple[OperationalEvent, str]]]:
    """Yield lists of events, each as long as one call takes."""
    call: list[tuple[OperationalEvent, str]] = []
    size = 0
    for event, text in texts:
        length = len(text.encode())
        if call and (len(call) == _ENTRIES or size + length > _CALL_BYTES):
            yield call
            call, size = [], 0
        call.append((event, text))
        size += length
    if call:
        yield call


def _attributes(event: OperationalEvent) -> dict[str, dict[str, str]]:
    """Return the message attributes by which subscribers can filter."""
    given = {"rule": event.rule, "dataset": event.dataset, "severity": event.severity}
    return {name: {"DataType": "String", "StringValue": value} for name, value in given.items()}
