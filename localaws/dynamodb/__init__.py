"""DynamoDB: the checks that moto's tables lack, and queries that read what they name."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Make UpdateItem refuse to write a key, Query look at what its condition names, tables come back, keys change."""
    from localaws.dynamodb import answers, backups, encryption, keys, queries

    del ctx
    keys.install()
    queries.install()
    answers.install()
    backups.install()
    encryption.install()
