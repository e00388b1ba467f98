"""A bucket's notifications are read as they were put: moto leaves out that they go to EventBridge.

A client that reads, adds and puts back would end them without a word.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.s3.responses import S3Response

from localaws.context import Context
from localaws.moto_patches import replace


def install(ctx: Context) -> None:
    """Have GetBucketNotificationConfiguration answer with EventBridge, too."""
    del ctx
    replace(S3Response, "get_bucket_notification", _get)


def _get(self: S3Response) -> Any:
    found = self.backend.get_bucket_notification_configuration(self.bucket_name)
    self.data["Action"] = "GetBucketNotificationConfiguration"
    if not found:
        return self.serialized(EmptyResult())
    kinds = {"Topic": ("TopicArn", found.topic), "Queue": ("QueueArn", found.queue),
             "LambdaFunction": ("LambdaFunctionArn", found.cloud_function)}  # fmt: skip
    result: dict[str, Any] = {
        f"{kind}Configurations": [_target(arn, each) for each in targets] for kind, (arn, targets) in kinds.items()
    }
    if found.event_bridge is not None:
        result["EventBridgeConfiguration"] = {}
    return self.serialized(ActionResult(result))


def _target(arn: str, target: Any) -> dict[str, Any]:
    told = {"Id": target.id, arn: target.arn, "Events": target.events}
    if target.filters:
        told["Filter"] = {"Key": {"FilterRules": target.filters["S3Key"]["FilterRule"]}}
    return told
