"""CloudFormation's API, answered from the stack engine; replaces moto's own for all stack operations."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from localaws.cloudformation.change_sets import NO_CHANGES, ChangeSets, wrong_change
from localaws.cloudformation.described import described_event, described_resource, described_stack, operation_event
from localaws.cloudformation.engine import StackEngine
from localaws.cloudformation.errors import DeployError
from localaws.cloudformation.importing import identifiers
from localaws.cloudformation.operations import given_parameters, given_tags, refusal, values_of
from localaws.cloudformation.plan import read_template
from localaws.context import Context
from localaws.moto_patches import original, put, replace, restore
from localaws.spared import spare_stacks

log = logging.getLogger("localaws.cloudformation")

#: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html: up to so many.
_EVENTS_IN_A_PAGE = 100


class Answers(ChangeSets):
    """The API's operations; each takes moto's parameter reader and returns the answer as the API model describes it."""

    def create_stack(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer CreateStack: start to create a stack."""
        name = get("StackName")
        if name in self.engine.stacks:
            raise refusal(f"Stack [{name}] already exists")
        text, parameters = self.text(get, None), given_parameters(get, {})
        self.engine.check(name, text, parameters=parameters)
        stack = self.engine.reserve(name)
        stack.status = "CREATE_IN_PROGRESS"
        stack.protected = get("EnableTerminationProtection") in (True, "true")
        stack.role_arn = get("RoleARN")
        self.start(stack, text, parameters, given_tags(get))
        return {"StackId": stack.id}

    def update_stack(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer UpdateStack: start to update a stack."""
        stack = self.engine.find(get("StackName"))
        text, parameters = self.text(get, stack), given_parameters(get, values_of(stack))
        planned = self.engine.check(stack.name, text, parameters=parameters).parameters
        # By what they come to: what a parameter names in Parameter Store may be another value now.
        if text == stack.text and planned == stack.parameters and not self.engine.outdated(stack):
            raise refusal("No updates are to be performed.")
        stack.role_arn = get("RoleARN") or stack.role_arn
        stack.status = "UPDATE_IN_PROGRESS"
        self.start(stack, text, parameters, given_tags(get) or stack.tags)
        return {"StackId": stack.id}

    def delete_stack(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DeleteStack: start to delete a stack."""
        name = get("StackName")
        stack = next((s for s in self.engine.stacks.values() if name in (s.name, s.id)), None)
        if stack is not None and stack.protected:
            raise refusal(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        if stack is not None:
            retain = frozenset(get("RetainResources") or [])
            if retain and stack.status != "DELETE_FAILED":
                raise refusal(
                    f"Invalid operation on stack [{stack.id}]. RetainResources is for stacks that are DELETE_FAILED, "
                    f"and it is {stack.status}"
                )
            if unknown := sorted(retain - stack.resources.keys()):
                raise refusal(f"Stack [{stack.name}] has no resource {unknown[0]} that could be retained")
            stack.status = "DELETE_IN_PROGRESS"
            self.in_background(stack, lambda: self.engine.delete(stack.name, retain=retain))
        return {}

    def update_termination_protection(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer UpdateTerminationProtection: a stack that is protected cannot be deleted."""
        stack = self.engine.find(get("StackName"))
        stack.protected = get("EnableTerminationProtection") in (True, "true")
        return {"StackId": stack.id}

    def describe_stacks(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DescribeStacks with one stack, or all."""
        name = get("StackName")
        stacks = [self.engine.find(name)] if name else list(self.engine.stacks.values())
        return {"Stacks": [described_stack(stack) for stack in stacks]}

    def list_stacks(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer ListStacks, deleted ones too, optionally by status."""
        wanted = get("StackStatusFilter") or []
        every = [*self.engine.stacks.values(), *self.engine.deleted]
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
        stack = self.engine.find(get("StackName"))
        # The token is how many events are older than those of the page before: new ones move no page.
        token = str(get("NextToken") or len(stack.events))
        if not token.isdecimal() or int(token) > len(stack.events):
            raise refusal(f"NextToken {token} is none that DescribeStackEvents gave")
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
            found = self.change_set(get)
            wrong = found.status == "FAILED" and found.reason != NO_CHANGES
            return {"OperationEvents": [wrong_change(found)] if wrong else []}
        stack = self.engine.find(get("StackName"))
        events = [operation_event(stack, event) for event in reversed(stack.events)]
        if (get("Filters") or {}).get("FailedEvents") in (True, "true"):
            events = [event for event in events if event["EventType"] == "PROVISIONING_ERROR"]
        return {"OperationEvents": events}

    def describe_stack_resources(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DescribeStackResources with the resources of a stack."""
        stack, wanted = self.engine.find(get("StackName") or ""), get("LogicalResourceId")
        every = [described_resource(stack, name) for name in stack.known if wanted in (None, name)]
        return {"StackResources": [{**r, "Timestamp": r.pop("LastUpdatedTimestamp")} for r in every]}

    def describe_stack_resource(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DescribeStackResource with one resource of a stack."""
        stack, name = self.engine.find(get("StackName")), get("LogicalResourceId")
        if name not in stack.known:
            raise refusal(f"Resource {name} does not exist for stack {stack.name}")
        return {"StackResourceDetail": described_resource(stack, name)}

    def list_stack_resources(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer ListStackResources with the resources of a stack."""
        stack = self.engine.find(get("StackName"))
        return {"StackResourceSummaries": [described_resource(stack, name) for name in stack.known]}

    def get_template(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer GetTemplate with the text of a stack's template."""
        return {"TemplateBody": self.engine.find(get("StackName")).text, "StagesAvailable": ["Original", "Processed"]}

    def get_template_summary(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer GetTemplateSummary with the parameters and resource types of a template."""
        stack = self.engine.find(get("StackName")) if get("StackName") else None
        text = stack.text if stack else self.text(get, None)
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
            "ResourceIdentifierSummaries": identifiers(template),
            "Description": template.get("Description"),
        }

    def list_exports(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer ListExports with the exports of all stacks."""
        return {
            "Exports": [
                {"ExportingStackId": s.id, "Name": name, "Value": value}
                for s in self.engine.stacks.values()
                for name, value in s.exports.items()
            ]
        }

    def list_imports(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer ListImports with the stacks that import an export."""
        return {"Imports": self.engine.importers(get("ExportName"))}


#: What of ``Answers`` are operations; each is called as one of the API is.
OPERATIONS = tuple(
    answer
    for kind in (ChangeSets, Answers)
    for name, answer in vars(kind).items()
    if callable(answer) and not name.startswith("_")
)


def install(ctx: Context, engine: StackEngine) -> None:
    """Answer CloudFormation's API from ``engine`` until the local AWS closes."""
    spare_stacks()
    from moto.cloudformation.responses import CloudFormationResponse
    from moto.core.responses import ActionResult

    answers = Answers(ctx, engine)
    ctx.stack_role = lambda name: next((s.role_arn for s in engine.stacks.values() if name in (s.name, s.id)), None)

    def answering(operation: Callable[[Callable[..., Any]], dict[str, Any]]) -> Callable[[Any], Any]:
        def answer(self: Any) -> Any:
            # The stacks of here are none of another region: who asks there is neither told of them nor changes them.
            if self.region != ctx.region:
                raise refusal(
                    f"This local AWS deploys to {ctx.region} alone, and the call is for {self.region}. Nothing was "
                    f"changed. Deploy to {ctx.region}, or start a local AWS with --region {self.region}"
                )
            try:
                return ActionResult(operation(self._get_param))
            except DeployError as error:
                raise refusal(str(error)) from error

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
