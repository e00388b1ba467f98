"""Who starts the refresh: the first change starts it, at once or when a turn comes, and all others find it claimed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from sluice.ingestion.wake import send_refresh
from sluice.pace import Pace
from sluice.pace_items import HORIZON, LATE
from sluice.project import Project
from sluice.refresh.windows import Turns, made_of
from sluice.settings import Settings
from sluice.storage import client


def refresh_changed(settings: Settings, project: Project, changed: Iterable[str]) -> None:
    """Have what is made of the bronze tables that ``changed`` refreshed within its latency."""
    now, pace = time.time(), Pace(settings.ledger_table)
    refreshes = pace.refreshes()
    due = Turns(project, refreshes, now).first(changed)
    if due is not None and (refreshes.due is None or refreshes.due > due or refreshes.late(now)):
        ask_refresh(settings, due, now)


def refresh_now(settings: Settings, project: Project, changed: Iterable[str]) -> None:
    """Have what is made of the tables that ``changed`` refreshed at once, whatever its latency."""
    now = time.time()
    if tables := made_of(project, set(changed)):
        Pace(settings.ledger_table).bring_forward(sorted(tables), now)
        ask_refresh(settings, now, now)


def ask_refresh(settings: Settings, due: float, now: float, late: float = LATE) -> None:
    """Have a refresh start when it is ``due``, unless one is claimed that starts by then.

    One that did not start ``late`` seconds after its time is started again.
    """
    pace = Pace(settings.ledger_table)
    if not pace.claim_refresh(due, now, late):
        return
    try:
        if due <= now:
            publish([("RefreshDue", {"due": due})], settings)
        elif due - now <= HORIZON:  # a later one gets its message from a sweep, shortly before
            send_refresh(settings, due)
    except Exception:
        pace.withdraw_refresh(now)
        raise


def release_refresh(settings: Settings, due: float) -> None:
    """Start the refresh whose message has come, unless it has started, or another message comes for it."""
    claimed = Pace(settings.ledger_table).refreshes().due
    if claimed is not None and claimed <= due:
        publish([("RefreshDue", {"due": claimed})], settings)


def publish(events: Iterable[tuple[str, dict[str, object]]], settings: Settings) -> None:
    """Publish events, each of a kind and with its details; ``RefreshDue`` starts the refresh workflow."""
    entries = [
        {
            "Source": "sluice",
            "DetailType": kind,
            "EventBusName": settings.event_bus,
            "Detail": json.dumps(details),
        }
        for kind, details in events
    ]
    answer = client("events").put_events(Entries=entries)
    if answer["FailedEntryCount"]:
        raise OSError(f"EventBridge refused {answer['FailedEntryCount']} events: {answer['Entries']}")
