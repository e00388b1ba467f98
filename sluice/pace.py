"""The pace: what waits, until when, and what is under way; one of each, however many events ask for it.

An item of the ledger per landing dataset, and one for the refresh. Whoever has something to be committed or refreshed
claims a time in the item, and only the one whose claim is the first sends a message. The claim is taken away before
what waits is listed: what comes later claims anew, so nothing is forgotten between the two. What is taken is of one
call until it ends, or is over by its time. What a killed function leaves in an item the sweep finds, in one query of
all items.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sluice.pace_items import (
    CLOCKS,
    LATE,
    PARTITION,
    REFRESH,
    WISHES,
    Entries,
    Refreshes,
    Waiting,
    to_refreshes,
    to_waiting,
)
from sluice.storage import client

T = TypeVar("T")
_COMMIT = "commit#"
#: Seconds after which a call that took a commit is over: it may run for 90, and clocks differ by some.
_OVER = 95.0
#: Tables in one call: an expression has 4 KB at most, an update 300 operators.
_AT_ONCE = 60


@dataclass(frozen=True)
class Taken:
    """A dataset's commit that a call has taken at ``at``.

    ``again`` says that a call before it did not end; ``before`` is when the commit before this one was taken.
    """

    dataset: str
    at: float
    again: bool = False
    before: float | None = None


class Pace(Entries):
    """The items of one ledger table."""

    def claim_commit(self, dataset: str, latency: float, now: float) -> tuple[Waiting, bool]:
        """Claim the next commit of ``dataset``; return what waits now, and whether it is to be sent a message.

        It is due at once, or when the latency since the last commit has passed. A claim that nobody took in time, or
        that a longer latency made, is made anew.
        """
        item, first = self.update(
            _COMMIT + dataset,
            "SET due = if_not_exists(committed, :zero) + :latency, asked = :now",
            {":now": now, ":zero": 0.0, ":latency": latency, ":most": now + latency + CLOCKS, ":late": now - LATE},
            condition="attribute_not_exists(due) OR due > :most OR due < :late AND asked < :late",
        )
        return to_waiting(item), first

    def withdraw_commit(self, claimed: Waiting) -> None:
        """Take back a claim whose message could not be sent, so that whoever tries again claims and sends."""
        self._withdraw(_COMMIT + claimed.dataset, claimed.asked)

    def withdraw_refresh(self, asked: float) -> None:
        """Take back a claim whose message or event could not be sent."""
        self._withdraw(REFRESH, asked)

    def _withdraw(self, entry: str, asked: float) -> None:
        self.update(entry, "REMOVE due, asked", {":asked": asked}, condition="asked <= :asked")

    def begin_commit(self, dataset: str, now: float, messages: Sequence[str], *, forced: bool = False) -> Taken | None:
        """Take the commit that is due, as what waits is listed next; None when none is, or another call has it.

        One that failed or did not end is taken over: by its time, or by a call for one of the same ``messages`` (ids),
        since the queue gives a message to one call at a time. When ``forced`` it is taken though none is due, and the
        claim of one that is due later stays, since others count on it.
        """
        entry, over = _COMMIT + dataset, now - _OVER
        own = {f":m{n}": message for n, message in enumerate(messages)}
        free = ["attribute_not_exists(taken)", "taken <= :over", *(f"contains(holder, {name})" for name in own)]
        values: dict[str, float | str] = {":now": now, ":over": over, ":holder": " ".join(messages), **own}
        sets = "SET taken = :now, committed = :now, holder = :holder"
        if not forced:
            condition = " OR ".join(f"due <= :now AND {each}" for each in free)
            item, mine = self.update(entry, f"{sets} REMOVE due, asked, failed", values, condition=condition, old=True)
            if mine:
                return _taken(dataset, now, to_waiting(item))
            if not to_waiting(item).to_take_over(over, messages):
                return None
        item, mine = self.update(entry, f"{sets} REMOVE failed", values, condition=" OR ".join(free), old=True)
        return _taken(dataset, now, to_waiting(item)) if mine else None

    def end_commit(self, taken: Taken, *, changed: bool) -> Waiting:
        """Say that all is done that was taken; return what waits, with the wishes of who came meanwhile.

        These are the caller's to send. Without a change it was no commit.
        """
        removes = f"REMOVE taken, {', '.join(sorted(WISHES))}"
        if changed:
            return self._give_back(taken, removes, {})
        if taken.before is None:
            return self._give_back(taken, f"{removes}, committed", {})
        return self._give_back(taken, f"SET committed = :before {removes}", {":before": taken.before})

    def leave_word(self, dataset: str, wishes: Collection[str], now: float) -> bool:
        """Note what else is asked for, for the call that has taken a dataset's commit; return False when none has."""
        sets = ", ".join(f"{wish} = :now" for wish in sorted({"wanted", *wishes}))
        condition = "attribute_exists(taken)"
        return self.update(_COMMIT + dataset, f"SET {sets}", {":now": now}, condition=condition)[1]

    def put_back(self, dataset: str, wishes: Collection[str], now: float) -> None:
        """Note again what nobody could be told of, for whoever comes next: it is as if a call had failed."""
        sets = ", ".join(f"{wish} = :now" for wish in sorted({"wanted", "failed", *wishes}))
        self.update(_COMMIT + dataset, f"SET {sets}", {":now": now})

    def fail_commit(self, taken: Taken, now: float) -> None:
        """Say that what was taken failed: whoever comes next takes it over."""
        self._give_back(taken, "SET failed = :now REMOVE taken", {":now": now})

    def _give_back(self, taken: Taken, expression: str, values: Mapping[str, float]) -> Waiting:
        values = {**values, ":at": taken.at}
        item, mine = self.update(_COMMIT + taken.dataset, expression, values, condition="taken <= :at", old=True)
        return to_waiting(item if mine else {"entry": item["entry"]})

    def forget(self, dataset: str) -> None:
        """Delete the item of a dataset that is declared no more."""
        key = {"dataset": {"S": PARTITION}, "entry": {"S": _COMMIT + dataset}}
        client("dynamodb").delete_item(TableName=self.table, Key=key)

    def claim_refresh(self, due: float, now: float, late: float = LATE) -> bool:
        """Claim a refresh at ``due``; return False when one is due by then that is not ``late`` by so many seconds."""
        _, first = self.update(
            REFRESH,
            "SET due = :due, asked = :now",
            {":due": due, ":now": now, ":late": now - late},
            condition="attribute_not_exists(due) OR due > :due OR due < :late AND attribute_not_exists(taken)",
        )
        return first

    def begin_refresh(self, now: float) -> Refreshes:
        """Take the claim of the refresh away, as what is behind is looked for next; return how it stands.

        It is ``taken`` since now, or since a round before it began that did not end.
        """
        item, _ = self.update(REFRESH, "SET taken = if_not_exists(taken, :now) REMOVE due, asked", {":now": now})
        return to_refreshes(item)

    def end_refresh(self, began: float) -> None:
        """Say that the round of the refresh that began then is over."""
        self.update(REFRESH, "REMOVE taken", {":began": began}, condition="taken <= :began")

    def consider(self, saw: Mapping[str, str], began: float) -> None:
        """Say which tables have their turn in the round that began then, with digests of what they are made from."""
        marks = [(Refreshes.CONSIDERED + table, began) for table in saw]
        self._note([*marks, *((Refreshes.SAW + table, digest) for table, digest in saw.items())])

    def heed(self, refreshes: Refreshes, began: float, gone: Collection[str]) -> None:
        """Say that the round that began then has chosen its tables, heeding the requests that ``refreshes`` had.

        It comes after these are considered, so that those of a call that was killed between count as tables of a round
        that did not end. What is known of tables that are ``gone`` goes.
        """
        keys = [key for table in gone for key in Refreshes.keys_of(table)][:_AT_ONCE]
        named = {f"#g{n}": key for n, key in enumerate(keys)}
        removes = f" REMOVE {', '.join(named)}" if named else ""
        values = {":began": began, ":heeded": refreshes.requests}
        self.update(REFRESH, f"SET taken = :began, heeded = :heeded{removes}", values, names=named)

    def _note(self, given: Sequence[tuple[str, float | str]]) -> None:
        for some in _parts(given):
            named = {f"#n{n}": key for n, (key, _) in enumerate(some)}
            values = {f":n{n}": value for n, (_, value) in enumerate(some)}
            sets = ", ".join(f"#n{n} = :n{n}" for n in range(len(some)))
            self.update(REFRESH, f"SET {sets}", values, names=named)

    def note_deaths(self, again: Mapping[str, float], deaths: Mapping[str, int]) -> Refreshes:
        """Note when tables come again whose runs, or those of what they need, were killed, and how often runs were."""
        told = [(Refreshes.DEATHS + table, float(number)) for table, number in deaths.items()]
        self._note([*told, *((Refreshes.AGAIN + table, moment) for table, moment in again.items())])
        return self.refreshes()

    def bring_forward(self, tables: Collection[str], now: float) -> None:
        """Let the next round refresh ``tables`` whatever their latency; ``""`` stands for all of them."""
        for some in _parts([*tables]) or [()]:
            named = {f"#f{n}": Refreshes.FORWARD + table for n, table in enumerate(some)}
            # Numbers, not times, since clocks differ: a round heeds those that it has read.
            sets = "".join(f", {name} = if_not_exists(requests, :none) + :one" for name in ("requests", *named))
            values = {":now": now, ":none": 0.0, ":one": 1.0}
            self.update(REFRESH, f"SET attention = :now{sets}", values, names=named)

    def refreshes(self) -> Refreshes:
        """Return what is due of the refresh, and each table's last round."""
        key = {"dataset": {"S": PARTITION}, "entry": {"S": REFRESH}}
        answer = client("dynamodb").get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return to_refreshes(answer.get("Item", {}))

    def read_waiting(self) -> tuple[list[Waiting], Refreshes]:
        """Return every dataset's item, and that of the refresh, in one query."""
        items = self.query()
        refresh = next((item for item in items if item["entry"]["S"] == REFRESH), {})
        return [to_waiting(item) for item in items if item["entry"]["S"] != REFRESH], to_refreshes(refresh)


def _parts(things: Sequence[T]) -> list[Sequence[T]]:
    """Return ``things`` in parts for one call each."""
    return [things[start : start + _AT_ONCE] for start in range(0, len(things), _AT_ONCE)]


def _taken(dataset: str, now: float, old: Waiting) -> Taken:
    return Taken(dataset, now, again=old.taken is not None or old.failed is not None, before=old.committed)
