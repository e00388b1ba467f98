"""Step of the refresh workflow: what can run now, given what already failed in this execution."""

from __future__ import annotations

from typing import Any

import msgspec

from sluice.project import deployed_project
from sluice.refresh.plan import plan_refresh
from sluice.settings import settings_from_environment
from sluice.tables.catalog import glue_catalog


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return the plan; ``event`` holds the ``pinned`` snapshots, ``failed`` tables and the last wave's ``results``."""
    settings = settings_from_environment()
    failed = {*event.get("failed", ()), *(r["table"] for r in event.get("results", ()) if "error" in r)}

    def load(name: str) -> Any:
        database, _, table = name.partition(".")
        return glue_catalog().load_table((settings.database(database), table))

    plan = plan_refresh(deployed_project(), load, pinned=event.get("pinned"), failed=failed)
    answer: dict[str, Any] = msgspec.to_builtins(plan)
    return answer
