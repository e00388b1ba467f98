"""Step Functions: moto's interpreter of the Amazon States Language, switched on and corrected."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Execute moto's state machines."""
    from localaws.stepfunctions import machines

    machines.install(ctx)
