"""Takes up what a deleted deployment left: its stacks are made again around the resources that they retained.

CloudFormation imports resources into a stack by change sets that do nothing else, so a stack is first made of what is
kept, and everything else comes with the deployment after it.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from sluice.cli.assembly import synthesize
from sluice.cli.cloud_assembly import DeclaredStack, declared_stacks
from sluice.cli.deployment import client
from sluice.environments import read_environments
from sluice.errors import CommandError, WrongArgument
from sluice.folders import needed_project

#: Statuses of a stack that has nothing, and that an import may begin with or that is deleted before.
_EMPTY: Final = frozenset({"REVIEW_IN_PROGRESS", "IMPORT_ROLLBACK_COMPLETE"})
_ROLLED_BACK: Final = "ROLLBACK_COMPLETE"
#: Statuses that a stack had when it was whole once: what it retained has been in use.
_WHOLE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_POLL_SECONDS = 0.2
#: The logical id of each ``${Name}`` and ``${Name.Attribute}`` of a ``Fn::Sub``; pseudo parameters have colons.
_PLACES: Final = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}")
_SAFE: Final = "what is kept is as it was; stacks that were taken up before stay."


@dataclass(frozen=True)
class Kept:
    """One resource that outlived its stack; ``identifier`` tells it apart, as ``{"BucketName": "…"}``."""

    logical_id: str
    type: str
    identifier: Mapping[str, str]


@dataclass(frozen=True)
class Adoption:
    """What one stack takes up. ``deleted`` is when its predecessor was deleted, ``left`` what else it retained, which
    stays as it is: not declared any more, or of a type that is not imported; as ``logical id (type physical id)``.
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
    """Return the stacks as they are declared now, and let the shell's calls go to the environment's region."""
    stacks = declared_stacks(synthesize(contracts, environment))
    region = read_environments(needed_project(contracts).environments)[environment].region
    os.environ.update(AWS_REGION=region, AWS_DEFAULT_REGION=region)
    return stacks


def found(stacks: Iterable[DeclaredStack], *, without: Iterable[str] = ()) -> list[Adoption]:
    """Return what is left of each stack that is declared and not deployed; nothing is changed.

    ``without`` has logical ids that are left out. Raise ``WrongArgument`` for one that nothing is left under.
    """
    left_out, used = frozenset(without), set()
    adoptions = []
    for stack in stacks:
        if _status(stack.name) not in {None, _ROLLED_BACK, *_EMPTY}:
            continue
        if (last := _last_whole(stack.name)) is None:
            continue
        retained = list(_retained(last["StackId"]))
        used |= {name for name, _, _ in retained} & left_out
        wanted = [each for each in retained if each[0] not in left_out]
        declared = stack.body["Resources"]
        fits = [each for each in wanted if declared.get(each[0], {}).get("Type") == each[1]]
        kept = tuple(_identified(stack, fits))
        taken = {each.logical_id for each in kept}
        # A custom resource is what its function made: the deployment asks it again.
        others = tuple(
            f"{name} ({kind} {physical_id})"
            for name, kind, physical_id in wanted
            if name not in taken and not kind.startswith("Custom::")
        )
        if kept:
            adoptions.append(Adoption(stack, last["DeletionTime"].isoformat(), kept, others))
    if unknown := sorted(left_out - used):
        raise WrongArgument(
            f"Nothing is left under the logical id {unknown[0][:80]!r}.",
            next_step="`sluice adopt --dry-run` shows what is.",
            value=unknown[0],
        )
    return adoptions


def predecessor_template(name: str) -> dict[str, Any] | None:
    """Return the template of the deleted stack that the stack ``name`` was taken up from; None where AWS knows none."""
    if (last := _last_whole(name)) is None:
        return None
    body = client("cloudformation").get_template(StackName=last["StackId"], TemplateStage="Original")["TemplateBody"]
    return body if isinstance(body, dict) else dict(json.loads(body))


def take_up(adoption: Adoption, note: Callable[[str], None]) -> None:
    """Make the stack of what is kept, and wait for its end.

    Raise ``CommandError`` with CloudFormation's reason where it was refused or rolled back: what is kept stays.
    """
    stack = adoption.stack
    _make_room(stack.name)
    body = json.dumps({"Resources": _alone(adoption)}, separators=(",", ":"))
    change_set = client("cloudformation").create_change_set(
        StackName=stack.name,
        ChangeSetName=f"sluice-{uuid.uuid4().hex[:12]}",
        ChangeSetType="IMPORT",
        TemplateBody=body,
        Tags=[{"Key": key, "Value": value} for key, value in stack.tags.items()],
        ResourcesToImport=[
            {
                "ResourceType": each.type,
                "LogicalResourceId": each.logical_id,
                "ResourceIdentifier": dict(each.identifier),
            }
            for each in adoption.kept
        ],
    )["Id"]
    said = _ended(
        lambda: client("cloudformation").describe_change_set(StackName=stack.name, ChangeSetName=change_set), "Status"
    )
    if said["Status"] == "FAILED":
        raise _refused(stack.name, said.get("StatusReason", "no reason given"))
    client("cloudformation").execute_change_set(StackName=stack.name, ChangeSetName=change_set)
    done = _ended(lambda: _described(stack.name), "StackStatus")
    if done["StackStatus"] != "IMPORT_COMPLETE":
        raise _refused(stack.name, done.get("StackStatusReason") or done["StackStatus"])
    note(f"{stack.name}: {len(adoption.kept)} resources are taken up")


def _alone(adoption: Adoption) -> dict[str, Any]:
    """Return the declared resources that are taken up, without what the others of the stack are needed for."""
    kept = {each.logical_id for each in adoption.kept}
    alone = {}
    for name in sorted(kept):
        body = dict(adoption.stack.body["Resources"][name])
        if more := sorted(_mentioned(body.get("Properties", {})) - kept):
            raise CommandError(
                f"{adoption.stack.name}/{name} refers to {more[0]}, which nothing is left of: it cannot be taken up.",
                safe=_SAFE,
                next_step=f"leave it out: `sluice adopt --without {name}`; the deployment then makes another.",
                value=name,
            )
        body.pop("DependsOn", None)
        alone[name] = body
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
        client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    except ClientError as error:
        raise CommandError(
            f"{name} is the rest of a deployment that was rolled back, and cannot be deleted: {error}",
            safe=_SAFE,
            next_step=f"`aws cloudformation update-termination-protection --no-enable-termination-protection "
            f"--stack-name {name}`, then `sluice adopt` again.",
            value=name,
        ) from error


def _status(name: str) -> str | None:
    """Return the status of the stack; None where there is none."""
    try:
        return str(_described(name)["StackStatus"])
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _described(name: str) -> dict[str, Any]:
    found: dict[str, Any] = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return found


def _last_whole(name: str) -> dict[str, Any] | None:
    """Return the stack of that name which was deleted last, of those that were whole once: AWS knows it for 90 days."""
    pages = client("cloudformation").get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    deleted = [each for page in pages for each in page["StackSummaries"] if each["StackName"] == name]
    newest_first = sorted(deleted, key=lambda each: each["DeletionTime"], reverse=True)
    return next((each for each in newest_first if _was_whole(each)), None)


def _was_whole(stack: Mapping[str, Any]) -> bool:
    events = client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack["StackId"])
    return any(
        event["ResourceStatus"] in _WHOLE and event["PhysicalResourceId"] == stack["StackId"]
        for page in events
        for event in page["StackEvents"]
    )


def _retained(stack_id: str) -> Iterator[tuple[str, str, str]]:
    """Yield logical id, type and physical id of what a deleted stack retained."""
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack_id)
    for each in (each for page in pages for each in page["StackResourceSummaries"]):
        if each["ResourceStatus"] == "DELETE_SKIPPED":
            yield each["LogicalResourceId"], each["ResourceType"], each["PhysicalResourceId"]


def _identified(stack: DeclaredStack, fits: Iterable[tuple[str, str, str]]) -> Iterator[Kept]:
    """Yield each with the property that CloudFormation tells its type by; types that it does not import are left."""
    body = {name: stack.body["Resources"][name] for name, _, _ in fits}
    if not body:
        return
    told = client("cloudformation").get_template_summary(TemplateBody=json.dumps({"Resources": body}))
    by_type = {each["ResourceType"]: each["ResourceIdentifiers"] for each in told["ResourceIdentifierSummaries"]}
    for name, kind, physical_id in fits:
        if len(properties := by_type.get(kind, ())) == 1:
            yield Kept(name, kind, {properties[0]: physical_id})


def _ended(ask: Callable[[], dict[str, Any]], status: str) -> dict[str, Any]:
    while True:
        said = ask()
        if not said[status].endswith(("_IN_PROGRESS", "_PENDING")):
            return said
        time.sleep(_POLL_SECONDS)


def _refused(name: str, reason: str) -> CommandError:
    return CommandError(
        f"{name} cannot take up what is left: {reason}",
        safe=_SAFE,
        next_step="where one is gone, leave it out: `sluice adopt --without LOGICAL_ID`; the deployment makes another.",
        value=name,
    )
