"""Once a minute → work that stopped because a function or a message was lost is resumed; hourly → files of which no
event came; daily → maintenance.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from sluice.ingestion.sweep import Sweep
from sluice.ingestion.unnoticed import LOST_SECONDS
from sluice.project import deployed_project
from sluice.settings import settings_from_environment

log = logging.getLogger("sluice")
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Sweep once, or do what the event says; return the number of items by kind.

    ``{"unnoticed": true}`` takes up files of which no event came within an hour, a number those of so many seconds;
    ``{"maintain": true}`` wakes the committers for maintenance. The event of each minute has its ``time``; without one
    everything is looked at.
    """
    landing = deployed_project().arriving
    sweep = Sweep(
        settings_from_environment(),
        occasion=str(event.get("id") or context.aws_request_id),
        datasets={contract.name: contract for contract in landing},
        time_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    retained = [contract.name for contract in landing if contract.retention_days is not None]
    if after := event.get("unnoticed"):
        done = sweep.take_up_unnoticed(LOST_SECONDS if after is True else float(after))
    elif event.get("maintain"):
        done = sweep.wake_for_maintenance(retained)
    elif at := event.get("time"):
        done = sweep.run_minute(datetime.fromisoformat(at).minute)
    else:
        done = sweep.run()
    if done:
        log.info("taken up: %s", done)
    return done
