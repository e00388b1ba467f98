"""SQS: queues that many threads may use, with AWS's rules about duplicates."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Replace how moto's queues keep their messages."""
    from localaws.sqs import queues

    queues.install(ctx)
