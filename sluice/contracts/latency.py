"""Reads ``slaProperties: latency``, how long a change may wait: the pace of commits and refreshes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluice.contracts.contract_file import ContractFile
from sluice.contracts.model import DERIVED_LATENCY, LANDING_LATENCY


def read_latency(file: ContractFile, sla: Mapping[str | None, Any], freshness: int | None, *, arrives: bool) -> int:
    """Return the seconds that a change may wait; where nothing is said, no more than half of what the table may be old.

    ``freshness`` is None where it was refused.
    """
    default = LANDING_LATENCY if arrives else DERIVED_LATENCY
    if "latency" not in sla:
        return max(1, min(default, default if freshness is None else freshness // 2))
    seconds = file.duration(sla, "latency", default)
    at = (*file.service_level_at("latency"), "value")
    if seconds < 1:
        file.refuse(at, f"{sla['latency'].value} {sla['latency'].unit} is no latency; allowed: 1 s and more")
    if freshness is not None and seconds > freshness:
        meant = "freshness says" if "freshness" in sla else "holds where a contract declares no freshness"
        file.refuse(
            at,
            f"a change may wait {seconds:,} s, longer than the {freshness:,} s for which the table's newest data may "
            f"be old, as {meant}; declare a shorter latency or a longer freshness",
        )
    return seconds
