"""Topics as targets of events, and their deliveries to queues and functions: only as the receivers' policies say.

https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from moto.sns.models import Subscription, sns_backends

from localaws import metrics
from localaws.context import Context
from localaws.events import targets
from localaws.moto_patches import original, replace

log = logging.getLogger("localaws.sns")
_ACTIONS = {"sqs": "sqs:SendMessage", "lambda": "lambda:InvokeFunction"}
_current: Context | None = None


def install(ctx: Context) -> None:
    """Register topics as targets of events in ``ctx``, which replaces any earlier context."""
    global _current  # noqa: PLW0603  moto's classes are process-wide
    _current = ctx
    targets.register("sns", "sns:Publish", _publish)
    replace(Subscription, "publish", _deliver)


def _publish(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    attributes = {name: {"Type": kind, "Value": value} for name, (kind, value) in options["attributes"].items()}
    sns_backends[account][region].publish(payload, arn=arn, message_attributes=attributes, group_id=options["group_id"])


def _deliver(self: Subscription, *args: Any, **kwargs: Any) -> None:
    """Deliver a message as moto does, unless the receiver's policy does not let the topic; that is counted."""
    action, topic = _ACTIONS.get(self.protocol), self.topic.arn
    if _current is not None and action:
        try:
            sender = targets.Sender(service="sns.amazonaws.com", source_arn=topic)
            targets.check(_current, sender, action, self.endpoint)
        except targets.DeliveryError as error:
            log.warning("a message of %s did not reach %s: %s", topic, self.endpoint, error)
            metrics.count_failure(
                _current, "AWS/SNS", "NumberOfNotificationsFailed", TopicName=topic.rsplit(":", 1)[-1]
            )
            return
    original(Subscription, "publish")(self, *args, **kwargs)
