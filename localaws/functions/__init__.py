"""Lambda: functions that really run, their asynchronous invocations, and event source mappings that poll for them."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Make functions run, and poll for their event source mappings."""
    from localaws.functions import account_settings, mappings, runtime

    account_settings.install()
    runtime.install(ctx)
    mappings.install(ctx)
