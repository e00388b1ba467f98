"""Lambda: functions that really run, their asynchronous calls, and the event source mappings that poll for them."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Let functions run, and poll for their event source mappings."""
    from localaws.functions import mappings, runtime

    runtime.install(ctx)
    mappings.install(ctx)
