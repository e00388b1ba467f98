"""The answer of a function to CloudFormation, which waits for it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)


def answer(event: Mapping[str, Any], *, physical_id: str, failed: str = "") -> None:
    """Answer the request ``event`` of a custom resource: done, or why it ``failed``, in at most 4,096 bytes in all.

    ``physical_id`` is that of a resource which is made now; later requests bring theirs.
    """
    body = json.dumps(
        {
            "Status": "FAILED" if failed else "SUCCESS",
            "Reason": failed or "done",
            "PhysicalResourceId": event.get("PhysicalResourceId") or physical_id,
            "StackId": event["StackId"],
            "RequestId": event["RequestId"],
            "LogicalResourceId": event["LogicalResourceId"],
        }
    ).encode()
    request = urllib.request.Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as taken:
        log.info("CloudFormation was answered %s: %s", failed or "done", taken.status)
