"""The ledger: a DynamoDB table with an item per delivery and per refresh run, for people and for ``sluice status``.

It records what happened. Whether a delivery may be committed is decided by the tables' own tokens, from which the
ledger can be rebuilt. Its key is ``dataset`` (a dataset's name, or ``refresh``) and ``entry`` (``delivery#<id>``,
``again#<id>``, ``shard#<stream>/<shard>``, ``retention#<time>#<place>``, ``run#<time>#<table>``, ``backfill#<table>``
or ``pause#<table>``).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import msgspec
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from sluice.bounded import MESSAGE_BYTES, Messages, bounded_counts, cut
from sluice.compiled import Backfill, Pause
from sluice.decoding import converter
from sluice.storage import client

Status = Literal[
    "failing", "staged", "set_aside", "committed", "duplicate", "rejected", "ignored", "discarded", "retracted"
]
#: Final states: a delivery does not leave them.
FINAL: tuple[Status, ...] = ("committed", "duplicate", "rejected", "ignored", "discarded", "retracted")
#: The dataset of deliveries whose key does not begin with the name of a contracted dataset.
UNKNOWN = "(unknown)"
#: The place of a retirement that is no table.
LANDING = "landing"
_GET_BATCH, _WRITE_BATCH = 100, 25
_to_item, _from_item = TypeSerializer().serialize, TypeDeserializer().deserialize


class Delivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of one delivery.

    ``failing`` and ``staged`` are on their way, ``set_aside`` waits for people; all other states are final. ``ignored``
    is a marker without data, such as a folder's; ``discarded`` is a dead letter that somebody gave up; of one that is
    ``retracted``, that number of rows was taken out of its tables again, ``retracted_quarantined`` of them out of
    quarantine. ``error`` says why a file could not be read, or why it still fails.

    ``quarantined`` is None when a file could not be read, since the number of its records is not known. ``reasons``
    counts rejected records by the code of their first reason.
    """

    dataset: str
    delivery_id: str
    status: Status
    uri: str = ""
    version_id: str = ""
    size: int = 0
    accepted: int = 0
    quarantined: int | None = 0
    reasons: dict[str, int] = {}
    duplicate_of: str = ""
    error: str = ""
    at: float = 0.0
    retracted: int = 0
    retracted_quarantined: int = 0

    def taken_back(self, *, accepted: int, quarantined: int, at: float) -> Delivery:
        """Return the state after its rows were taken out of bronze and quarantine, where so many had been."""
        unknown = self.quarantined is None
        bad = 0 if unknown else quarantined
        return msgspec.structs.replace(
            self, status="retracted", accepted=0, quarantined=None if unknown else 0, reasons={}, at=at,
            retracted=accepted + bad, retracted_quarantined=bad,
        )  # fmt: skip


class ShardCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of one shard's records: counts, and the newest record that is in a table.

    ``shard`` is stream and shard (``clicks/shardId-000000000000``), ``arrived`` when Kinesis accepted that record.
    ``days`` counts the records of the newest days by when they arrived (2026-01-31).
    """

    shard: str
    accepted: int = 0
    quarantined: int = 0
    reasons: dict[str, int] = {}
    sequence: str = ""
    arrived: float = 0.0
    at: float = 0.0
    days: dict[str, int] = {}


class Retirement(msgspec.Struct, frozen=True, omit_defaults=True):
    """What retention deleted at once in one place, a table or ``landing``: all from before a moment (ISO 8601).

    ``files`` are data files, or object versions with so many ``bytes``. ``at`` is when, in seconds since the epoch.
    """

    place: str
    before: str
    rows: int = 0
    files: int = 0
    bytes: int = 0
    at: float = 0.0


@dataclass(frozen=True)
class Recorded:
    """What is recorded of a dataset's deliveries: their states, what retention deleted, further events by delivery."""

    deliveries: list[Delivery] = field(default_factory=list)
    retirements: list[Retirement] = field(default_factory=list)
    redeliveries: Counter[str] = field(default_factory=Counter)


_to_delivery, _to_counts = converter(Delivery), converter(ShardCounts)
_to_retirement = converter(Retirement)
#: Converts the plain values of an event or a ledger item to a request.
to_backfill = converter(Backfill)
_to_pause = converter(Pause)


class Ledger:
    """The deliveries and runs in one DynamoDB table."""

    def __init__(self, table: str, messages: Messages | None = None) -> None:
        self.table, self._messages = table, messages

    def known(self, keys: Iterable[tuple[str, str]]) -> dict[str, Delivery]:
        """Return the recorded deliveries among these (dataset, delivery id) pairs, by delivery id."""
        wanted = [{"dataset": _to_item(d), "entry": _to_item(f"delivery#{i}")} for d, i in dict.fromkeys(keys)]
        found: dict[str, Delivery] = {}
        for start in range(0, len(wanted), _GET_BATCH):
            request: dict[str, Any] = {self.table: {"Keys": wanted[start : start + _GET_BATCH], "ConsistentRead": True}}
            while request:
                answer = client("dynamodb").batch_get_item(RequestItems=request)
                for item in answer["Responses"].get(self.table, []):
                    delivery = _delivery(item)
                    found[delivery.delivery_id] = delivery
                request = answer.get("UnprocessedKeys") or {}
        return found

    def record(self, deliveries: Iterable[Delivery]) -> None:
        """Write deliveries; one whose state is not final only if the ledger has no later state of it."""
        ended = []
        for delivery in deliveries:
            if delivery.status in FINAL:
                ended.append(delivery)
            else:
                self._record_unless_later(delivery, ("failing", "staged", "set_aside"))
        self._put(_item(self._bounded(delivery)) for delivery in ended)

    def _put(self, items: Iterable[dict[str, Any]]) -> None:
        requests = [{"PutRequest": {"Item": item}} for item in items]
        for start in range(0, len(requests), _WRITE_BATCH):
            request = {self.table: requests[start : start + _WRITE_BATCH]}
            pause = 0.05
            while request:
                request = client("dynamodb").batch_write_item(RequestItems=request).get("UnprocessedItems") or {}
                if request:
                    time.sleep(pause)
                    pause = min(pause * 2, 2.0)

    def record_staged(self, delivery: Delivery) -> None:
        """Write that a delivery is staged, unless the ledger has a final state of it."""
        self._record_unless_later(delivery, ("failing", "staged", "set_aside"))

    def record_failing(self, delivery: Delivery) -> None:
        """Write why a delivery could not be staged this time, unless another call has written a later state."""
        self._record_unless_later(delivery, ("failing",))

    def record_given_up(self, delivery: Delivery) -> None:
        """Write that somebody gave up a delivery, unless it is staged or in another final state by now.

        A file that lies in no dataset's folder was refused for good, and can be given up, too.
        """
        stray: tuple[Status, ...] = ("rejected",) if delivery.dataset == UNKNOWN else ()
        self._record_unless_later(delivery, ("failing", "set_aside", *stray))

    def _record_unless_later(self, delivery: Delivery, states: tuple[Status, ...]) -> None:
        errors = client("dynamodb").exceptions
        names = {f":state{number}": {"S": state} for number, state in enumerate(states)}
        try:
            client("dynamodb").put_item(
                TableName=self.table,
                Item=_item(self._bounded(delivery)),
                ConditionExpression=f"attribute_not_exists(#status) OR #status IN ({', '.join(names)})",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=names,
            )
        except errors.ConditionalCheckFailedException:
            return  # another call has written a later state, which is kept

    def _bounded(self, delivery: Delivery) -> Delivery:
        """Return the delivery with error and reasons cut to what a DynamoDB item can hold."""
        error, reasons = self._message(delivery.error), bounded_counts(delivery.reasons)
        return msgspec.structs.replace(delivery, error=error, reasons=reasons)

    def _message(self, text: str) -> str:
        return self._messages.bounded(text) if self._messages else cut(text, MESSAGE_BYTES)

    def redelivered(self, dataset: str, delivery_id: str) -> None:
        """Count another event for a delivery whose state is final.

        The count is an item of its own, so that whoever records the delivery again, or takes it back, keeps it.
        """
        client("dynamodb").update_item(
            TableName=self.table,
            Key={"dataset": {"S": dataset}, "entry": {"S": f"again#{delivery_id}"}},
            UpdateExpression="ADD redeliveries :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    def deliveries(self, dataset: str) -> Iterator[Delivery]:
        """Yield every recorded delivery of ``dataset``."""
        for item in self._query(dataset, "delivery#"):
            yield _delivery(item)

    def recorded(self, dataset: str) -> Recorded:
        """Return all that is recorded of the deliveries of ``dataset``, read at once."""
        found = Recorded()
        for item in self._query(dataset, ""):
            kind = item["entry"]["S"].partition("#")[0]
            if kind == "delivery":
                found.deliveries.append(_delivery(item))
            elif kind == "retention":
                found.retirements.append(_retirement(item))
            elif kind == "again":
                found.redeliveries.update(_again(item))
        return found

    def record_shards(self, dataset: str, shards: Iterable[ShardCounts]) -> None:
        """Replace the counts of each shard."""
        plain = [
            msgspec.structs.asdict(counts)
            | {"dataset": dataset, "entry": f"shard#{counts.shard}", "reasons": bounded_counts(counts.reasons)}
            for counts in shards
        ]
        self._put({name: _to_item(_numbers(value)) for name, value in item.items()} for item in plain)

    def shards(self, dataset: str) -> Iterator[ShardCounts]:
        """Yield the counts of every shard of the dataset's stream."""
        for item in self._query(dataset, "shard#"):
            plain = {name: _plain(_from_item(value)) for name, value in item.items()}
            yield _to_counts({k: v for k, v in plain.items() if k in ShardCounts.__struct_fields__})

    def record_retirements(self, dataset: str, retirements: Iterable[Retirement]) -> None:
        """Write what retention deleted; writing the same twice changes nothing."""
        self._put(
            {name: _to_item(_numbers(value)) for name, value in item.items()}
            for each in retirements
            for item in [
                msgspec.structs.asdict(each) | {"dataset": dataset, "entry": f"retention#{each.at:.3f}#{each.place}"}
            ]
        )

    def record_run(self, run: dict[str, Any], *, started: str, table: str) -> None:
        """Write one run of a derived table: engine, inputs, rows, cost, or its error."""
        item = {"dataset": "refresh", "entry": f"run#{started}#{table}", "table": table, **run}
        plain = msgspec.json.decode(msgspec.json.encode(item))
        plain = {key: self._message(value) if isinstance(value, str) else value for key, value in plain.items()}
        client("dynamodb").put_item(TableName=self.table, Item={k: _to_item(_numbers(v)) for k, v in plain.items()})

    def runs(self) -> Iterator[dict[str, Any]]:
        """Yield every recorded run of a derived table, oldest first."""
        for item in self._query("refresh", "run#"):
            yield {key: _plain(_from_item(value)) for key, value in item.items()}

    def newest_runs(self) -> Iterator[dict[str, Any]]:
        """Yield every recorded run of a derived table, newest first; pages are read as they are needed."""
        for item in self._query("refresh", "run#", newest_first=True):
            yield {key: _plain(_from_item(value)) for key, value in item.items()}

    def request_backfill(self, request: Backfill) -> None:
        """Write a request; it replaces an earlier one for the same table."""
        item = {"dataset": "refresh", "entry": f"backfill#{request.table}", **msgspec.to_builtins(request)}
        client("dynamodb").put_item(TableName=self.table, Item={k: _to_item(v) for k, v in item.items()})

    def backfills(self) -> Iterator[Backfill]:
        """Yield every request that no run has fulfilled yet."""
        for item in self._query("refresh", "backfill#"):
            yield to_backfill({key: _from_item(value) for key, value in item.items()})

    def finish_backfill(self, request: Backfill) -> None:
        """Remove a request, unless another one has replaced it meanwhile."""
        dynamodb = client("dynamodb")
        try:
            dynamodb.delete_item(
                TableName=self.table,
                Key={"dataset": {"S": "refresh"}, "entry": {"S": f"backfill#{request.table}"}},
                ConditionExpression="requested = :requested",
                ExpressionAttributeValues={":requested": {"S": request.requested}},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def pause(self, pause: Pause) -> Pause | None:
        """Write that a derived table is paused, unless it is already; return the pause that it had, if any."""
        dynamodb = client("dynamodb")
        item = {"dataset": "refresh", "entry": f"pause#{pause.table}", **msgspec.to_builtins(pause)}
        try:
            dynamodb.put_item(
                TableName=self.table,
                Item={k: _to_item(v) for k, v in item.items()},
                ConditionExpression="attribute_not_exists(entry)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException as error:
            return _pause_of(error.response["Item"])  # who paused it first stays known
        return None

    def pauses(self) -> Iterator[Pause]:
        """Yield the pause of every derived table that is paused."""
        yield from map(_pause_of, self._query("refresh", "pause#"))

    def resume(self, table: str) -> Pause | None:
        """Remove the pause of a derived table; return it, or None when there was none."""
        key = {"dataset": {"S": "refresh"}, "entry": {"S": f"pause#{table}"}}
        gone = client("dynamodb").delete_item(TableName=self.table, Key=key, ReturnValues="ALL_OLD")
        return _pause_of(gone["Attributes"]) if gone.get("Attributes") else None

    def _query(self, dataset: str, prefix: str, *, newest_first: bool = False) -> Iterator[dict[str, Any]]:
        """Yield the items of ``dataset`` whose entries begin with ``prefix``; with none, all of them."""
        begins = {":prefix": {"S": prefix}} if prefix else {}
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.table,
                KeyConditionExpression="dataset = :dataset" + " AND begins_with(entry, :prefix)" * bool(prefix),
                ExpressionAttributeValues={":dataset": {"S": dataset}, **begins},
                ConsistentRead=True,
                ScanIndexForward=not newest_first,
            )
        )
        for page in pages:
            yield from page["Items"]


def _item(delivery: Delivery) -> dict[str, Any]:
    """Return the delivery as a DynamoDB item."""
    plain = msgspec.structs.asdict(delivery) | {"entry": f"delivery#{delivery.delivery_id}"}
    return {name: _to_item(_numbers(value)) for name, value in plain.items()}


def _numbers(value: Any) -> Any:
    """Return ``value`` with floats converted to decimals at any depth, since boto3 accepts no floats for DynamoDB."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {key: _numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_numbers(inner) for inner in value]
    return value


def _plain(value: Any) -> Any:
    """Return ``value`` with DynamoDB's decimals converted to int or float at any depth."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value


def _delivery(item: dict[str, Any]) -> Delivery:
    plain = {name: _from_item(value) for name, value in item.items()}
    plain["reasons"] = {code: int(count) for code, count in plain.get("reasons", {}).items()}
    for name in ("size", "accepted", "quarantined"):
        plain[name] = None if plain.get(name) is None else int(plain[name])
    plain["at"] = float(plain.get("at", 0))
    for name in ("retracted", "retracted_quarantined"):
        plain[name] = int(plain.get(name, 0))
    return _to_delivery({k: v for k, v in plain.items() if k in Delivery.__struct_fields__})


def _retirement(item: dict[str, Any]) -> Retirement:
    plain = {name: _plain(_from_item(value)) for name, value in item.items()}
    return _to_retirement({k: v for k, v in plain.items() if k in Retirement.__struct_fields__})


def _again(item: dict[str, Any]) -> dict[str, int]:
    return {item["entry"]["S"].removeprefix("again#"): int(item["redeliveries"]["N"])}


def _pause_of(item: dict[str, Any]) -> Pause:
    return _to_pause({key: _from_item(item[key]) for key in Pause.__dataclass_fields__})
