"""Takes up what a deleted deployment left: its stacks are made again around the resources that they retained.

CloudFormation imports resources into a stack by change sets that do nothing else, so a stack is first made of what is
kept, as it was declared when it was deleted; the deployment after it brings the rest, and what changed since.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from sluice.cli.assembly import synthesize
from sluice.cli.change_sets import Published, change_set, execute
from sluice.cli.cloud_assembly import DeclaredStack, declared_stacks
from sluice.cli.deployment import client, refuse_other_account, refused_by_aws
from sluice.environments import declared_environment
from sluice.errors import CommandError, WrongArgument
from sluice.folders import needed_project

#: Statuses of a stack that may have nothing; whether it has is looked up.
_PERHAPS_EMPTY: Final = frozenset({"REVIEW_IN_PROGRESS", "IMPORT_ROLLBACK_COMPLETE"})
_ROLLED_BACK: Final = "ROLLBACK_COMPLETE"
#: Statuses of a stack whose first deployment failed: what it retained was never in use.
NEVER_WHOLE: Final = frozenset({"ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"})
_SAFE: Final = "what is kept is as it was; stacks that were taken up before stay."
#: The logical id of each ``${Name}`` and ``${Name.Attribute}`` of a ``Fn::Sub``; pseudo parameters have colons.
_PLACES: Final = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}")


@dataclass(frozen=True)
class Kept:
    """One resource that outlived its stack: ``identifier`` tells it apart, as ``{"BucketName": "…"}``.

    ``body`` is how the template declared it that its stack had last. ``identifier`` is empty for one of a type that
    CloudFormation does not import.
    """

    logical_id: str
    type: str
    physical_id: str
    body: Mapping[str, Any]
    identifier: Mapping[str, str]


@dataclass(frozen=True)
class Adoption:
    """What one stack takes up. ``deleted`` is when its predecessor was deleted, ``left`` what else that retained.

    That stays as it is, since it is not declared any more; each as ``logical id (type physical id)``.
    """

    stack: DeclaredStack
    deleted: str
    kept: tuple[Kept, ...]
    left: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return what `--json` shows."""
        return {
            "stack": self.stack.name,
            "deleted": self.deleted,
            "resources": [
                {"logical_id": each.logical_id, "type": each.type, "identifier": dict(each.identifier)}
                for each in self.kept
            ],
            "left": list(self.left),
        }


def declared(contracts: list[Path], environment: str) -> list[DeclaredStack]:
    """Return the stacks as they are declared now, and let the shell's calls go to the environment's region.

    ``CommandError`` where the environment belongs to another account than the credentials.
    """
    wanted = declared_environment(needed_project(contracts).environments, environment)
    os.environ.update(AWS_REGION=wanted.region, AWS_DEFAULT_REGION=wanted.region)
    with _told(environment):
        refuse_other_account(wanted)
    return declared_stacks(synthesize(contracts, environment))


def found(environment: str, stacks: Iterable[DeclaredStack], *, without: Iterable[str] = ()) -> list[Adoption]:
    """Return what is left of each stack that is declared and not deployed; nothing is changed.

    ``without`` has logical ids that are left out. Raise ``WrongArgument`` for one that nothing is left under,
    ``CommandError`` for a stack that is neither whole nor away.
    """
    left_out, used, remains = frozenset(without), set(), _Remains()
    adoptions = []
    with _told(environment):
        for stack in stacks:
            if _stands(stack.name) or (last := remains.last_whole(stack.name)) is None:
                continue
            retained = _retained(last["StackId"])
            used |= set(retained) & left_out
            names = {name: each for name, each in retained.items() if name not in left_out}
            adoption = _adoption(stack, last, names)
            if adoption.kept:
                adoptions.append(adoption)
    if unknown := sorted(left_out - used):
        raise WrongArgument(
            f"Nothing is left under the logical id {unknown[0][:80]!r}.",
            next_step="`sluice adopt --dry-run` shows what is.",
            value=unknown[0],
        )
    return adoptions


def take_up(environment: str, adoptions: list[Adoption], note: Callable[[str], None]) -> None:
    """Make each stack of what is kept, and wait for its end; ``note`` gets lines about progress.

    Raise ``CommandError`` before anything is done where one cannot be imported, and with CloudFormation's reason
    where a stack was refused or rolled back: what is kept stays as it is.
    """
    alone = [_alone(adoption) for adoption in adoptions]
    with _told(environment):
        present = Published() if adoptions else None
        for adoption, body in zip(adoptions, alone, strict=True):
            assert present is not None
            _make_room(adoption.stack.name)
            text = json.dumps({"Resources": body}, separators=(",", ":"))
            wanted = [
                {
                    "ResourceType": each.type,
                    "LogicalResourceId": each.logical_id,
                    "ResourceIdentifier": dict(each.identifier),
                }
                for each in adoption.kept
            ]
            template = present.template(text, adoption.stack)
            try:
                new = _status(adoption.stack.name) is None
                for change in change_set(
                    adoption.stack, new=new, ChangeSetType="IMPORT", ResourcesToImport=wanted, **template
                ):
                    execute(change, note)
            except CommandError as error:
                raise CommandError(
                    error.what,
                    safe=_SAFE,
                    next_step="where one is gone, leave it out: `sluice adopt --without LOGICAL_ID`; the deployment "
                    "makes another.",
                    value=adoption.stack.name,
                ) from error


def predecessor_template(name: str) -> dict[str, Any] | None:
    """Return the template of the deleted stack that the stack ``name`` was taken up from; None where AWS knows none."""
    last = _Remains().last_whole(name)
    return _template(last["StackId"]) if last else None


class _Remains:
    """The stacks that were deleted: AWS knows them for 90 days."""

    @cached_property
    def _newest_first(self) -> list[dict[str, Any]]:
        pages = client("cloudformation").get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
        deleted = [each for page in pages for each in page["StackSummaries"]]
        return sorted(deleted, key=lambda each: each["DeletionTime"], reverse=True)

    def last_whole(self, name: str) -> dict[str, Any] | None:
        """Return the stack of that name which was deleted last, but for those whose first deployment failed."""
        return next((each for each in self._newest_first if each["StackName"] == name and _was_whole(each)), None)


def _was_whole(stack: Mapping[str, Any]) -> bool:
    events = client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack["StackId"])
    return not any(
        event["ResourceStatus"] in NEVER_WHOLE and event["PhysicalResourceId"] == stack["StackId"]
        for page in events
        for event in page["StackEvents"]
    )


def _adoption(stack: DeclaredStack, last: Mapping[str, Any], retained: Mapping[str, tuple[str, str]]) -> Adoption:
    now, before = stack.body["Resources"], _template(last["StackId"])["Resources"]
    fits = {name: each for name, each in retained.items() if now.get(name, {}).get("Type") == each[0]}
    by_type = _identifiers(stack, {name: before[name] for name in fits})
    kept = [
        Kept(name, kind, physical_id, before[name], {by_type[kind]: physical_id} if kind in by_type else {})
        for name, (kind, physical_id) in fits.items()
        # A custom resource is what its function made: the deployment asks it again.
        if not kind.startswith(("Custom::", "AWS::CloudFormation::CustomResource"))
    ]
    left = [f"{name} ({kind} {physical_id})" for name, (kind, physical_id) in retained.items() if name not in fits]
    return Adoption(stack, last["DeletionTime"].isoformat(), tuple(kept), tuple(left))


def _identifiers(stack: DeclaredStack, resources: Mapping[str, Any]) -> dict[str, str]:
    """Return the property by which CloudFormation tells each type that it imports."""
    if not resources:
        return {}
    template = Published().template(json.dumps({"Resources": resources}, separators=(",", ":")), stack)
    told = client("cloudformation").get_template_summary(**template)
    return {
        each["ResourceType"]: each["ResourceIdentifiers"][0]
        for each in told.get("ResourceIdentifierSummaries", ())
        if len(each["ResourceIdentifiers"]) == 1
    }


def _alone(adoption: Adoption) -> dict[str, Any]:
    """Return the resources that are taken up as they were declared, without what they did not need to exist."""
    kept = {each.logical_id for each in adoption.kept}
    alone = {}
    for each in adoption.kept:
        why = "is of a type that CloudFormation does not import" if not each.identifier else ""
        if more := sorted(_mentioned(each.body.get("Properties", {})) - kept):
            why = f"refers to {more[0]}, which nothing is left of"
        if why:
            raise CommandError(
                f"{adoption.stack.name}/{each.logical_id} ({each.type} {each.physical_id}) {why}: nothing takes it up.",
                safe="nothing was changed.",
                next_step=f"leave it out: `sluice adopt --without {each.logical_id}`. The deployment makes another; "
                "it is refused where that would have the same given name, as databases and streams have.",
                value=each.logical_id,
            )
        alone[each.logical_id] = {key: value for key, value in each.body.items() if key != "DependsOn"}
    return alone


def _mentioned(value: Any) -> set[str]:
    """Return the logical ids that ``Ref``, ``Fn::GetAtt`` and ``Fn::Sub`` name anywhere in ``value``."""
    if isinstance(value, list):
        return set().union(*map(_mentioned, value))
    if not isinstance(value, dict):
        return set()
    names = set()
    for key, inner in value.items():
        if key == "Ref" and not str(inner).startswith("AWS::"):
            names.add(str(inner))
        elif key == "Fn::GetAtt":
            names.add(inner[0] if isinstance(inner, list) else str(inner).partition(".")[0])
        elif key == "Fn::Sub":
            text, own = (inner[0], inner[1]) if isinstance(inner, list) else (inner, {})
            names |= {name for name in _PLACES.findall(str(text)) if name not in own} | _mentioned(own)
        else:
            names |= _mentioned(inner)
    return names


def _make_room(name: str) -> None:
    """Delete the rest of a first deployment that was rolled back: it has nothing, and its name is needed."""
    if _status(name) != _ROLLED_BACK:
        return
    try:
        client("cloudformation").delete_stack(StackName=name)
    except ClientError as error:
        if "TerminationProtection" not in str(error):
            raise
        raise CommandError(
            f"{name} is the rest of a deployment that was rolled back, and is protected from being deleted.",
            safe=_SAFE,
            next_step="`aws cloudformation update-termination-protection --no-enable-termination-protection "
            f"--stack-name {name}`, then `sluice adopt` again.",
            value=name,
        ) from error
    client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def _stands(name: str) -> bool:
    """Return whether the stack has what it is made of; ``CommandError`` for one that came to no good end."""
    status = _status(name)
    if status in {None, _ROLLED_BACK}:
        return False
    if status in _PERHAPS_EMPTY:
        return bool(client("cloudformation").list_stack_resources(StackName=name)["StackResourceSummaries"])
    if status in {"DELETE_FAILED", "ROLLBACK_FAILED", "IMPORT_ROLLBACK_FAILED"}:
        raise CommandError(
            f"The stack {name} is {status}: it is neither whole nor away.",
            safe="nothing was changed.",
            next_step=f"see why: `aws cloudformation describe-stack-events --stack-name {name}`; delete it again, then "
            "`sluice adopt`.",
            value=name,
        )
    return True


def _status(name: str) -> str | None:
    """Return the status of the stack; None where there is none."""
    try:
        return str(client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _template(stack_id: str) -> dict[str, Any]:
    body = client("cloudformation").get_template(StackName=stack_id, TemplateStage="Original")["TemplateBody"]
    return body if isinstance(body, dict) else dict(json.loads(body))


def _retained(stack_id: str) -> dict[str, tuple[str, str]]:
    """Return type and physical id of what a deleted stack retained, by logical id."""
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack_id)
    return {
        each["LogicalResourceId"]: (each["ResourceType"], each["PhysicalResourceId"])
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceStatus"] == "DELETE_SKIPPED"
    }


@contextmanager
def _told(environment: str) -> Iterator[None]:
    """Turn an error of AWS into one with a next step."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        kind = CommandError if isinstance(error, WaiterError) else refused_by_aws(error)
        raise kind(
            f"What is left of {environment} could not be taken up: {error}",
            safe=_SAFE,
            next_step="`sluice adopt` again, once it is mended; `aws sts get-caller-identity` says whose credentials "
            "these are.",
            value=environment,
        ) from error
