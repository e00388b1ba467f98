"""SQS: queues that are safe for many threads, with AWS's rules about duplicates."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Replace how moto's queues store their messages."""
    from localaws.sqs import queues

    queues.install(ctx)
