"""DynamoDB: what moto's tables lack."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Have updates refuse to write a key."""
    from localaws.dynamodb import keys

    del ctx
    keys.install()
