"""The pace: what waits, until when, and what is under way; one of each, however many events ask for it.

An item of the ledger per landing dataset, and one for the refresh. Whoever has something to be committed or refreshed
claims a time in the item, and only the one whose claim is the first sends a message. The claim is taken away before
what waits is listed: what comes later claims anew, so nothing is forgotten between the two. What a killed function
leaves in an item the sweep finds, in one query of all items.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal

from sluice.storage import client

#: What is in the item's key instead of a dataset's name for the refresh of derived tables.
_PARTITION, _COMMIT, _REFRESH = "refresh", "pace#commit#", "pace#refresh"
#: Seconds: what is due later than that gets its message from a sweep, which comes once a minute.
HORIZON: Final = 120.0
#: Seconds after which what was due is late.
_LATE = 60.0
_CONSIDERED, _SAW, _FORWARD = "considered#", "saw#", "forward#"


@dataclass(frozen=True)
class Waiting:
    """What is due of one dataset's commits or of the refresh; times are seconds since the epoch.

    ``due`` is None where nothing waits. ``taken`` is when the work began that is under way, or that died.
    """

    dataset: str = ""
    due: float | None = None
    asked: float = 0.0
    taken: float | None = None

    def late(self, now: float) -> bool:
        """Return whether what was due did not begin."""
        return self.due is not None and now - self.due > _LATE

    def stopped(self, now: float) -> bool:
        """Return whether something should have begun, or ended, by now."""
        return self.late(now) or (self.taken is not None and now - self.taken > _LATE)

    def to_send(self, now: float) -> bool:
        """Return whether what is due soon has no message yet, or lost it."""
        if self.due is None or self.due - now > HORIZON:
            return False
        return self.due - self.asked > HORIZON or self.late(now)


@dataclass(frozen=True)
class Refreshes(Waiting):
    """The same of the refresh, with each derived table's last round.

    ``considered`` is when the last round began in which the table had its turn, ``saw`` a digest of what the table
    was to be made from then. ``forward`` is when somebody asked for a refresh now, by table; of all under ``""``.
    ``attention`` is when somebody last waited for work to end.
    """

    considered: Mapping[str, float] = field(default_factory=dict)
    saw: Mapping[str, str] = field(default_factory=dict)
    forward: Mapping[str, float] = field(default_factory=dict)
    attention: float = 0.0


class TooEarly(Exception):
    """What waits is due in ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it is due in {seconds:.1f} s")
        self.seconds = seconds


class Pace:
    """The items of one ledger table."""

    def __init__(self, table: str) -> None:
        self.table = table

    def claim_commit(self, dataset: str, now: float) -> tuple[Waiting, bool]:
        """Claim the next commit of ``dataset``; return what waits now, and whether it did not wait before.

        It is due at once, or when the latency since the last commit has passed.
        """
        item, first = self._update(
            _COMMIT + dataset,
            "SET due = if_not_exists(earliest, :now), asked = :now",
            {":now": now},
            condition="attribute_not_exists(due)",
        )
        return _waiting(item), first

    def withdraw_commit(self, claimed: Waiting) -> None:
        """Take back a claim whose message could not be sent, so that whoever tries again claims and sends."""
        self._withdraw(_COMMIT + claimed.dataset, claimed.asked)

    def withdraw_refresh(self, asked: float) -> None:
        """Take back a claim whose message or event could not be sent."""
        self._withdraw(_REFRESH, asked)

    def _withdraw(self, entry: str, asked: float) -> None:
        self._update(entry, "REMOVE due, asked", {":asked": asked}, condition="asked <= :asked")

    def begin_commit(self, dataset: str, now: float) -> Literal["taken", "taken again", ""]:
        """Take the claim away, as what waits is listed next; return "" when nothing waits.

        Work that was taken before, and did not end, perhaps died: it is taken again. Raise ``TooEarly`` before its due.
        """
        item, first = self._update(
            _COMMIT + dataset,
            "SET taken = :now REMOVE due, asked",
            {":now": now},
            condition="due <= :now",
        )
        if first:
            return "taken"
        waiting = _waiting(item)
        if waiting.due is not None:
            raise TooEarly(waiting.due - now)
        return "" if waiting.taken is None else "taken again"

    def end_commit(self, dataset: str, began: float, earliest: float | None = None) -> None:
        """Say that all is done that was taken until ``began``, and when the next comes at the earliest, if given."""
        sets = "SET earliest = :earliest " if earliest is not None else ""
        values = {":earliest": earliest} if earliest is not None else {}
        entry = _COMMIT + dataset
        _, mine = self._update(
            entry, f"{sets}REMOVE taken", {**values, ":began": began}, condition="taken <= :began"
        )  # fmt: skip
        if earliest is not None and not mine:
            self.space_commits(dataset, earliest)

    def space_commits(self, dataset: str, earliest: float) -> None:
        """Say when the next commit may be due."""
        self._update(_COMMIT + dataset, "SET earliest = :earliest", {":earliest": earliest})

    def claim_refresh(self, due: float, now: float) -> bool:
        """Claim a refresh at ``due``; return False when one is due by then already."""
        _, first = self._update(
            _REFRESH,
            "SET due = :due, asked = :now",
            {":due": due, ":now": now},
            condition="attribute_not_exists(due) OR due > :due",
        )
        return first

    def begin_refresh(self, now: float) -> None:
        """Take the claim of the refresh away, as what is behind is looked for next."""
        self._update(_REFRESH, "SET taken = :now REMOVE due, asked", {":now": now})

    def end_refresh(self) -> None:
        """Say that a round of the refresh is over."""
        self._update(_REFRESH, "REMOVE taken", {})

    def consider(self, saw: Mapping[str, str], began: float) -> None:
        """Say which tables had their turn in the round that began then, with digests of what they were made from."""
        names = list(saw)
        for start in range(0, len(names), 100):
            some = names[start : start + 100]
            sets = [f"#c{n} = :began, #s{n} = :s{n}" for n in range(len(some))]
            named = {f"#c{n}": _CONSIDERED + name for n, name in enumerate(some)}
            named |= {f"#s{n}": _SAW + name for n, name in enumerate(some)}
            values: dict[str, Any] = {":began": began} | {f":s{n}": saw[name] for n, name in enumerate(some)}
            self._update(_REFRESH, f"SET {', '.join(sets)}", values, names=named)

    def bring_forward(self, tables: Collection[str], now: float) -> None:
        """Let the next round refresh ``tables`` whatever their latency; ``""`` stands for all of them."""
        named = {f"#f{n}": _FORWARD + table for n, table in enumerate(tables)}
        sets = "".join(f", {name} = :now" for name in named)
        self._update(_REFRESH, f"SET attention = :now{sets}", {":now": now}, names=named)

    def refreshes(self) -> Refreshes:
        """Return what is due of the refresh, and each table's last round."""
        key = {"dataset": {"S": _PARTITION}, "entry": {"S": _REFRESH}}
        answer = client("dynamodb").get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return _refreshes(answer.get("Item", {}))

    def read_waiting(self) -> tuple[list[Waiting], Refreshes]:
        """Return every dataset's item, and that of the refresh, in one query."""
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.table,
                KeyConditionExpression="dataset = :partition AND begins_with(entry, :pace)",
                ExpressionAttributeValues={":partition": {"S": _PARTITION}, ":pace": {"S": "pace#"}},
                ConsistentRead=True,
            )
        )
        items = [item for page in pages for item in page["Items"]]
        refresh: dict[str, Any] = next((item for item in items if item["entry"]["S"] == _REFRESH), {})
        return [_waiting(item) for item in items if item["entry"]["S"] != _REFRESH], _refreshes(refresh)

    def _update(
        self,
        entry: str,
        expression: str,
        values: Mapping[str, Any],
        *,
        condition: str = "",
        names: Mapping[str, str] | None = None,
    ) -> tuple[dict[str, Any], bool]:
        """Change an item; return it as it is after that and True, or as it is and False where the condition fails."""
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
                Key={"dataset": {"S": _PARTITION}, "entry": {"S": entry}},
                UpdateExpression=expression.strip(),
                ReturnValues="ALL_NEW",
                **{name: value for name, value in given.items() if value is not None},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException as error:
            item = {"entry": {"S": entry}, **error.response.get("Item", {})}
            return item, False
        return answer["Attributes"], True


def _to_item(value: float | str) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(Decimal(repr(float(value))))}


def _number(item: Mapping[str, Any], name: str) -> float | None:
    return float(item[name]["N"]) if name in item else None


def _waiting(item: Mapping[str, Any]) -> Waiting:
    asked, due = _number(item, "asked") or 0.0, _number(item, "due")
    # Since long before it was asked for: at once.
    due = None if due is None else max(due, asked)
    return Waiting(item["entry"]["S"].removeprefix(_COMMIT), due, asked, _number(item, "taken"))


def _refreshes(item: Mapping[str, Any]) -> Refreshes:
    def numbers(prefix: str) -> dict[str, float]:
        return {name.removeprefix(prefix): float(item[name]["N"]) for name in item if name.startswith(prefix)}

    return Refreshes(
        due=_number(item, "due"),
        asked=_number(item, "asked") or 0.0,
        taken=_number(item, "taken"),
        considered=numbers(_CONSIDERED),
        saw={name.removeprefix(_SAW): item[name]["S"] for name in item if name.startswith(_SAW)},
        forward=numbers(_FORWARD),
        attention=_number(item, "attention") or 0.0,
    )
