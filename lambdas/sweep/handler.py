"""Once a minute → work that stopped because a function or a message was lost is resumed."""

from __future__ import annotations

import logging
from typing import Any

from sluice.ingestion.sweep import Sweep
from sluice.project import deployed_project
from sluice.settings import settings_from_environment

log = logging.getLogger("sluice")
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Sweep once; return the number of items resumed, by kind."""
    sweep = Sweep(
        settings_from_environment(),
        occasion=str(event.get("id") or context.aws_request_id),
        datasets=frozenset(contract.name for contract in deployed_project().contracts if not contract.derived),
        time_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    done = sweep.run()
    if done:
        log.info("taken up: %s", done)
    return done
