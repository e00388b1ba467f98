"""What a template would change of a stack, as a change set lists it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from localaws.cloudformation.errors import DeployError, TemplateError
from localaws.cloudformation.plan import read_template
from localaws.cloudformation.providers import provider_for
from localaws.cloudformation.stacks import RETAIN, Stack

#: What is read by a template and may have another value: a parameter's name, or a stack and its output.
Reference = str | tuple[str, str]


def changes_of(
    stack: Stack, text: str, altered: Collection[Reference] = (), imports: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return the changes from the stack's template to the one in ``text``; an empty list for no template.

    The templates are compared as they are written: a property whose value another resource gives is not looked at. A
    resource that names one of ``altered``, whose values are others now, may be replaced: Conditional.
    ``imports`` has the physical ids of those that are taken up, by logical id.
    """
    try:
        old = read_template(stack.text, stack=stack.name)["Resources"] if stack.text else {}
        new = read_template(text, stack=stack.name)["Resources"]
    except TemplateError:
        return []
    taken = imports or {}
    changes = [_change("Add", name, new[name]) for name in new if name not in old and name not in taken]
    changes += [_change("Import", name, new[name], PhysicalResourceId=taken[name]) for name in new if name in taken]
    changes += [_modified(name, old[name], new[name]) for name in new if name in old and new[name] != old[name]]
    same = [name for name in new if name in old and new[name] == old[name] and _mentions(new[name], altered)]
    changes += [_referring(name, new[name], altered) for name in same]
    return changes + [
        _change(
            "Remove", name, old[name], PolicyAction="Retain" if _retained(old[name], "DeletionPolicy") else "Delete"
        )
        for name in old
        if name not in new
    ]


def _modified(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    details = _details(name, old, new)
    if not _replaces(name, old, new):
        return _change("Modify", name, new, details, Replacement="False")
    kept = _retained(new, "UpdateReplacePolicy")
    policy = "ReplaceAndRetain" if kept else "ReplaceAndDelete"
    return _change("Modify", name, new, details, Replacement="True", PolicyAction=policy)


def _referring(name: str, body: Mapping[str, Any], altered: Collection[Reference]) -> dict[str, Any]:
    """Return the change of a resource whose own text stays, but which refers to what is altered."""
    named = [key for key, value in (body.get("Properties") or {}).items() if _mentions(value, altered)]
    details = [_detail("Properties", key, "Conditionally", source="ParameterReference") for key in named]
    return _change("Modify", name, body, details, Replacement="Conditional")


def _details(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each property and each other part that changes, with whether it alone needs another resource.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
    """
    before, now = old.get("Properties") or {}, new.get("Properties") or {}
    found = []
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            alone = {"Type": new.get("Type"), "Properties": {**before, key: now.get(key)}}
            found.append(_detail("Properties", key, "Always" if _replaces(name, old, alone) else "Never"))
    parts = [key for key in sorted({*old, *new} & _PARTS) if old.get(key) != new.get(key)]
    return found + [_detail(key, None, "Never") for key in parts]


#: What of a resource may change beside its properties, and is known by its own name.
_PARTS = frozenset({"Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy"})


def _detail(attribute: str, name: str | None, recreates: str, *, source: str = "DirectModification") -> dict[str, Any]:
    target = {"Attribute": attribute, "Name": name, "RequiresRecreation": recreates}
    if attribute == "Properties":
        target["Path"] = f"/Properties/{name}"
    given = {key: value for key, value in target.items() if value is not None}
    return {"Target": given, "Evaluation": "Static", "ChangeSource": source}


def _replaces(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    before, now = old.get("Properties") or {}, new.get("Properties") or {}
    try:
        return before != now and provider_for(str(new.get("Type")), at=name).replaces(before, now)
    except DeployError:  # a type that is not known: the check of the template says so
        return False


def _mentions(value: Any, altered: Collection[Reference]) -> bool:
    """Return whether a reference to one of ``altered`` stands anywhere in ``value``."""
    if isinstance(value, list):
        return any(_mentions(each, altered) for each in value)
    if isinstance(value, Mapping):
        return any(_refers(key, inner, altered) for key, inner in value.items()) or any(
            _mentions(inner, altered) for inner in value.values()
        )
    return isinstance(value, str) and any(f"${{{name}}}" in value for name in altered)


def _refers(function: str, given: Any, altered: Collection[Reference]) -> bool:
    if function == "Fn::GetStackOutput" and isinstance(given, Mapping):
        return any(each == (given.get("StackName"), given.get("OutputName")) for each in altered)
    return function == "Ref" and given in altered


def _retained(body: Mapping[str, Any], policy: str) -> bool:
    return body.get(policy) in RETAIN


def _change(
    action: str, name: str, body: Mapping[str, Any], details: Sequence[Mapping[str, Any]] = (), **more: str
) -> dict[str, Any]:
    about: dict[str, Any] = {
        "LogicalResourceId": name,
        "ResourceType": body.get("Type"),
        "Scope": sorted({each["Target"]["Attribute"] for each in details}),
        "Details": list(details),
    }
    return {"Action": action, **about, **more}
