"""API Gateway: HTTP APIs whose routes invoke functions. moto keeps what is declared, this answers the requests."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Refuse what does not run, and say where APIs are reached."""
    from localaws.apigateway import declared

    declared.install(ctx)
