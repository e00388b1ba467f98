"""Brings deployed stacks to what is declared, as the CDK CLI does: published assets, then a change set for each stack.

Only CloudFormation's and S3's own calls are made: whoever answers them, the local AWS or another endpoint.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from sluice.cli.cloud_assembly import Asset, DeclaredStack, write_zip
from sluice.cli.deployment import client
from sluice.cli.outdated import outdated
from sluice.errors import CommandError
from sluice.partitions import address_suffix, partition_of

#: Types whose resources hold what cannot be made again from a template.
HOLDING_DATA: Final = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::Glue::Database",
        "AWS::Glue::Table",
        "AWS::KMS::Key",
        "AWS::Kinesis::Stream",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
    }
)
#: What a change set says of a resource that goes: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
_GOES = frozenset({"Delete", "ReplaceAndDelete"})
_NO_CHANGES: Final = "didn't contain changes"
_POLL_SECONDS = 0.05
#: The most bytes of a template that a call itself takes.
_LONGEST_BODY: Final = 51_200
#: What a stack is when an operation on it came to its end.
_DONE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})


@dataclass(frozen=True)
class ResourceChange:
    """What happens to one resource: ``action`` is Add, Modify or Remove; ``data_lost`` says whether data go with it."""

    name: str
    type: str
    action: str
    data_lost: bool = False


@dataclass(frozen=True)
class StackChange:
    """One stack that differs, and its change set; ``new`` when the stack is not there yet."""

    stack: DeclaredStack
    change_set: str
    new: bool
    resources: tuple[ResourceChange, ...] = field(default=())


def deployed_template(name: str) -> dict[str, Any] | None:
    """Return the template that the stack was last deployed with, or None where there is no such stack."""
    try:
        body = client("cloudformation").get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return body if isinstance(body, dict) else json.loads(body or "{}")


def prepare(stacks: Iterable[DeclaredStack]) -> list[StackChange]:
    """Publish what the differing stacks need, and return a change set for each of them; nothing is changed yet.

    A stack of the same text differs, too, where one that it reads from was made anew since.
    """
    stacks, present = list(stacks), Published()
    found: list[StackChange] = []
    anew = outdated(stacks)
    try:
        for stack in stacks:
            before = deployed_template(stack.name)
            if before != stack.body or _tags(stack.name) != dict(stack.tags) or stack.name in anew:
                present.publish(stack.assets)
                found += _change_set(stack, present.filled(stack.template_url), new=not before)
    except BaseException:
        discard(found)
        raise
    return found


def discard(changes: Iterable[StackChange]) -> None:
    """Delete change sets that will not be executed, and the empty stacks that they made."""
    for change in changes:
        client("cloudformation").delete_change_set(StackName=change.stack.name, ChangeSetName=change.change_set)
        if change.new:
            client("cloudformation").delete_stack(StackName=change.stack.name)
            gone = client("cloudformation").get_waiter("stack_delete_complete")
            gone.wait(StackName=change.stack.name, WaiterConfig={"Delay": 1})


def execute(change: StackChange, note: Callable[[str], None]) -> None:
    """Execute the change set and wait for its end; ``note`` gets a line for each resource that is done.

    Raise ``CommandError`` with CloudFormation's reason when the stack was rolled back.
    """
    name = change.stack.name
    last = next((event["EventId"] for event in _newest_first(name)), "")
    client("cloudformation").execute_change_set(StackName=name, ChangeSetName=change.change_set)
    done, failed = 0, ""
    while True:
        status = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        for event in _events_after(name, last):
            last = event["EventId"]
            if event["ResourceStatus"].endswith("_FAILED") and not failed:
                kind, reason = event["ResourceType"], event.get("ResourceStatusReason", "")
                failed = f"{name}/{event['LogicalResourceId']} ({kind}) failed: {reason}"
            elif event["ResourceStatus"].endswith("_COMPLETE") and event["LogicalResourceId"] != name:
                done += 1
                note(f"{name}: {done} of {len(change.resources)} resources")
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(_POLL_SECONDS)
    if status not in _DONE:
        raise CommandError(
            f"{failed or name} (the stack is {status}).",
            safe=f"{name} is as it was before, stacks deployed before it stay as they are now; what was not accepted "
            "as lost is kept.",
            next_step="mend what is named and deploy again.",
            value=name,
        )


def _events_after(name: str, last: str) -> list[dict[str, Any]]:
    """Return the stack's events since the one with the id ``last``, in their order."""
    return list(itertools.takewhile(lambda event: event["EventId"] != last, _newest_first(name)))[::-1]


def _newest_first(name: str) -> Iterator[dict[str, Any]]:
    """Yield the stack's events page by page: a stack that was often deployed has thousands, of which few are new."""
    for page in client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=name):
        yield from page["StackEvents"]


def _tags(name: str) -> dict[str, str]:
    with suppress(ClientError):  # no such stack
        (stack,) = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return {tag["Key"]: tag["Value"] for tag in stack.get("Tags", ())}
    return {}


def _change_set(stack: DeclaredStack, url: str, *, new: bool) -> Iterator[StackChange]:
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()]
    kind = "CREATE" if new else "UPDATE"
    yield from change_set(stack, new=new, ChangeSetType=kind, TemplateURL=url, Parameters=parameters)


def change_set(stack: DeclaredStack, *, new: bool, **what: Any) -> Iterator[StackChange]:
    """Make a change set and yield it once it is known what it changes; nothing where it changes nothing.

    ``what`` are further parameters of CreateChangeSet. ``CommandError`` has CloudFormation's reason against it.
    """
    made = client("cloudformation").create_change_set(
        StackName=stack.name,
        ChangeSetName=f"sluice-{uuid.uuid4().hex[:12]}",
        Tags=[{"Key": key, "Value": value} for key, value in stack.tags.items()],
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        **what,
    )["Id"]
    change = StackChange(stack, made, new)
    while True:
        said = client("cloudformation").describe_change_set(StackName=stack.name, ChangeSetName=made)
        if said["Status"] in {"CREATE_COMPLETE", "FAILED"}:
            break
        time.sleep(_POLL_SECONDS)
    if said["Status"] == "CREATE_COMPLETE":
        yield StackChange(stack, made, new, tuple(_resources(said["Changes"])))
        return
    discard([change])
    if _NO_CHANGES not in (reason := said.get("StatusReason", "")):
        raise CommandError(
            f"{stack.name} cannot be deployed: {reason}",
            safe="nothing was deployed or changed.",
            next_step="mend what is named and deploy again.",
            value=stack.name,
        )


def _resources(changes: Iterable[dict[str, Any]]) -> Iterator[ResourceChange]:
    for change in (each["ResourceChange"] for each in changes):
        lost = change["ResourceType"] in HOLDING_DATA and change.get("PolicyAction") in _GOES
        yield ResourceChange(change["LogicalResourceId"], change["ResourceType"], change["Action"], lost)


class Published:
    """What is in the buckets of assets. Assets are named by their content: what is there is not sent again."""

    def __init__(self) -> None:
        self._account = client("sts").get_caller_identity()["Account"]
        self._region = client("s3").meta.region_name

    def filled(self, text: str) -> str:
        """Return ``text`` with CDK's placeholders filled in."""
        filled = text.replace("${AWS::AccountId}", self._account).replace("${AWS::Region}", self._region)
        filled = filled.replace("${AWS::Partition}", partition_of(self._region))
        return filled.replace("s3://", f"https://s3.{self._region}.{address_suffix(self._region)}/", 1)

    def template(self, text: str, stack: DeclaredStack) -> dict[str, str]:
        """Return how a call is given a template's text: as it is, or where it was put beside the stack's own.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
        """
        if len(text.encode()) <= _LONGEST_BODY:
            return {"TemplateBody": text}
        bucket = stack.template_url.removeprefix("s3://").partition("/")[0]
        key = f"{hashlib.sha256(text.encode()).hexdigest()}.json"
        client("s3").put_object(Bucket=self.filled(bucket), Key=key, Body=text.encode())
        return {"TemplateURL": self.filled(f"s3://{bucket}/{key}")}

    def publish(self, assets: Iterable[Asset]) -> None:
        """Put the assets that are not there yet into their buckets."""
        for asset in assets:
            bucket, key = self.filled(asset.bucket), self.filled(asset.key)
            if self._is_there(bucket, key):
                continue
            if not (asset.zipped and asset.path.is_dir()):
                self._put(asset.path, bucket, key)
                continue
            with tempfile.TemporaryDirectory() as scratch:
                write_zip(asset.path, Path(scratch, "asset.zip"))
                self._put(Path(scratch, "asset.zip"), bucket, key)

    @staticmethod
    def _put(path: Path, bucket: str, key: str) -> None:
        # An asset has 250 MB at most: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        with path.open("rb") as body:
            client("s3").put_object(Bucket=bucket, Key=key, Body=body)

    @staticmethod
    def _is_there(bucket: str, key: str) -> bool:
        try:
            client("s3").head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
                return False
            raise
        return True
