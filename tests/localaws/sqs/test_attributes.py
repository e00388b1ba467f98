"""Setting one attribute of a queue leaves the others as they are, its policy among them."""

from __future__ import annotations

import json

import pytest

from localaws.server import LocalAws

SET = {
    "VisibilityTimeout": "3",
    "DelaySeconds": "2",
    "MessageRetentionPeriod": "600",
    "ReceiveMessageWaitTimeSeconds": "1",
    "MaximumMessageSize": "2048",
    "Policy": json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sqs:ReceiveMessage", "Resource": "*"}
            ],
        }
    ),
}


@pytest.mark.parametrize("name", SET)
def test_one_attribute_changes_no_other(local_aws: LocalAws, name: str) -> None:
    sqs = local_aws.context.client("sqs")
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
                 "Resource": "*"}  # fmt: skip
    dead = sqs.create_queue(QueueName=f"dead-{name}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    given = {
        "Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3}),
        "VisibilityTimeout": "90",
    }
    url = sqs.create_queue(QueueName=f"set-{name}", Attributes=given)["QueueUrl"]

    def attributes() -> dict[str, str]:
        found: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return {key: value for key, value in found.items() if key not in {"LastModifiedTimestamp", name}}

    before = attributes()
    assert {*given} - {name} <= set(before)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={name: SET[name]})
    assert attributes() == before
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
    assert told == SET[name]
