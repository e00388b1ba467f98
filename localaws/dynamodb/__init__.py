"""DynamoDB: the checks that moto's tables lack, and queries that read what they name."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Make UpdateItem refuse to write a key, and Query look at nothing but what its key condition names."""
    from localaws.dynamodb import answers, keys, queries

    del ctx
    keys.install()
    queries.install()
    answers.install()
