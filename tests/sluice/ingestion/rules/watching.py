"""Batches of a small stream of visits, and what rules find in them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from sluice.contracts import Condition, LandingContract, StreamRule, parse_type
from sluice.contracts.model import Column
from sluice.ingestion.ingest_stream import ingest_records
from sluice.ingestion.rules.events import OperationalEvent
from sluice.ingestion.rules.watch import Memory, Watch
from sluice.project import Project
from sluice.settings import Settings
from tests.sluice.ingestion.reading import contract

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/things"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DECLINED = (Condition("outcome", "=", value="declined"),)


def visits(
    *rules: StreamRule, key: tuple[str, ...] = ("id",), personal: tuple[str, ...] = ("card",), called: str = "personal"
) -> LandingContract:
    """Return the contract of a stream with these rules; ``called`` is the classification of its personal columns."""
    kinds = {
        "id": "string", "who": "string", "at": "timestamp", "outcome": "string", "card": "string",
        "price": "decimal(12,2)", "cost": "decimal(10,3)", "pieces": "int", "weight": "double",
        "sold": "boolean", "day": "date", "lat": "double", "lon": "double",
    }  # fmt: skip
    columns = [
        Column(name, parse_type(kind), header=name, classification=called if name in personal else None)
        for name, kind in kinds.items()
    ]
    plain = contract(*columns, key=key, format="json", stream=True, event_time="at", null_keys="keep")
    return msgspec.structs.replace(plain, rules=rules)


def rule(**kind: Any) -> StreamRule:
    return StreamRule("odd", "Something is odd.", "warning", **kind)


class Nowhere:
    """Takes objects and keeps none."""

    def put(self, address: str, body: Any) -> None:
        pass


class Function:
    """A warm function; ``batch`` is one call of it."""

    def __init__(self, declared: LandingContract) -> None:
        self.contract = declared
        self.memory: Memory = {}
        self.sequence = 0

    def batch(self, *events: dict[str, Any], arrives: float = 0.0, again: bool = False) -> list[OperationalEvent]:
        """Return what is found in ``events``, which arrive so many seconds after noon; ``again``: at the same place."""
        watch = self.watch(*events, arrives=arrives, again=again)
        found, memory = watch.look()
        self.memory.update(memory)
        return found

    def watch(self, *events: dict[str, Any], arrives: float = 0.0, again: bool = False) -> Watch:
        watch = Watch(self.memory)
        self.ingest(watch.add, *events, arrives=arrives, again=again)
        return watch

    def ingest(
        self,
        add: Callable[[LandingContract, pa.Table], None],
        *events: dict[str, Any],
        arrives: float = 0.0,
        again: bool = False,
    ) -> None:
        first = self.sequence - len(events) if again else self.sequence
        records = [
            {
                "eventSourceARN": ARN,
                "eventID": f"shardId-000000000000:{first + number}",
                "kinesis": {
                    "sequenceNumber": str(first + number),
                    "data": base64.b64encode(json.dumps(event).encode()).decode(),
                    "approximateArrivalTimestamp": NOON.timestamp() + arrives,
                },
            }
            for number, event in enumerate(events)
        ]
        self.sequence = first + len(events)
        settings = Settings(lake_bucket="lake")
        ingest_records(records, Project((self.contract,)), settings, Nowhere(), add)  # type: ignore[arg-type]


def event(name: str, seconds: float | None = 0.0, **more: Any) -> dict[str, Any]:
    """Return an event so many seconds after noon."""
    at = None if seconds is None else (NOON + timedelta(seconds=seconds)).isoformat()
    return {"id": name, "at": at, **more}


def declined(name: str, seconds: float | None, *, who: str | None = "w", card: str | None = "c") -> dict[str, Any]:
    return event(name, seconds, who=who, card=card, outcome="declined")


def ids(found: list[OperationalEvent]) -> list[str]:
    return [each.event_id for each in found]
