"""API Gateway: HTTP and REST APIs that invoke functions. moto keeps what is declared, this answers the requests."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install", "install_rest"]


def install(ctx: Context) -> None:
    """Refuse what does not run, and say where APIs are reached."""
    from localaws.apigateway import declared

    declared.install(ctx)


def install_rest() -> None:
    """Do the same for REST APIs, of which moto's part takes long to import: with the first call of API Gateway."""
    from localaws.apigateway import declared_rest, rest_apis
    from localaws.gateway import apis

    declared_rest.install()
    apis.ask_of_rest(rest_apis.lets)
