"""EventBridge and EventBridge Scheduler: deliver events to the targets of matching rules, and fire schedules."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Deliver the events and schedules of moto's buses."""
    from localaws.events import bus

    bus.install(ctx)
