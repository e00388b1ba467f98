"""Step of the refresh workflow: what ``run_transform`` does, with more memory and so more processors."""

from __future__ import annotations

from typing import Any

from lambdas.run_transform.handler import handler as run_transform


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return the table and its new snapshot."""
    return run_transform(event, context)
