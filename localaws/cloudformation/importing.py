"""What an import operation takes up into a stack: resources that exist already.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from localaws.cloudformation.errors import DeployError, TemplateError
from localaws.cloudformation.plan import read_template
from localaws.cloudformation.providers import provider_for
from localaws.cloudformation.stacks import Stack


def identifiers(template: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return GetTemplateSummary's ResourceIdentifierSummaries: by which property each type is identified, if one is."""
    by_type: dict[str, list[str]] = {}
    for name, body in template["Resources"].items():
        by_type.setdefault(str(body.get("Type")), []).append(name)
    return [
        {"ResourceType": kind, "LogicalResourceIds": names, "ResourceIdentifiers": [identifier]}
        for kind, names in sorted(by_type.items())
        if (identifier := _identifier(kind))
    ]


def imports_of(stack: Stack, text: str, given: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the physical ids of ``ResourcesToImport`` by logical id.

    Raises TemplateError where the template would do more than import, or does not say what becomes of an imported
    resource when the stack is deleted.
    """
    old = read_template(stack.text, stack=stack.name) if stack.text else {"Resources": {}}
    new = read_template(text, stack=stack.name)
    imports = {each["LogicalResourceId"]: _physical_id(stack, new, each) for each in given}
    if not imports:
        raise TemplateError("You must specify ResourcesToImport for an import operation")
    more = [name for name in new["Resources"] if name not in old["Resources"] and name not in imports]
    changed = [name for name, body in old["Resources"].items() if new["Resources"].get(name) != body]
    outputs = [name for name, body in new.get("Outputs", {}).items() if old.get("Outputs", {}).get(name) != body]
    if found := [*more, *changed, *outputs]:
        raise TemplateError(f"As part of the import operation, you cannot modify or add {sorted(found)}")
    if again := sorted(set(imports) & set(old["Resources"])):
        raise TemplateError(f"Resources {again} passed in ResourceToImport are already in the stack {stack.name}")
    if silent := sorted(name for name in imports if "DeletionPolicy" not in new["Resources"][name]):
        raise TemplateError(f"Resources {silent} is missing DeletionPolicy attribute in the template")
    return imports


def _physical_id(stack: Stack, template: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    name, kind = str(given["LogicalResourceId"]), str(given["ResourceType"])
    declared = template["Resources"].get(name)
    if declared is None or declared.get("Type") != kind:
        raise TemplateError(f"Resources [{name}] of type {kind} to import are not in the template of {stack.name}")
    identifier = _identifier(kind)
    if identifier is None:
        raise TemplateError(f"ResourceTypes [{kind}] are not supported for Import by localaws")
    named = given["ResourceIdentifier"]
    if set(named) != {identifier}:
        raise TemplateError(f"{name} ({kind}) is identified by {identifier}, not by {sorted(named)}")
    physical_id = str(named[identifier])
    declared_name = (declared.get("Properties") or {}).get(identifier)
    if isinstance(declared_name, str) and declared_name != physical_id:
        raise TemplateError(f"{name} ({kind}) has the {identifier} {declared_name} in the template, not {physical_id}")
    return physical_id


def _identifier(kind: str) -> str | None:
    try:
        return provider_for(kind, at="import").identifier
    except DeployError:  # a type that is not known: the check of the template says so
        return None
