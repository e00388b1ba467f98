"""DynamoDB: the checks that moto's tables lack."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Make UpdateItem refuse to write a key."""
    from localaws.dynamodb import keys

    del ctx
    keys.install()
