"""An event source mapping's filters: which records reach the function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.events.models import EventPattern


def patterns_of(mapping: Any) -> list[Any]:
    """Return the parsed patterns of a mapping's FilterCriteria; without any, everything passes."""
    return [EventPattern.load(each["Pattern"]) for each in (mapping.filter_criteria or {}).get("Filters") or ()]


def matches(patterns: list[Any], record: Mapping[str, Any], body: str) -> bool:
    """Whether any filter lets ``record`` through; its field ``body`` is matched by its fields if JSON, else as text."""
    try:
        content = json.loads(record[body])
    except ValueError:
        content = record[body]
    by_fields = {**record, body: content if isinstance(content, dict) else record[body]}
    for pattern in patterns:
        wants_fields = isinstance(pattern.get_pattern().get(body), dict)
        if pattern.matches_event(by_fields if wants_fields else record):
            return True
    return False
