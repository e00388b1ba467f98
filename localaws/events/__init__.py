"""EventBridge and its Scheduler: events reach the targets of the rules that match, schedules come due."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Deliver the events and schedules of moto's buses."""
    from localaws.events import bus

    bus.install(ctx)
