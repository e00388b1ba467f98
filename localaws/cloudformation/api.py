"""CloudFormation's API, answered from the stack engine; replaces moto's own for all stack operations."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlparse

from localaws.cloudformation.changes import changes_of
from localaws.cloudformation.described import described_event, described_resource, described_stack, operation_event
from localaws.cloudformation.engine import StackEngine
from localaws.cloudformation.errors import DeployError, StackFailed
from localaws.cloudformation.plan import read_template
from localaws.cloudformation.providers import api
from localaws.cloudformation.stacks import Stack
from localaws.context import Context
from localaws.moto_patches import original, put, replace, restore
from localaws.spared import spare_stacks

log = logging.getLogger("localaws.cloudformation")

#: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html: up to so many.
_EVENTS_IN_A_PAGE = 100
_NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


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
    changes: list[dict[str, Any]] = field(default_factory=list)
    #: Its parameters as the API describes them.
    described: list[dict[str, str]] = field(default_factory=list)
    status: str = "CREATE_COMPLETE"
    reason: str | None = None
    execution: str = "AVAILABLE"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


class Answers:
    """The API's operations; each takes moto's parameter reader and returns the answer as the API model describes it."""

    def __init__(self, ctx: Context, engine: StackEngine) -> None:
        self._ctx, self._engine = ctx, engine
        self._change_sets: dict[str, ChangeSet] = {}

    def create_stack(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer CreateStack: start to create a stack."""
        name = get("StackName")
        if name in self._engine.stacks:
            raise _refusal(f"Stack [{name}] already exists")
        text, parameters = self._text(get, None), _parameters(get, {})
        self._engine.check(name, text, parameters=parameters)
        stack = self._engine.reserve(name)
        stack.status = "CREATE_IN_PROGRESS"
        stack.protected = get("EnableTerminationProtection") in (True, "true")
        stack.role_arn = get("RoleARN")
        self._start(stack.name, text, parameters, _tags(get))
        return {"StackId": stack.id}

    def update_stack(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer UpdateStack: start to update a stack."""
        stack = self._engine.find(get("StackName"))
        text, parameters = self._text(get, stack), _parameters(get, _values(stack))
        planned = self._engine.check(stack.name, text, parameters=parameters).parameters
        # By what they come to: what a parameter names in Parameter Store may be another value now.
        if text == stack.text and planned == stack.parameters:
            raise _refusal("No updates are to be performed.")
        stack.role_arn = get("RoleARN") or stack.role_arn
        stack.status = "UPDATE_IN_PROGRESS"
        self._start(stack.name, text, parameters, _tags(get) or stack.tags)
        return {"StackId": stack.id}

    def delete_stack(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DeleteStack: start to delete a stack."""
        name = get("StackName")
        stack = next((s for s in self._engine.stacks.values() if name in (s.name, s.id)), None)
        if stack is not None and stack.protected:
            raise _refusal(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        if stack is not None:
            stack.status = "DELETE_IN_PROGRESS"
            self._in_background(stack.name, lambda: self._engine.delete(stack.name))
        return {}

    def update_termination_protection(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer UpdateTerminationProtection: a stack that is protected cannot be deleted."""
        stack = self._engine.find(get("StackName"))
        stack.protected = get("EnableTerminationProtection") in (True, "true")
        return {"StackId": stack.id}

    def create_change_set(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer CreateChangeSet: compute what a template would change."""
        name, kind = get("StackName"), get("ChangeSetType", "UPDATE")
        stack = self._engine.stacks.get(name) if kind == "CREATE" else self._engine.find(name)
        stack = stack or self._engine.reserve(name)
        stack.role_arn = get("RoleARN") or stack.role_arn
        text = self._text(get, stack)
        parameters = _parameters(get, _values(stack))
        identity = f"arn:aws:cloudformation:{self._ctx.region}:{self._ctx.account}:changeSet/{get('ChangeSetName')}/"
        tags = _tags(get)
        made = ChangeSet(get("ChangeSetName"), identity + str(uuid.uuid4()), stack, kind, text, parameters, tags)
        try:
            planned = self._engine.check(name, text, parameters=parameters).parameters
        except DeployError as error:
            made.status, made.reason, made.execution = "FAILED", str(error), "UNAVAILABLE"
        else:
            made.described = [given.described(key) for key, given in planned.items()]
            altered = {key for key in planned if planned[key] != stack.parameters.get(key)}
            made.changes = changes_of(stack, text, altered)
            same = stack.text and read_template(stack.text, stack=name) == read_template(text, stack=name)
            if same and tags == stack.tags and planned == stack.parameters:
                made.status, made.reason, made.execution = "FAILED", _NO_CHANGES, "UNAVAILABLE"
        self._change_sets[made.id] = made
        return {"Id": made.id, "StackId": stack.id}

    def describe_change_set(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DescribeChangeSet with the changes of a change set."""
        found = self._change_set(get)
        return {
            "ChangeSetName": found.name,
            "ChangeSetId": found.id,
            "StackId": found.stack.id,
            "StackName": found.stack.name,
            "CreationTime": found.created,
            "Status": found.status,
            "StatusReason": found.reason,
            "ExecutionStatus": found.execution,
            "Changes": [{"Type": "Resource", "ResourceChange": change} for change in found.changes],
            "Parameters": found.described,
            "Tags": api.pairs(found.tags),
            "Capabilities": [],
            "NotificationARNs": [],
        }

    def list_change_sets(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer ListChangeSets with the change sets of a stack."""
        stack = self._engine.find(get("StackName"))
        sets = [c for c in self._change_sets.values() if c.stack is stack]
        return {
            "Summaries": [
                {
                    "ChangeSetName": c.name,
                    "ChangeSetId": c.id,
                    "StackId": stack.id,
                    "StackName": stack.name,
                    "Status": c.status,
                    "ExecutionStatus": c.execution,
                    "CreationTime": c.created,
                }
                for c in sets
            ]
        }

    def delete_change_set(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DeleteChangeSet; one that does not exist is no error."""
        wanted, stack = get("ChangeSetName"), get("StackName")
        for found in list(self._change_sets.values()):
            if wanted == found.id or (wanted == found.name and stack in (found.stack.name, found.stack.id)):
                del self._change_sets[found.id]
        return {}

    def execute_change_set(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer ExecuteChangeSet: start to create or update the stack as its change set says."""
        found = self._change_set(get)
        if found.execution != "AVAILABLE":
            raise _refusal(f"ChangeSet [{found.id}] cannot be executed in its current status of [{found.status}]")
        found.execution = "EXECUTE_COMPLETE"
        # The stack's others are deleted: they are about what it was.
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-execute.html
        others = [key for key, each in self._change_sets.items() if each.stack is found.stack and each is not found]
        for key in others:
            self._change_sets.pop(key, None)
        creating = not found.stack.text and not found.stack.resources
        found.stack.status = "CREATE_IN_PROGRESS" if creating else "UPDATE_IN_PROGRESS"
        self._start(found.stack.name, found.text, found.parameters, found.tags)
        return {}

    def describe_stacks(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DescribeStacks with one stack, or all."""
        name = get("StackName")
        stacks = [self._engine.find(name)] if name else list(self._engine.stacks.values())
        return {"Stacks": [described_stack(stack) for stack in stacks]}

    def list_stacks(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer ListStacks, deleted ones too, optionally by status."""
        wanted = get("StackStatusFilter") or []
        every = [*self._engine.stacks.values(), *self._engine.deleted]
        return {
            "StackSummaries": [
                {
                    "StackId": s.id,
                    "StackName": s.name,
                    "StackStatus": s.status,
                    "StackStatusReason": s.reason,
                    "CreationTime": s.created,
                    "LastUpdatedTime": s.updated,
                    "DeletionTime": s.deleted,
                    "TemplateDescription": s.description,
                }
                for s in every
                if not wanted or s.status in wanted
            ]
        }

    def describe_stack_events(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DescribeStackEvents with a page of a stack's history, the newest first."""
        stack = self._engine.find(get("StackName"))
        # The token is how many events are older than those of the page before: new ones move no page.
        token = str(get("NextToken") or len(stack.events))
        if not token.isdecimal() or int(token) > len(stack.events):
            raise _refusal(f"NextToken {token} is none that DescribeStackEvents gave")
        left = max(int(token) - _EVENTS_IN_A_PAGE, 0)
        return {
            "NextToken": str(left) if left else None,
            "StackEvents": [
                {"StackName": stack.name, **described_event(stack, event)}
                for event in reversed(stack.events[left : int(token)])
            ],
        }

    def describe_events(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DescribeEvents with what happened to a stack, or what is wrong with a change set, the newest first."""
        if get("ChangeSetName"):
            found = self._change_set(get)
            wrong = found.status == "FAILED" and found.reason != _NO_CHANGES
            return {"OperationEvents": [_wrong(found)] if wrong else []}
        stack = self._engine.find(get("StackName"))
        events = [operation_event(stack, event) for event in reversed(stack.events)]
        if (get("Filters") or {}).get("FailedEvents") in (True, "true"):
            events = [event for event in events if event["EventType"] == "PROVISIONING_ERROR"]
        return {"OperationEvents": events}

    def describe_stack_resources(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DescribeStackResources with the resources of a stack."""
        stack, wanted = self._engine.find(get("StackName") or ""), get("LogicalResourceId")
        every = [described_resource(stack, name) for name in stack.resources if wanted in (None, name)]
        return {"StackResources": [{**r, "Timestamp": r.pop("LastUpdatedTimestamp")} for r in every]}

    def describe_stack_resource(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DescribeStackResource with one resource of a stack."""
        stack, name = self._engine.find(get("StackName")), get("LogicalResourceId")
        if name not in stack.resources:
            raise _refusal(f"Resource {name} does not exist for stack {stack.name}")
        return {"StackResourceDetail": described_resource(stack, name)}

    def list_stack_resources(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer ListStackResources with the resources of a stack."""
        stack = self._engine.find(get("StackName"))
        return {"StackResourceSummaries": [described_resource(stack, name) for name in stack.known]}

    def get_template(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer GetTemplate with the text of a stack's template."""
        return {"TemplateBody": self._engine.find(get("StackName")).text, "StagesAvailable": ["Original", "Processed"]}

    def get_template_summary(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer GetTemplateSummary with the parameters and resource types of a template."""
        stack = self._engine.find(get("StackName")) if get("StackName") else None
        text = stack.text if stack else self._text(get, None)
        template = read_template(text, stack=get("StackName") or "template")
        return {
            "Parameters": [
                {
                    "ParameterKey": name,
                    "ParameterType": spec.get("Type", "String"),
                    "DefaultValue": spec.get("Default"),
                    "Description": spec.get("Description"),
                }
                for name, spec in template.get("Parameters", {}).items()
            ],
            "ResourceTypes": sorted({r["Type"] for r in template["Resources"].values()}),
            "Description": template.get("Description"),
        }

    def list_exports(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer ListExports with the exports of all stacks."""
        return {
            "Exports": [
                {"ExportingStackId": s.id, "Name": name, "Value": value}
                for s in self._engine.stacks.values()
                for name, value in s.exports.items()
            ]
        }

    def list_imports(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer ListImports with the stacks that import an export."""
        return {"Imports": self._engine.importers(get("ExportName"))}

    def _change_set(self, get: Callable[..., Any]) -> ChangeSet:
        wanted, stack = get("ChangeSetName"), get("StackName")
        for found in reversed(self._change_sets.values()):
            if wanted == found.id or (wanted == found.name and stack in (found.stack.name, found.stack.id)):
                return found
        raise _refusal(f"ChangeSet [{wanted}] does not exist", code="ChangeSetNotFound")

    def _text(self, get: Callable[..., Any], stack: Stack | None) -> str:
        if get("UsePreviousTemplate") in (True, "true") and stack is not None:
            return stack.text
        if body := get("TemplateBody"):
            return str(body)
        if not (url := get("TemplateURL")):
            raise _refusal("Either Template URL or Template Body must be specified.")
        bucket, key = s3_location(url)
        return str(api.call(self._ctx, "s3", "GetObject", Bucket=bucket, Key=key)["Body"].read().decode())

    def _start(self, name: str, text: str, parameters: dict[str, str], tags: dict[str, str]) -> None:
        self._in_background(name, lambda: self._engine.deploy(name, text, parameters=parameters, tags=tags))

    def _in_background(self, name: str, work: Callable[[], Any]) -> None:
        def run() -> None:
            try:
                work()
            except StackFailed as error:
                # Its status says so, and may already be that of what the client asked for next.
                log.warning("%s", error)
            except DeployError as error:
                # The client reads the outcome from the stack's status and events, as with AWS.
                log.warning("%s", error)
                stack = self._engine.stacks.get(name)
                if stack is not None and stack.status.endswith("_IN_PROGRESS"):
                    failed = stack.status.removesuffix("_IN_PROGRESS")
                    stack.becomes("ROLLBACK_COMPLETE" if failed == "CREATE" else f"{failed}_FAILED", str(error))

        threading.Thread(target=run, name=f"stack-{name}", daemon=True).start()


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


#: What of ``Answers`` are operations; each is called as one of the API is.
OPERATIONS = tuple(answer for name, answer in vars(Answers).items() if not name.startswith("_"))


def install(ctx: Context, engine: StackEngine) -> None:
    """Answer CloudFormation's API from ``engine`` until the local AWS closes."""
    spare_stacks()
    from moto.cloudformation.responses import CloudFormationResponse
    from moto.core.responses import ActionResult

    answers = Answers(ctx, engine)
    ctx.stack_role = lambda name: next((s.role_arn for s in engine.stacks.values() if name in (s.name, s.id)), None)

    def answering(operation: Callable[[Callable[..., Any]], dict[str, Any]]) -> Callable[[Any], Any]:
        def answer(self: Any) -> Any:
            try:
                return ActionResult(operation(self._get_param))
            except DeployError as error:
                raise _refusal(str(error)) from error

        return answer

    operations = [operation.__name__ for operation in OPERATIONS]
    for name in operations:
        put(CloudFormationResponse, name, answering(getattr(answers, name)))
    table = "RESPONSE_KEY_PATH_TO_TRANSFORMER"
    transformers = original(CloudFormationResponse, table)
    replace(CloudFormationResponse, table, {path: how for path, how in transformers.items() if "StackSet" in path})

    def undo() -> None:
        for name in (*operations, table):
            restore(CloudFormationResponse, name)

    ctx.on_close(undo)


def _refusal(message: str, *, code: str = "ValidationError") -> Exception:
    from moto.cloudformation.exceptions import ValidationError

    error: Exception = ValidationError(message=message)
    if code != "ValidationError":
        error.code = code  # type: ignore[attr-defined]
    return error


def _parameters(get: Callable[..., Any], previous: Mapping[str, str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for entry in get("Parameters") or []:
        key = entry["ParameterKey"]
        if entry.get("UsePreviousValue") in (True, "true"):
            if key in previous:
                given[key] = previous[key]
        else:
            given[key] = entry["ParameterValue"]
    return given


def _values(stack: Stack) -> dict[str, str]:
    """Return the values that a stack's parameters were given: what UsePreviousValue gives again."""
    return {name: given.value for name, given in stack.parameters.items()}


def _tags(get: Callable[..., Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in get("Tags") or []}


def _wrong(change_set: ChangeSet) -> dict[str, Any]:
    return {
        "EventId": change_set.id,
        "StackId": change_set.stack.id,
        "OperationId": change_set.id,
        "OperationType": "CREATE_CHANGESET",
        "OperationStatus": "FAILED",
        "EventType": "VALIDATION_ERROR",
        "ValidationStatus": "FAILED",
        "ValidationStatusReason": change_set.reason,
        "Timestamp": change_set.created,
    }
