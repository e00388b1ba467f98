"""CloudFormation's engine: creates, updates and deletes stacks, and keeps their state."""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from localaws import execute_api
from localaws.cloudformation.assembly import bootstrap
from localaws.cloudformation.errors import DeployError, ResourceFailed, StackFailed, UnresolvedReference
from localaws.cloudformation.operation import StackOperation, delete_resource, deletion_order
from localaws.cloudformation.plan import StackPlan, plan_stack
from localaws.cloudformation.providers import api
from localaws.cloudformation.stacks import RETAIN, Stack
from localaws.cloudformation.template import Scope
from localaws.context import Context


@dataclass
class StackEngine:
    """All stacks of one running local AWS."""

    ctx: Context
    stacks: dict[str, Stack] = field(default_factory=dict)
    #: Deleted stacks, the last one last.
    deleted: list[Stack] = field(default_factory=list)
    _locks: defaultdict[str, threading.RLock] = field(default_factory=lambda: defaultdict(threading.RLock))
    _generations: defaultdict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    def check(self, name: str, text: str, *, parameters: Mapping[str, str] | None = None) -> StackPlan:
        """Check a template without creating anything; raise the DeployError that deploying it would raise first."""
        stack = self.stacks.get(name)
        return self._plan(name, stack.id if stack else self._new_id(name), text, parameters or {})

    def deploy(
        self,
        name: str,
        text: str,
        *,
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        applied: Callable[[], None] = lambda: None,
        imports: Mapping[str, str] | None = None,
    ) -> Stack:
        """Create the stack ``name`` from a template's text, or update it to that template, and return it.

        ``applied`` is called after each resource. ``imports`` has the physical ids of resources that exist and that the
        stack is to take up, by logical id.
        Raises StackFailed once the rollback is done. A stack that a failed creation left behind is deleted first.
        """
        with self._locks[name]:
            if name in self.stacks and self.stacks[name].status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
                self.delete(name)
            stack = self.stacks.get(name) or Stack(name, self._new_id(name), generations=self._generations[name])
            plan = self._plan(name, stack.id, text, parameters or {})
            self.stacks[name] = stack
            used: set[str] = set()

            def import_value(export: str) -> str:
                used.add(export)
                return self.export(export)

            read: dict[tuple[str, str], str] = {}

            def stack_output(other: str, output: str) -> str:
                read[other, output] = self.output(other, output)
                return read[other, output]

            scope = replace(plan.scope, import_value=import_value, stack_output=stack_output)
            operation = StackOperation(
                self.ctx,
                stack,
                plan,
                scope,
                dict(tags or {}),
                check_exports=lambda exports: self._check_exports(stack, exports),
                applied=applied,
                imports=self._free(imports or {}, plan),
                undone=self._lend_again,
            )
            stack.updated = datetime.now(UTC)  # also of an update that is rolled back, as AWS has it
            operation.run()
            # What it took over of the local AWS's own is the stack's from now on.
            self.ctx.lent -= {deployed.outcome.physical_id for deployed in stack.resources.values()}
            stack.imports, stack.outputs_read = frozenset(used), read
            return stack

    def _free(self, imports: Mapping[str, str], plan: StackPlan) -> Mapping[str, str]:
        """Return ``imports``; ResourceFailed when another stack has one of them."""
        for stack in self.stacks.values():
            has = {(each.request.type, each.outcome.physical_id): name for name, each in stack.resources.items()}
            for logical_id, physical_id in imports.items():
                if name := has.get((plan.resources[logical_id].type, physical_id)):
                    raise ResourceFailed(f"{physical_id} cannot be imported: it is {name} of the stack {stack.name}")
        return imports

    def _lend_again(self) -> None:
        """Make anew what a stack took over of the local AWS's own, and was rolled back."""
        if self.ctx.lent:
            bootstrap(self.ctx)

    def reserve(self, name: str) -> Stack:
        """Return a new, empty stack in REVIEW_IN_PROGRESS, as a change set of type CREATE makes it."""
        stack = Stack(name, self._new_id(name), generations=self._generations[name])
        self.stacks[name] = stack
        return stack

    def delete(self, name: str, *, retain: Collection[str] = ()) -> None:
        """Delete a stack and its resources, except those it retains; an unknown name is no error, as in AWS.

        ``retain`` has the logical ids of what is left as it is, since it cannot be deleted.
        """
        with self._locks[name]:
            stack = self.stacks.get(name)
            if stack is None:
                return
            self._check_exports(stack, {})
            stack.becomes("DELETE_IN_PROGRESS")
            for deployed in deletion_order(stack.resources, stack=name):
                request = deployed.request
                if deployed.deletion_policy in RETAIN or request.logical_id in retain:
                    stack.note(
                        request.logical_id,
                        request.type,
                        "DELETE_SKIPPED",
                        physical_id=deployed.outcome.physical_id,
                        reason="RetainResources" if request.logical_id in retain else "DeletionPolicy",
                    )
                else:
                    try:
                        delete_resource(self.ctx, stack, deployed)
                    except DeployError as error:
                        raise self._delete_failed(stack, request.logical_id, error) from error
                stack.gone[request.logical_id] = stack.resources.pop(request.logical_id)
            stack.becomes("DELETE_COMPLETE")
            stack.deleted = datetime.now(UTC)
            self.deleted.append(self.stacks.pop(name))

    def find(self, name_or_id: str) -> Stack:
        """Return a stack by its name, or by its id, also when it is deleted; UnresolvedReference if there is none."""
        by_id = [s for s in (*self.stacks.values(), *reversed(self.deleted)) if s.id == name_or_id]
        stack = self.stacks.get(name_or_id) or (by_id[0] if by_id else None)
        if stack is None:
            raise UnresolvedReference(f"Stack with id {name_or_id} does not exist")
        return stack

    def output(self, stack: str, output: str) -> str:
        """Return the value of ``Fn::GetStackOutput``; UnresolvedReference names what is missing."""
        found = self.find(stack)
        if output not in found.outputs:
            raise UnresolvedReference(f"the stack {stack} has no output {output!r}; it has {sorted(found.outputs)}")
        return found.outputs[output].value

    def outdated(self, stack: Stack) -> set[tuple[str, str]]:
        """Return which outputs of other stacks, each by stack and output, are others now than those it was made of.

        They are read when a stack is made or updated, and a change of them alone is an update's reason:
        https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getstackoutput.html
        """
        now = {name: found.outputs for name, found in self.stacks.items()}
        return {
            (other, output)
            for (other, output), value in stack.outputs_read.items()
            if output in now.get(other, {}) and now[other][output].value != value
        }

    def export(self, name: str) -> str:
        """Return the value of ``Fn::ImportValue``; UnresolvedReference if no stack exports ``name``."""
        for stack in self.stacks.values():
            if name in stack.exports:
                return stack.exports[name]
        raise UnresolvedReference(f"no stack exports {name!r}")

    def importers(self, export: str) -> list[str]:
        """Return the names of the stacks that import ``export``."""
        return [stack.name for stack in self.stacks.values() if export in stack.imports]

    def _check_exports(self, stack: Stack, exports: Mapping[str, str]) -> None:
        for name, value in stack.exports.items():
            users = [user for user in self.importers(name) if user != stack.name]
            if users and exports.get(name) != value:
                raise ResourceFailed(
                    f"Export {name} cannot be changed or deleted as it is in use by {', '.join(users)}"
                )
        for other in self.stacks.values():
            if other is not stack and (shared := set(other.exports) & set(exports)):
                raise ResourceFailed(f"Export {sorted(shared)[0]} is already exported by stack {other.name}")

    def _delete_failed(self, stack: Stack, logical_id: str, error: DeployError) -> StackFailed:
        reason = error.reason if isinstance(error, ResourceFailed) else str(error)
        stack.becomes("DELETE_FAILED", f"The following resource failed to delete: {logical_id}")
        return StackFailed(
            f"{stack.name}/{logical_id} could not be deleted: {reason}\n"
            "What was deleted before it stays deleted, the rest is untouched. "
            f"Remove the cause and delete the stack again, or leave it: `--retain-resources {logical_id}`.",
            stack=stack.name,
            status=stack.status,
            logical_id=logical_id,
            reason=reason,
        )

    def _plan(self, name: str, stack_id: str, text: str, parameters: Mapping[str, str]) -> StackPlan:
        scope = Scope(
            stack=name, stack_id=stack_id, account=self.ctx.account, region=self.ctx.region, reached=self._reached
        )
        return plan_stack(text, scope, parameters=parameters, ssm=self._ssm)

    def _reached(self, text: str) -> str:
        """Return ``text`` with the addresses of APIs that are here as they are reached."""
        return execute_api.reached_here(text, self.ctx.endpoint, self.ctx.region, self._is_api)

    def _is_api(self, name: str) -> bool:
        as_http = api.find(self.ctx, "apigatewayv2", "GetApi", ApiId=name)
        return as_http is not None or api.find(self.ctx, "apigateway", "GetRestApi", restApiId=name) is not None

    def _ssm(self, name: str) -> str:
        answer: Any = api.find(self.ctx, "ssm", "GetParameter", Name=name)
        if answer is None:
            raise UnresolvedReference(f"the SSM parameter {name!r} does not exist")
        return str(answer["Parameter"]["Value"])

    def _new_id(self, name: str) -> str:
        return f"arn:aws:cloudformation:{self.ctx.region}:{self.ctx.account}:stack/{name}/{uuid.uuid4()}"
