"""What is in the items of the ledger by which the pace is kept, and how they are changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Final

from sluice.storage import client

Item = Mapping[str, Mapping[str, str]]
#: What is in the items' key instead of a dataset's name: no dataset can have it.
PARTITION: Final = ".pace"
REFRESH: Final = "refresh"
#: Seconds: what is due later than that gets its message from a sweep, which comes once a minute.
HORIZON: Final = 120.0
#: What the message of somebody who asks for a commit now may ask for besides: the commit itself always.
WISHES: Final = frozenset({"wanted", "maintain", "through"})
#: Seconds by which the clocks of two functions differ at most.
CLOCKS: Final = 1.0
#: Seconds after which what was due is late.
LATE: Final = 60.0
#: Seconds after which the call that took a dataset's commit is dead, and its message did not come again either.
_DEAD: Final = 150.0


@dataclass(frozen=True)
class Waiting:
    """What is due of one dataset's commits or of the refresh; times are seconds since the epoch.

    ``due`` is None where nothing waits. ``taken`` is when the work began that is under way, or that died, and
    ``failed`` when it last failed. ``committed`` is when the last commit was taken, ``holder`` has the ids of the
    messages for which it was, ``wishes`` what somebody asked for meanwhile.
    """

    dataset: str = ""
    due: float | None = None
    asked: float = 0.0
    taken: float | None = None
    failed: float | None = None
    committed: float | None = None
    holder: str = ""
    wishes: frozenset[str] = frozenset()

    def late(self, now: float) -> bool:
        """Return whether what was due did not begin."""
        return self.due is not None and now - self.due > LATE

    def dead(self, now: float) -> bool:
        """Return whether work that began did not end, or failed and was not tried again."""
        begun = self.taken is not None and now - self.taken > _DEAD
        return begun or (self.failed is not None and self.taken is None and now - self.failed > LATE)

    def stopped(self, now: float) -> bool:
        """Return whether something should have begun, or ended, by now."""
        return self.late(now) or self.dead(now)

    def to_take_over(self, over: float, messages: Sequence[str]) -> bool:
        """Return whether work failed, or began before ``over`` or for one of ``messages`` and did not end."""
        if self.taken is None:
            return self.failed is not None
        return self.taken <= over or any(message in self.holder for message in messages)

    def to_send(self, now: float) -> bool:
        """Return whether what is due soon has no message yet, or lost it."""
        if self.due is None or self.due - now > HORIZON:
            return False
        return self.due - self.asked > HORIZON or self.late(now)


@dataclass(frozen=True)
class Refreshes(Waiting):
    """The same of the refresh, with each derived table's last round.

    ``considered`` is when the last round began in which the table had its turn, ``saw`` a digest of what the table
    was to be made from then. ``forward`` is the number of the last request to refresh it now, by table; of all under
    ``""``. Of the ``requests`` so far those up to ``heeded`` have been done. ``again`` is when a table comes again
    whose run was killed, and ``deaths`` how often that happened in a row. ``attention`` is when somebody last waited
    for work to end.
    """

    CONSIDERED: ClassVar = "considered#"
    SAW: ClassVar = "saw#"
    FORWARD: ClassVar = "forward#"
    AGAIN: ClassVar = "again#"
    DEATHS: ClassVar = "deaths#"

    considered: Mapping[str, float] = field(default_factory=dict)
    saw: Mapping[str, str] = field(default_factory=dict)
    forward: Mapping[str, float] = field(default_factory=dict)
    again: Mapping[str, float] = field(default_factory=dict)
    deaths: Mapping[str, float] = field(default_factory=dict)
    requests: float = 0.0
    heeded: float = 0.0
    attention: float = 0.0

    def late(self, now: float) -> bool:
        """Return whether what was due did not begin; a round that is under way is followed by it."""
        return self.taken is None and super().late(now)

    def to_send(self, now: float) -> bool:
        """Return whether what is due soon has no message yet, or lost it; a round under way was asked for another."""
        asked = self.taken is not None and super().late(now)
        return super().to_send(now) and not asked

    def stopped(self, now: float) -> bool:
        """Return whether a round should have begun, or may have died."""
        return self.late(now) or (self.taken is not None and now - self.taken > LATE)

    @property
    def tables(self) -> set[str]:
        """Return the tables of which anything is known."""
        return {*self.considered, *self.saw, *self.forward, *self.again, *self.deaths} - {""}

    @classmethod
    def keys_of(cls, table: str) -> list[str]:
        """Return under what the item knows something of a table."""
        return [prefix + table for prefix in (cls.CONSIDERED, cls.SAW, cls.FORWARD, cls.AGAIN, cls.DEATHS)]


class Entries:
    """The items in one ledger table."""

    def __init__(self, table: str) -> None:
        self.table = table

    def query(self) -> list[dict[str, Any]]:
        """Return all items."""
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.table,
                KeyConditionExpression="dataset = :partition",
                ExpressionAttributeValues={":partition": {"S": PARTITION}},
                ConsistentRead=True,
            )
        )
        return [item for page in pages for item in page["Items"]]

    def update(
        self,
        entry: str,
        expression: str,
        values: Mapping[str, float | str],
        *,
        condition: str = "",
        names: Mapping[str, str] | None = None,
        old: bool = False,
    ) -> tuple[dict[str, Any], bool]:
        """Change an item; return it as it is after that, or was before it (``old``), and True.

        Where the condition fails, return it as it is and False.
        """
        dynamodb = client("dynamodb")
        given: dict[str, Any] = {
            "ExpressionAttributeValues": {name: _to_item(value) for name, value in values.items()} or None,
            "ExpressionAttributeNames": names or None,
            "ConditionExpression": condition or None,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD" if condition else None,
        }
        try:
            answer = dynamodb.update_item(
                TableName=self.table,
                Key={"dataset": {"S": PARTITION}, "entry": {"S": entry}},
                UpdateExpression=expression,
                ReturnValues="ALL_OLD" if old else "ALL_NEW",
                **{name: value for name, value in given.items() if value is not None},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException as error:
            return {"entry": {"S": entry}, **error.response.get("Item", {})}, False
        return {"entry": {"S": entry}, **answer.get("Attributes", {})}, True


def to_waiting(item: Item) -> Waiting:
    """Return what an item says of a dataset's commits."""
    asked, due = _number(item, "asked") or 0.0, _number(item, "due")
    return Waiting(
        item["entry"]["S"].rpartition("#")[2],
        # Since long before it was asked for: at once.
        None if due is None else max(due, asked),
        asked,
        _number(item, "taken"),
        _number(item, "failed"),
        _number(item, "committed"),
        item["holder"]["S"] if "holder" in item else "",
        frozenset(WISHES & item.keys()),
    )


def to_refreshes(item: Item) -> Refreshes:
    """Return what the item of the refresh says."""

    def numbers(prefix: str) -> dict[str, float]:
        return {name.removeprefix(prefix): float(item[name]["N"]) for name in item if name.startswith(prefix)}

    saw = Refreshes.SAW
    return Refreshes(
        due=_number(item, "due"),
        asked=_number(item, "asked") or 0.0,
        taken=_number(item, "taken"),
        considered=numbers(Refreshes.CONSIDERED),
        saw={name.removeprefix(saw): item[name]["S"] for name in item if name.startswith(saw)},
        forward=numbers(Refreshes.FORWARD),
        again=numbers(Refreshes.AGAIN),
        deaths=numbers(Refreshes.DEATHS),
        requests=_number(item, "requests") or 0.0,
        heeded=_number(item, "heeded") or 0.0,
        attention=_number(item, "attention") or 0.0,
    )


def _to_item(value: float | str) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(Decimal(repr(float(value))))}


def _number(item: Item, name: str) -> float | None:
    return float(item[name]["N"]) if name in item else None
