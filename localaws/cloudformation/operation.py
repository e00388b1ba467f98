"""Creates or updates one stack: creates, updates and deletes its resources, and rolls all back when one fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from localaws.cloudformation.errors import DeployError, ResourceFailed, StackFailed, TemplateError, UnresolvedReference
from localaws.cloudformation.plan import Planned, StackPlan, outputs_of
from localaws.cloudformation.providers.provider import Request, ResourceOutcome
from localaws.cloudformation.stacks import RETAIN, Deployed, Stack, StackOutput
from localaws.cloudformation.template import NO_VALUE, Scope, in_order, resolve, scalar_text
from localaws.context import Context

log = logging.getLogger("localaws.cloudformation")


@dataclass(frozen=True)
class _Undo:
    """One step of a rollback: the resource that it is about, and the function that does it."""

    logical_id: str
    take: Callable[[], None]
    #: Whether it deletes the resource.
    deletes: bool = False


@dataclass
class StackOperation:
    """A create or update of ``stack`` to ``plan``; ``scope`` resolves names outside the stack."""

    ctx: Context
    stack: Stack
    plan: StackPlan
    scope: Scope
    tags: dict[str, str]
    #: Raises ResourceFailed when the new exports would break another stack.
    check_exports: Callable[[dict[str, str]], None] = lambda exports: None
    #: Called when a resource is as the plan says.
    applied: Callable[[], None] = lambda: None
    #: The physical ids of what exists and is taken up, by logical id: then nothing is made.
    imports: Mapping[str, str] = field(default_factory=dict)
    #: Called when a rollback has undone everything, before the stack says so.
    undone: Callable[[], None] = lambda: None
    _before: dict[str, Deployed] = field(init=False)
    _now: dict[str, Deployed] = field(init=False)
    _undo: list[_Undo] = field(default_factory=list)
    _replaced: list[Deployed] = field(default_factory=list)
    #: Resources that a rollback kept because of their DeletionPolicy: logical and physical id.
    _retained: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._before = dict(self.stack.resources)
        self._now = dict(self.stack.resources)
        self.scope = replace(self.scope, ref=self._ref, get_att=self._get_att)

    def run(self) -> None:
        """Create or update the stack to the plan; raise StackFailed, after the rollback, if a resource fails."""
        creating = not self._before and self.stack.status in ("REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS")
        verb = "IMPORT" if self.imports else "CREATE" if creating else "UPDATE"
        lacking = "; ".join(sorted({planned.lacking for planned in self.plan.resources.values() if planned.lacking}))
        if lacking:
            log.warning("%s: %s", self.stack.name, lacking)
        self.stack.becomes(f"{verb}_IN_PROGRESS", lacking or None)
        current = ""
        try:
            for current in self.plan.order:
                self._apply(self.plan.resources[current])
                self.applied()
            current = "Outputs"
            outputs = self._outputs()
        except (ResourceFailed, TemplateError) as error:
            self._roll_back(verb, current, error)
        except Exception as error:
            # A defect in a provider must not leave half a stack behind.
            log.exception("%s/%s failed in an unforeseen way", self.stack.name, current)
            self._roll_back(verb, current, ResourceFailed(f"{type(error).__name__}: {error}"))
        if verb == "UPDATE":
            self.stack.becomes("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._clean_up()
        self.stack.resources = self._now
        self.stack.outputs = outputs
        self.stack.text, self.stack.tags = self.plan.text, self.tags
        self.stack.parameters = dict(self.plan.parameters)
        self.stack.description = self.plan.template.get("Description")
        self.stack.becomes(f"{verb}_COMPLETE")

    def _outputs(self) -> dict[str, StackOutput]:
        outputs = {
            name: StackOutput(
                scalar_text(body.get("Value")),
                export=body.get("Export", {}).get("Name"),
                description=body.get("Description"),
            )
            for name, body in outputs_of(self.plan, self.scope).items()
        }
        self.check_exports({o.export: o.value for o in outputs.values() if o.export})
        return outputs

    def _apply(self, planned: Planned) -> None:
        properties = resolve(planned.properties, self.scope, at=planned.at)
        self._check(planned, properties)
        old = self._now.get(planned.logical_id)
        if old is None and planned.logical_id in self.imports:
            self._import(planned, self._request(planned, properties), self.imports[planned.logical_id])
        elif old is None:
            self._create(planned, self._request(planned, properties))
        elif old.request.type != planned.type:
            raise ResourceFailed(f"its type cannot change from {old.request.type}; give it another logical id")
        elif old.properties == properties and old.request.stack_tags == self.tags:
            self._now[planned.logical_id] = _deployed(planned, old.request, old.outcome)
        elif planned.provider.replaces(old.properties, properties):
            self._replace(planned, self._request(planned, properties), old)
        else:
            request = replace(self._request(planned, properties), generation=old.request.generation)
            self._update(planned, request, old)

    def _check(self, planned: Planned, properties: Any) -> None:
        """Refuse what the plan could not see: values that were not known before other resources existed."""
        given = properties if properties is not NO_VALUE else {}
        if reason := planned.provider.refused(given):
            status = "UPDATE_FAILED" if planned.logical_id in self._now else "CREATE_FAILED"
            self.stack.note(planned.logical_id, planned.type, status, reason=reason)
            raise ResourceFailed(reason)

    def _request(self, planned: Planned, properties: Any) -> Request:
        return Request(
            stack=self.stack.name,
            stack_id=self.stack.id,
            logical_id=planned.logical_id,
            type=planned.type,
            properties=properties if properties is not NO_VALUE else {},
            generation=self.stack.generations.get(planned.logical_id, 0),
            stack_tags=self.tags,
        )

    def _create(self, planned: Planned, request: Request) -> None:
        logical_id, provider = planned.logical_id, planned.provider
        self.stack.note(logical_id, planned.type, "CREATE_IN_PROGRESS")
        # Counted before the attempt: a resource that a failure or Retain leaves behind keeps its name.
        self.stack.generations[logical_id] = request.generation + 1
        before = self._now.get(logical_id)

        def made(outcome: ResourceOutcome) -> None:
            self._now[logical_id] = _deployed(planned, request, outcome)
            self._undo.append(_Undo(logical_id, lambda: self._uncreate(planned, request, outcome, before), True))

        try:
            outcome = provider.make(self.ctx, request, made=made)
        except ResourceFailed as error:
            if error.physical_id is not None:
                made(ResourceOutcome(error.physical_id))
            self.stack.note(logical_id, planned.type, "CREATE_FAILED", reason=error.reason)
            raise
        self.stack.note(logical_id, planned.type, "CREATE_COMPLETE", physical_id=outcome.physical_id)

    def _import(self, planned: Planned, request: Request, physical_id: str) -> None:
        """Take up what exists as it is; a rollback lets it go as it is."""
        logical_id, kind = planned.logical_id, planned.type
        self.stack.note(logical_id, kind, "IMPORT_IN_PROGRESS", physical_id=physical_id)
        outcome = planned.provider.found(self.ctx, physical_id) if planned.provider.found else None
        if outcome is None:
            reason = f"{kind} {physical_id} does not exist"
            self.stack.note(logical_id, kind, "IMPORT_FAILED", physical_id=physical_id, reason=reason)
            raise ResourceFailed(reason)
        # One that takes its place once must have another name than what its logical id would give again.
        self.stack.generations[logical_id] = request.generation + 1
        self._now[logical_id] = _deployed(planned, request, outcome)
        self._undo.append(_Undo(logical_id, lambda: self._let_go(logical_id, kind, physical_id)))
        self.stack.note(logical_id, kind, "IMPORT_COMPLETE", physical_id=physical_id)

    def _let_go(self, logical_id: str, kind: str, physical_id: str) -> None:
        self._now.pop(logical_id, None)
        self.stack.note(logical_id, kind, "IMPORT_ROLLBACK_COMPLETE", physical_id=physical_id)

    def _uncreate(self, planned: Planned, request: Request, outcome: ResourceOutcome, before: Deployed | None) -> None:
        kind, physical_id = planned.type, outcome.physical_id
        if planned.deletion_policy == "Retain" and before is None:
            self.stack.note(planned.logical_id, kind, "DELETE_SKIPPED", physical_id=physical_id)
            self._retained.append(f"{planned.logical_id} ({kind} {physical_id})")
        else:
            planned.provider.delete(self.ctx, request, outcome)
            self.stack.note(planned.logical_id, kind, "DELETE_COMPLETE", physical_id=physical_id)
        if before is None:
            self._now.pop(planned.logical_id, None)
        else:
            self._now[planned.logical_id] = before

    def _replace(self, planned: Planned, request: Request, old: Deployed) -> None:
        named_by = planned.provider.name_property
        if named_by and request.get(named_by) is not None and request.get(named_by) == old.properties.get(named_by):
            raise ResourceFailed(
                f"this change needs a new resource, which cannot take the name of the old one: "
                f"change {named_by} ({request.get(named_by)!r}) too, or leave it out"
            )
        self.stack.note(
            planned.logical_id, planned.type, "UPDATE_IN_PROGRESS", reason="Requested update requires a new resource"
        )
        self._create(planned, request)
        self._replaced.append(old)

    def _update(self, planned: Planned, request: Request, old: Deployed) -> None:
        logical_id, kind = planned.logical_id, planned.type
        self.stack.note(logical_id, kind, "UPDATE_IN_PROGRESS", physical_id=old.outcome.physical_id)

        def back() -> None:
            made = self._now[logical_id].outcome
            outcome = planned.provider.change(self.ctx, old.request, request, made)
            if outcome.physical_id != made.physical_id:
                planned.provider.delete(self.ctx, request, made)
            self._now[logical_id] = replace(old, outcome=outcome)
            self.stack.note(logical_id, kind, "UPDATE_COMPLETE", physical_id=outcome.physical_id, reason="rolled back")

        # Noted first, so that an update that fails half-way is rolled back too.
        self._undo.append(_Undo(logical_id, back))
        try:
            outcome = planned.provider.change(self.ctx, request, old.request, old.outcome)
        except ResourceFailed as error:
            self.stack.note(logical_id, kind, "UPDATE_FAILED", physical_id=old.outcome.physical_id, reason=error.reason)
            raise
        self._now[logical_id] = _deployed(planned, request, outcome)
        if outcome.physical_id != old.outcome.physical_id:
            # A custom resource answers an update with a new id when it made a new thing: the old one is deleted last.
            self._replaced.append(old)
        self.stack.note(logical_id, kind, "UPDATE_COMPLETE", physical_id=outcome.physical_id)

    def _clean_up(self) -> None:
        for old in reversed(self._replaced):
            if old.replace_policy in RETAIN:
                self.stack.note(
                    old.request.logical_id, old.request.type, "DELETE_SKIPPED", reason="UpdateReplacePolicy"
                )
            else:
                self._remove(old)
        gone = {name: d for name, d in self._before.items() if name not in self.plan.resources}
        for deployed in deletion_order(gone, stack=self.stack.name):
            if deployed.deletion_policy in RETAIN:
                self.stack.note(
                    deployed.request.logical_id, deployed.request.type, "DELETE_SKIPPED", reason="DeletionPolicy"
                )
            else:
                self._remove(deployed)
            self._now.pop(deployed.request.logical_id, None)

    def _remove(self, deployed: Deployed) -> None:
        """Delete a resource that the new template dropped; as in CloudFormation, a failure does not fail the update."""
        try:
            delete_resource(self.ctx, self.stack, deployed)
        except DeployError as error:
            log.warning("%s/%s is left behind: %s", self.stack.name, deployed.request.logical_id, error)

    def _roll_back(self, verb: str, failed: str, error: DeployError) -> None:
        reason = error.reason if isinstance(error, ResourceFailed) else str(error)
        prefix = "ROLLBACK" if verb == "CREATE" else f"{verb}_ROLLBACK"
        self.stack.becomes(f"{prefix}_IN_PROGRESS", f"The following resource failed: {failed}")
        stuck: dict[str, str] = {}
        left: dict[str, Deployed] = {}
        for step in reversed(self._undo):
            # What is left needs it, to be deleted by a later attempt: a custom resource its function, that its role.
            if step.deletes and any(step.logical_id in deployed.depends_on for deployed in left.values()):
                left[step.logical_id] = self._now[step.logical_id]
                continue
            try:
                step.take()
            except DeployError as problem:
                left[step.logical_id] = self._now[step.logical_id]
                stuck[step.logical_id] = str(problem)
                self.stack.note(step.logical_id, self._type(step.logical_id), f"{prefix}_FAILED", reason=str(problem))
        self.stack.resources = self._now if stuck or verb != "CREATE" else {}
        self.undone()
        status = f"{prefix}_{'FAILED' if stuck else 'COMPLETE'}"
        self.stack.becomes(status, reason)
        safe = "everything it had made is removed" if verb == "CREATE" else f"it is as it was before the {verb.lower()}"
        if self._retained:
            safe += f", but for what its DeletionPolicy retains, which stays: {', '.join(sorted(self._retained))}"
        if stuck:
            safe = "it could not be put back everywhere: " + "; ".join(": ".join(each) for each in stuck.items())
            if needed := sorted(left.keys() - stuck.keys()):
                safe += f"; what that depends on stays: {', '.join(needed)}"
        raise StackFailed(
            f"{self.stack.name}/{failed} ({self._type(failed)}) failed: {reason}\n"
            f"The stack is {status}: {safe}. Correct the cause, synthesize, and run the same deployment again.",
            stack=self.stack.name,
            status=status,
            logical_id=failed,
            reason=reason,
        ) from error

    def _type(self, logical_id: str) -> str:
        planned = self.plan.resources.get(logical_id)
        return planned.type if planned else "AWS::CloudFormation::Stack"

    def _ref(self, logical_id: str) -> Any:
        return self._resource(logical_id).outcome.physical_id

    def _get_att(self, logical_id: str, attribute: str) -> Any:
        deployed = self._resource(logical_id)
        attributes = deployed.outcome.attributes
        if attribute not in attributes:
            raise UnresolvedReference(
                f"{logical_id} ({deployed.request.type}) has no attribute {attribute!r}; it has {sorted(attributes)}"
            )
        return attributes[attribute]

    def _resource(self, logical_id: str) -> Deployed:
        if logical_id not in self._now:
            raise UnresolvedReference(f"{logical_id} does not exist")
        return self._now[logical_id]


def delete_resource(ctx: Context, stack: Stack, deployed: Deployed) -> None:
    """Delete one resource and note it in the stack's history; raise ResourceFailed if it cannot be deleted."""
    from localaws.cloudformation.providers import provider_for

    request, physical_id = deployed.request, deployed.outcome.physical_id
    stack.note(request.logical_id, request.type, "DELETE_IN_PROGRESS", physical_id=physical_id)
    try:
        provider_for(request.type, at=f"{stack.name}/{request.logical_id}").delete(ctx, request, deployed.outcome)
    except ResourceFailed as error:
        stack.note(request.logical_id, request.type, "DELETE_FAILED", physical_id=physical_id, reason=error.reason)
        raise
    stack.note(request.logical_id, request.type, "DELETE_COMPLETE", physical_id=physical_id)


def deletion_order(resources: dict[str, Deployed], *, stack: str) -> list[Deployed]:
    """Return ``resources`` so that each comes before what it depends on."""
    needs = {name: [n for n in d.depends_on if n in resources] for name, d in resources.items()}
    return [resources[name] for name in reversed(in_order(needs, stack=stack))]


def _deployed(planned: Planned, request: Request, outcome: ResourceOutcome) -> Deployed:
    return Deployed(request, outcome, planned.deletion_policy, planned.replace_policy, planned.depends_on)
