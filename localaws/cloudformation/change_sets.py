"""Change sets: what a template would change of a stack, kept until it is executed or deleted."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from localaws.cloudformation.changes import Reference, changes_of
from localaws.cloudformation.errors import DeployError
from localaws.cloudformation.importing import imports_of
from localaws.cloudformation.operations import ChangeSet, Operations, given_parameters, given_tags, refusal, values_of
from localaws.cloudformation.plan import read_template
from localaws.cloudformation.providers import api

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


class ChangeSets(Operations):
    """The API's operations on change sets."""

    def create_change_set(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer CreateChangeSet: compute what a template would change."""
        name, kind = get("StackName"), get("ChangeSetType", "UPDATE")
        stack = self.engine.find(name) if kind == "UPDATE" else self.engine.stacks.get(name)
        stack = stack or self.engine.reserve(name)
        stack.role_arn = get("RoleARN") or stack.role_arn
        text = self.text(get, stack)
        parameters = given_parameters(get, values_of(stack))
        identity = f"arn:aws:cloudformation:{self.ctx.region}:{self.ctx.account}:changeSet/{get('ChangeSetName')}/"
        tags = given_tags(get)
        made = ChangeSet(get("ChangeSetName"), identity + str(uuid.uuid4()), stack, kind, text, parameters, tags)
        try:
            if kind == "IMPORT":
                made.imports = imports_of(stack, text, get("ResourcesToImport") or [])
            planned = self.engine.check(name, text, parameters=parameters).parameters
        except DeployError as error:
            made.status, made.reason, made.execution = "FAILED", str(error), "UNAVAILABLE"
        else:
            made.described = [given.described(key) for key, given in planned.items()]
            altered: set[Reference] = {key for key in planned if planned[key] != stack.parameters.get(key)}
            outdated = self.engine.outdated(stack)
            made.changes = changes_of(stack, text, altered | outdated, made.imports)
            same = stack.text and read_template(stack.text, stack=name) == read_template(text, stack=name)
            if same and tags == stack.tags and planned == stack.parameters and not outdated:
                made.status, made.reason, made.execution = "FAILED", NO_CHANGES, "UNAVAILABLE"
        self.change_sets[made.id] = made
        return {"Id": made.id, "StackId": stack.id}

    def describe_change_set(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer DescribeChangeSet with the changes of a change set."""
        found = self.change_set(get)
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
        stack = self.engine.find(get("StackName"))
        sets = [c for c in self.change_sets.values() if c.stack is stack]
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
        for found in list(self.change_sets.values()):
            if wanted == found.id or (wanted == found.name and stack in (found.stack.name, found.stack.id)):
                del self.change_sets[found.id]
        return {}

    def execute_change_set(self, get: Callable[..., Any]) -> dict[str, Any]:
        """Answer ExecuteChangeSet: start to create or update the stack as its change set says."""
        found = self.change_set(get)
        if found.execution != "AVAILABLE":
            raise refusal(f"ChangeSet [{found.id}] cannot be executed in its current status of [{found.status}]")
        found.execution = "EXECUTE_COMPLETE"
        # The stack's others are deleted: they are about what it was.
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-execute.html
        others = [key for key, each in self.change_sets.items() if each.stack is found.stack and each is not found]
        for key in others:
            self.change_sets.pop(key, None)
        creating = not found.stack.text and not found.stack.resources
        verb = "IMPORT" if found.imports else "CREATE" if creating else "UPDATE"
        found.stack.status = f"{verb}_IN_PROGRESS"
        self.start(found.stack, found.text, found.parameters, found.tags, found.imports)
        return {}


def wrong_change(change_set: ChangeSet) -> dict[str, Any]:
    """Return what is wrong with a change set as DescribeEvents tells it."""
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
