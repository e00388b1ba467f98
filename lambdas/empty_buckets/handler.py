"""CloudFormation custom resource: the buckets of an environment that keeps no data are empty before they are deleted.

It belongs to stacks with ``keep_data: false`` alone, and its role may do so in no other. What is deleted is every
version of every object, and only while the stack itself is being deleted or its first deployment is taken back: where
``keep_data`` becomes true, this resource leaves a stack that stays, and nothing is touched.
"""

from __future__ import annotations

import logging
from typing import Any

from sluice.custom_resource import answer
from sluice.storage import client

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)
_PHYSICAL_ID = "sluice-contents"
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
_GOES = frozenset({"DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"})
#: Milliseconds that are left for the answer when time runs out.
_FOR_THE_ANSWER = 30_000
#: The longest text of an error that is answered.
_LONGEST = 2000


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
    """Delete every version in ``bucket``; return why it is not empty, or nothing."""
    deleted = 0
    for page in client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket):
        versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not versions:
            continue
        each = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
        refused = client("s3").delete_objects(Bucket=bucket, Delete={"Objects": each, "Quiet": True}).get("Errors")
        if refused:
            return f"{bucket}/{refused[0]['Key']} could not be deleted: {refused[0]['Message']}"[:_LONGEST]
        deleted += len(each)
        if context.get_remaining_time_in_millis() < _FOR_THE_ANSWER:
            return f"{bucket} holds more than could be deleted in time: {deleted} versions are. Delete the stack again."
    log.info("%s: %d versions were deleted", bucket, deleted)
    return ""
