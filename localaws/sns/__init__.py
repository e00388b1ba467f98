"""SNS: topics as targets of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.context import Context
from localaws.events import targets

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Register topics as targets of events."""
    del ctx
    targets.register("sns", "sns:Publish", _publish)


def _publish(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    from moto.sns.models import sns_backends  # imported with the first event for a topic, because it takes long

    attributes = {name: {"Type": kind, "Value": value} for name, (kind, value) in options["attributes"].items()}
    sns_backends[account][region].publish(payload, arn=arn, message_attributes=attributes, group_id=options["group_id"])
