"""Glue: the Data Catalog with AWS's optimistic locking, and jobs that run real Spark."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Give moto's Data Catalog optimistic locking, and make its jobs run."""
    from localaws.glue import catalog, jobs

    catalog.install(ctx)
    jobs.install(ctx)
