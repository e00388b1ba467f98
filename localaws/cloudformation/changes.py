"""What a template would change of a stack, as a change set lists it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.cloudformation.errors import DeployError, TemplateError
from localaws.cloudformation.plan import read_template
from localaws.cloudformation.providers import provider_for
from localaws.cloudformation.stacks import RETAIN, Stack


def changes_of(stack: Stack, text: str) -> list[dict[str, Any]]:
    """Return the changes from the stack's template to the one in ``text``; an empty list for no template.

    The templates are compared as they are written: a property whose value another resource gives is not looked at.
    """
    try:
        old = read_template(stack.text, stack=stack.name)["Resources"] if stack.text else {}
        new = read_template(text, stack=stack.name)["Resources"]
    except TemplateError:
        return []
    changes = [_change("Add", name, new[name]) for name in new if name not in old]
    changes += [_modified(name, old[name], new[name]) for name in new if name in old and new[name] != old[name]]
    return changes + [
        _change(
            "Remove", name, old[name], PolicyAction="Retain" if _retained(old[name], "DeletionPolicy") else "Delete"
        )
        for name in old
        if name not in new
    ]


def _modified(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    if not _replaces(name, old, new):
        return _change("Modify", name, new, Replacement="False")
    kept = _retained(new, "UpdateReplacePolicy")
    policy = "ReplaceAndRetain" if kept else "ReplaceAndDelete"
    return _change("Modify", name, new, Replacement="True", PolicyAction=policy)


def _replaces(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    before, now = old.get("Properties") or {}, new.get("Properties") or {}
    try:
        return before != now and provider_for(str(new.get("Type")), at=name).replaces(before, now)
    except DeployError:  # a type that is not known: the check of the template says so
        return False


def _retained(body: Mapping[str, Any], policy: str) -> bool:
    return body.get(policy) in RETAIN


def _change(action: str, name: str, body: Mapping[str, Any], **more: str) -> dict[str, Any]:
    about: dict[str, Any] = {"LogicalResourceId": name, "ResourceType": body.get("Type"), "Scope": [], "Details": []}
    return {"Action": action, **about, **more}
