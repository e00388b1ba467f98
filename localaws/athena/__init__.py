"""Athena whose queries really run: Trino's SQL on DuckDB over the Glue catalog, with results in S3."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localaws.context import Context

__all__ = ["install", "warm_up"]


def install(ctx: Context) -> None:
    """Make moto's Athena run queries, until the context closes."""
    # Not above: the processes of query engines import this package, and need none of it.
    from moto.athena.responses import AthenaResponse

    from localaws.athena import api, objects
    from localaws.athena.runners import LateRunner, drop_runner, use_runner
    from localaws.moto_patches import put

    objects.install()
    for operation in api.OPERATIONS:
        put(AthenaResponse, operation.__name__, operation)
    runner = LateRunner(ctx)
    use_runner(runner)
    ctx.on_close(lambda: drop_runner(runner))


def warm_up() -> None:
    """Import the modules that run queries, so that the first query does not wait for them."""
    importlib.import_module("localaws.athena.executions")
