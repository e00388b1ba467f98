"""Applies rules to a batch's accepted rows, with a memory that a warm function keeps between batches.

The memory is bounded and may be lost: see docs/decisions/0006-operational-events.md.
"""

from __future__ import annotations

import logging
from collections import Counter

import pyarrow as pa

from sluice.contracts import LandingContract, StreamRule
from sluice.contracts.conditions import fulfilled
from sluice.ingestion.rules.burst import find_bursts
from sluice.ingestion.rules.events import OperationalEvent, operational_events, send
from sluice.ingestion.rules.found import PLACE, Found, columns_of, identified
from sluice.ingestion.rules.travel import find_travels
from sluice.settings import Settings

log = logging.getLogger(__name__)
#: The memory by dataset and rule.
Memory = dict[tuple[str, str], pa.Table]


class Watch:
    """Applies the rules to one call's accepted rows; ``memory`` changes only after all events have been sent."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._accepted: list[tuple[LandingContract, pa.Table]] = []

    def add(self, contract: LandingContract, accepted: pa.Table) -> None:
        """Collect accepted rows of a dataset as bronze has them; the rules are applied later."""
        if contract.rules and accepted.num_rows:
            self._accepted.append((contract, accepted))

    def tell(self, settings: Settings) -> None:
        """Send an event for each thing found; if that fails, the memory is unchanged and all is found again."""
        events, memory = self.look()
        send(settings, events)
        self._memory.update(memory)
        if events:
            log.info("operational events: %s", dict(Counter(event.rule for event in events)))

    def look(self) -> tuple[list[OperationalEvent], Memory]:
        """Return what the rules found, and their new memories."""
        events: dict[str, OperationalEvent] = {}
        memory: Memory = {}
        for contract, accepted in self._accepted:
            for rule in contract.rules:
                name = (contract.name, rule.name)
                found, kept = _look(rule, contract, memory.get(name, self._memory.get(name)), accepted)
                if kept is not None:
                    memory[name] = kept
                for event in operational_events(found, rule, contract):
                    events.setdefault(event.event_id, event)
        return list(events.values()), memory


def _look(
    rule: StreamRule, contract: LandingContract, memory: pa.Table | None, accepted: pa.Table
) -> tuple[list[Found], pa.Table | None]:
    rows = accepted.select([*columns_of(rule, contract), *PLACE, "_arrived_at"])
    if rule.burst:
        return find_bursts(rule.burst, memory, identified(fulfilled(rows, rule.burst.where), contract))
    if rule.travel:
        return find_travels(rule.travel, memory, identified(rows, contract))
    records = fulfilled(rows, rule.where).to_pylist()
    time = contract.arrival.event_time or "_arrived_at"
    return [Found([record], record[time], record[time]) for record in records], None
