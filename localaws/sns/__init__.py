"""SNS: topics as targets of events, and what they send on as their subscribers' policies say."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Register topics as targets of events, and ask for permission before they send to queues and functions."""
    from localaws.sns import topics

    topics.install(ctx)
