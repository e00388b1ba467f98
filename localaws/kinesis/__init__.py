"""Kinesis streams as on AWS: shards, sequence numbers, resharding, reads."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Replace how moto stores and reads streams."""
    from localaws.kinesis import reads, streams

    streams.install(ctx)
    reads.install(ctx)
