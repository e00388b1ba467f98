"""CloudWatch Logs: the calls about keys of log groups that moto lacks."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Have moto answer AssociateKmsKey and DisassociateKmsKey."""
    from localaws.logs import keys

    del ctx
    keys.install()
