"""CloudFormation custom resource: the buckets of an environment that keeps no data are empty before they are deleted.

It belongs to stacks with ``keep_data: false`` alone, and its role may do so in no other. What is deleted is every
version of every object, and only while the stack itself is being deleted or its first deployment is taken back: where
``keep_data`` becomes true, this resource leaves a stack that stays, and nothing is touched.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from botocore.exceptions import ClientError

from sluice.custom_resource import answer
from sluice.storage import client

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)
_PHYSICAL_ID = "sluice-contents"
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
_GOES = frozenset({"DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"})
#: Milliseconds that are left for the answer when time runs out.
_FOR_THE_ANSWER = 30_000
#: The longest text of an error that is answered: of 4,096 bytes, of which a letter may take six.
_LONGEST = 500
_CLOSED = "SluiceEmptiesThisBucket"


def handler(event: dict[str, Any], context: Any) -> None:
    """Empty the buckets of ``ResourceProperties.Buckets`` on Delete; CloudFormation is answered after an error, too."""
    failed = ""
    try:
        if event["RequestType"] == "Delete" and _stack_goes(event["StackId"]):
            for bucket in event["ResourceProperties"]["Buckets"]:
                failed = failed or _emptied(bucket, context)
    except Exception as error:
        log.exception("the buckets could not be emptied")
        failed = f"{type(error).__name__}: {error}"[:_LONGEST]
    answer(event, physical_id=_PHYSICAL_ID, failed=failed)


def _stack_goes(stack_id: str) -> bool:
    (stack,) = client("cloudformation").describe_stacks(StackName=stack_id)["Stacks"]
    log.info("the stack is %s", stack["StackStatus"])
    return stack["StackStatus"] in _GOES


def _emptied(bucket: str, context: Any) -> str:
    """Delete every version in ``bucket`` and let nothing more in; return why it is not empty, or an empty text.

    One that somebody deleted is empty.
    """
    try:
        _close(bucket, context.invoked_function_arn.split(":")[1])
        deleted, refused = 0, ""
        while versions := _some_versions(bucket):
            each = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
            answer = client("s3").delete_objects(Bucket=bucket, Delete={"Objects": each, "Quiet": True})
            if errors := answer.get("Errors"):
                refused = f"{bucket}/{errors[0]['Key']} could not be deleted: {errors[0].get('Message', '')}"
                if len(errors) == len(each):
                    return refused[:_LONGEST]
            deleted += len(each) - len(errors or ())
            if context.get_remaining_time_in_millis() < _FOR_THE_ANSWER:
                return refused[:_LONGEST] or (
                    f"{bucket} holds more than the {deleted} versions that could be deleted in time. "
                    "Delete the stack again."
                )
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise
        log.info("%s is gone", bucket)
        return ""
    log.info("%s: %d versions were deleted", bucket, deleted)
    return ""


def _some_versions(bucket: str) -> list[dict[str, Any]]:
    page = client("s3").list_object_versions(Bucket=bucket)
    return [*page.get("Versions", []), *page.get("DeleteMarkers", [])]


def _close(bucket: str, partition: str) -> None:
    """Deny everybody to put objects into ``bucket``: access logs and late writers would fill it again.

    CloudFormation deletes the policy with the bucket, right after this.
    """
    try:
        policy = json.loads(client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
        policy = {"Version": "2012-10-17", "Statement": []}
    every = f"arn:{partition}:s3:::{bucket}/*"
    closed = {"Sid": _CLOSED, "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": every}
    policy["Statement"] = [*(each for each in policy["Statement"] if each.get("Sid") != _CLOSED), closed]
    client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
