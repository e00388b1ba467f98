"""Athena whose queries run: Trino's SQL on DuckDB over the Glue catalog, results in S3."""

from __future__ import annotations

from moto.athena.responses import AthenaResponse

from localaws.athena import api
from localaws.athena.executions import Runner
from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Make moto's Athena run queries, until the context closes."""
    for operation in api.OPERATIONS:
        setattr(AthenaResponse, operation.__name__, operation)
    runner = Runner(ctx)
    api.use_runner(runner)
    ctx.on_close(lambda: api.drop_runner(runner))
