"""AWS::CloudFormation::CustomResource and Custom::*: a resource that a Lambda function creates.

As on AWS, the function answers by a PUT to a presigned S3 URL, and this module waits for that object.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.cloudformation.errors import ResourceFailed
from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context

log = logging.getLogger("localaws.cloudformation")

#: Holds the answers of custom resources; private to localaws.
BUCKET = "localaws-custom-resource-answers"
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
_LONGEST_ANSWER = 4096
_LONGEST_WAIT_S = 3600
#: How often, in seconds, the answer is looked for while the function runs; usually it exists when the function ends.
_POLL_S = 0.1


def invoke(ctx: Context, service_token: str, event: Mapping[str, Any]) -> str | None:
    """Call the function behind ``service_token``; return why it failed, or None if it returned."""
    try:
        answer = ctx.client("lambda").invoke(FunctionName=service_token, Payload=json.dumps(event).encode())
    except (ClientError, BotoCoreError) as error:
        return str(error)
    payload = answer["Payload"].read().decode(errors="replace")
    return f"{answer['FunctionError']}: {payload}" if answer.get("FunctionError") else None


def as_text(value: Any) -> Any:
    """Return ``value`` with every scalar as text, as CloudFormation passes properties to a function."""
    if isinstance(value, Mapping):
        return {k: as_text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [as_text(v) for v in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _ask(
    ctx: Context, request: Request, request_type: str, *, physical_id: str | None = None, old: Request | None = None
) -> Mapping[str, Any]:
    """Send one lifecycle event and return the answer; ResourceFailed if it says FAILED or there is none."""
    request_id = str(uuid.uuid4())
    s3 = ctx.client("s3")
    _ensure_bucket(ctx)
    url = s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": request_id}, ExpiresIn=7200)
    token = request["ServiceToken"]
    event: dict[str, Any] = {
        "RequestType": request_type,
        "ServiceToken": token,
        "ResponseURL": url,
        "StackId": request.stack_id,
        "RequestId": request_id,
        "LogicalResourceId": request.logical_id,
        "ResourceType": request.type,
        "ResourceProperties": as_text(request.properties),
    }
    if physical_id is not None:
        event["PhysicalResourceId"] = physical_id
    if old is not None:
        event["OldResourceProperties"] = as_text(old.properties)
    answer = _answer(ctx, token, event, float(request.get("ServiceTimeout", _LONGEST_WAIT_S)))
    if answer.get("Status") != "SUCCESS":
        raise ResourceFailed(
            f"its function {token} answered {request_type} with FAILED: {answer.get('Reason', 'no reason given')}",
            physical_id=answer.get("PhysicalResourceId") or request_id,
        )
    return {"PhysicalResourceId": physical_id or request_id, **answer}


def _answer(ctx: Context, token: str, event: Mapping[str, Any], timeout_s: float) -> Mapping[str, Any]:
    died: list[str] = []
    ended = threading.Event()

    def run() -> None:
        if reason := invoke(ctx, token, event):
            died.append(reason)
        ended.set()

    threading.Thread(target=run, name=f"custom-resource-{event['LogicalResourceId']}", daemon=True).start()
    until = time.monotonic() + timeout_s
    while time.monotonic() < until and not ctx.stopping.is_set():
        over = ended.is_set()
        # Look once more after the function died, since it may have answered before.
        found = api.find(ctx, "s3", "GetObject", Bucket=BUCKET, Key=event["RequestId"])
        if found is not None:
            body = found["Body"].read()
            api.remove(ctx, "s3", "DeleteObject", Bucket=BUCKET, Key=event["RequestId"])
            if len(body) > _LONGEST_ANSWER:
                raise ResourceFailed(
                    f"Response object is too long: its function {token} answered {len(body):,} bytes to "
                    f"{event['RequestType']}, CloudFormation takes {_LONGEST_ANSWER:,}",
                    physical_id=event.get("PhysicalResourceId", event["RequestId"]),
                )
            answer: dict[str, Any] = json.loads(body or b"{}")
            return answer
        if over and died:
            raise ResourceFailed(
                f"its function {token} died on {event['RequestType']} without answering: {died[0]}",
                physical_id=event.get("PhysicalResourceId", event["RequestId"]),
            )
        if over:
            time.sleep(_POLL_S)  # another function may answer later
        else:
            ended.wait(_POLL_S)
    raise ResourceFailed(
        f"its function {token} did not answer {event['RequestType']} within {timeout_s:g} s",
        physical_id=event.get("PhysicalResourceId", event["RequestId"]),
    )


def _ensure_bucket(ctx: Context) -> None:
    if api.find(ctx, "s3", "HeadBucket", Bucket=BUCKET) is None:
        api.make_bucket(ctx, BUCKET)


def _outcome(answer: Mapping[str, Any]) -> ResourceOutcome:
    return ResourceOutcome(answer["PhysicalResourceId"], dict(answer.get("Data") or {}))


def _create(ctx: Context, request: Request) -> ResourceOutcome:
    return _outcome(_ask(ctx, request, "Create"))


def _update(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    return _outcome(_ask(ctx, new, "Update", physical_id=outcome.physical_id, old=old))


def _delete(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    _ask(ctx, request, "Delete", physical_id=outcome.physical_id)


PROVIDERS = (
    Provider(
        "AWS::CloudFormation::CustomResource",
        honoured="*",
        required=frozenset({"ServiceToken"}),
        attributes=None,
        create=_create,
        update=_update,
        delete=_delete,
        immutable=frozenset({"ServiceToken"}),
    ),
)
