"""What CloudFormation's operations share: how a call is read, what it is refused with, and work in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlparse

from localaws.cloudformation.engine import StackEngine
from localaws.cloudformation.errors import DeployError, StackFailed
from localaws.cloudformation.providers import api
from localaws.cloudformation.stacks import Stack
from localaws.context import Context

log = logging.getLogger("localaws.cloudformation")
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
_LONGEST_BODY = 51_200
#: What a stack becomes when an operation failed before it did anything.
_NOTHING_DONE = {"CREATE": "ROLLBACK_COMPLETE", "IMPORT": "IMPORT_ROLLBACK_COMPLETE"}


@dataclass
class ChangeSet:
    """A requested change of a stack, kept until it is executed or deleted."""

    name: str
    id: str
    stack: Stack
    kind: str
    text: str
    parameters: dict[str, str]
    tags: dict[str, str]
    #: The physical ids of what it imports, by logical id.
    imports: dict[str, str] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)
    #: Its parameters as the API describes them.
    described: list[dict[str, str]] = field(default_factory=list)
    status: str = "CREATE_COMPLETE"
    reason: str | None = None
    execution: str = "AVAILABLE"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


class Operations:
    """Operations on the stacks of ``engine``; each takes moto's parameter reader."""

    def __init__(self, ctx: Context, engine: StackEngine) -> None:
        self.ctx, self.engine = ctx, engine
        self.change_sets: dict[str, ChangeSet] = {}

    def change_set(self, get: Callable[..., Any]) -> ChangeSet:
        """Return the change set that a call names."""
        wanted, stack = get("ChangeSetName"), get("StackName")
        for found in reversed(self.change_sets.values()):
            if wanted == found.id or (wanted == found.name and stack in (found.stack.name, found.stack.id)):
                return found
        raise refusal(f"ChangeSet [{wanted}] does not exist", code="ChangeSetNotFound")

    def text(self, get: Callable[..., Any], stack: Stack | None) -> str:
        """Return the text of the template that a call gives, or means."""
        if get("UsePreviousTemplate") in (True, "true") and stack is not None:
            return stack.text
        if body := get("TemplateBody"):
            if (size := len(str(body).encode())) > _LONGEST_BODY:
                raise refusal(
                    f"1 validation error detected: TemplateBody has {size:,} bytes, and at most {_LONGEST_BODY:,} are "
                    "taken: put it into S3 and give its TemplateURL"
                )
            return str(body)
        if not (url := get("TemplateURL")):
            raise refusal("Either Template URL or Template Body must be specified.")
        bucket, key = s3_location(url)
        return str(api.call(self.ctx, "s3", "GetObject", Bucket=bucket, Key=key)["Body"].read().decode())

    def start(
        self,
        stack: Stack,
        text: str,
        parameters: dict[str, str],
        tags: dict[str, str],
        imports: Mapping[str, str] | None = None,
    ) -> None:
        """Begin to deploy a stack, whose status in progress it has already."""

        def deploy() -> None:
            self.engine.deploy(stack.name, text, parameters=parameters, tags=tags, imports=imports)

        self.in_background(stack, deploy)

    @staticmethod
    def in_background(stack: Stack, work: Callable[[], Any]) -> None:
        """Begin with ``work``, whose status in progress the stack has already."""
        begun = stack.status

        def run() -> None:
            try:
                work()
            except StackFailed as error:
                # Its status says so, and may already be that of what the client asked for next.
                log.warning("%s", error)
            except DeployError as error:
                # The client reads the outcome from the stack's status and events, as with AWS.
                log.warning("%s", error)
                if stack.status == begun:
                    failed = begun.removesuffix("_IN_PROGRESS")
                    stack.becomes(_NOTHING_DONE.get(failed, f"{failed}_FAILED"), str(error))

        threading.Thread(target=run, name=f"stack-{stack.name}", daemon=True).start()


def s3_location(url: str) -> tuple[str, str]:
    """Return the bucket and key of an S3 URL, in path style or virtual-hosted style."""
    parsed = urlparse(url)
    path = unquote(parsed.path.lstrip("/"))
    host = parsed.netloc
    if parsed.scheme == "s3":
        return host, path
    if ".s3." in host or ".s3-" in host:
        return host.split(".s3")[0], path
    bucket, _, key = path.partition("/")
    return bucket, key


def refusal(message: str, *, code: str = "ValidationError") -> Exception:
    """Return what refuses a call."""
    from moto.cloudformation.exceptions import ValidationError

    error: Exception = ValidationError(message=message)
    if code != "ValidationError":
        error.code = code  # type: ignore[attr-defined]
    return error


def given_parameters(get: Callable[..., Any], previous: Mapping[str, str]) -> dict[str, str]:
    """Return the values that a call gives, or takes over from ``previous``, by parameter."""
    given: dict[str, str] = {}
    for entry in get("Parameters") or []:
        key = entry["ParameterKey"]
        if entry.get("UsePreviousValue") in (True, "true"):
            if key in previous:
                given[key] = previous[key]
        else:
            given[key] = entry["ParameterValue"]
    return given


def values_of(stack: Stack) -> dict[str, str]:
    """Return the values that a stack's parameters were given: what UsePreviousValue gives again."""
    return {name: given.value for name, given in stack.parameters.items()}


def given_tags(get: Callable[..., Any]) -> dict[str, str]:
    """Return the tags that a call gives."""
    return {tag["Key"]: tag["Value"] for tag in get("Tags") or []}
