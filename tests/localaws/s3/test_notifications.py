"""A bucket's notifications are read as they were put, so that they can be put back."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.server import LocalAws

FILTER = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".csv"}]}}


@pytest.mark.parametrize(
    "kinds",
    [[], ["EventBridge"], ["Queue"], ["Queue", "EventBridge"], ["Topic", "EventBridge"], ["Queue", "Topic"]],
    ids="+".join,
)
def test_what_is_read_and_put_back_is_what_was_put(local_aws: LocalAws, kinds: list[str]) -> None:
    ctx = local_aws.context
    s3, bucket = ctx.client("s3"), f"notified-{'-'.join(kinds).lower()}x"
    s3.create_bucket(Bucket=bucket)
    queue = ctx.client("sqs").create_queue(QueueName=bucket)["QueueUrl"]
    arn = ctx.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = ctx.client("sns").create_topic(Name=bucket)["TopicArn"]
    every: dict[str, Any] = {
        "EventBridge": ("EventBridgeConfiguration", {}),
        "Queue": (
            "QueueConfigurations", [{"Id": "q", "QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": FILTER}]
        ),
        "Topic": ("TopicConfigurations", [{"Id": "t", "TopicArn": topic, "Events": ["s3:ObjectRemoved:*"]}]),
    }  # fmt: skip
    put = dict(every[kind] for kind in kinds)
    for _ in range(2):
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=put)
        told = s3.get_bucket_notification_configuration(Bucket=bucket)
        del told["ResponseMetadata"]
        assert {name: value for name, value in told.items() if value or name == "EventBridgeConfiguration"} == put
        put = told
