"""Once a minute → work that stopped because a function or a message was lost is resumed; daily → maintenance."""

from __future__ import annotations

import logging
from typing import Any

from sluice.ingestion.sweep import Sweep
from sluice.project import deployed_project
from sluice.settings import settings_from_environment

log = logging.getLogger("sluice")
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Sweep once, or wake the committers for maintenance when the event says so; return the number of items by kind."""
    landing = deployed_project().arriving
    sweep = Sweep(
        settings_from_environment(),
        occasion=str(event.get("id") or context.aws_request_id),
        datasets=frozenset(contract.name for contract in landing),
        time_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    retained = [contract.name for contract in landing if contract.retention_days is not None]
    done = sweep.wake_for_maintenance(retained) if event.get("maintain") else sweep.run()
    if done:
        log.info("taken up: %s", done)
    return done
