"""Reads a template into a plan: checked resources in the order of their creation. Creates nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from localaws.cloudformation.errors import TemplateError, UnknownIntrinsic, UnknownProperty, UnresolvedReference
from localaws.cloudformation.parameters import GivenParameter, given_parameters, parameter_values
from localaws.cloudformation.providers import provider_for
from localaws.cloudformation.providers.provider import Provider
from localaws.cloudformation.template import (
    PENDING,
    Scope,
    check_rules,
    check_sections,
    condition,
    in_order,
    resolve,
)
from localaws.cloudformation.yaml_templates import read_yaml

_RESOURCE_KEYS = frozenset(
    {
        "Type",
        "Properties",
        "DependsOn",
        "Condition",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "Metadata",
        "Description",
    }
)
_POLICIES = frozenset({"Delete", "Retain", "RetainExceptOnCreate"})


@dataclass(frozen=True)
class Planned:
    """One checked resource of a template; its properties are not resolved yet."""

    logical_id: str
    type: str
    provider: Provider
    properties: Mapping[str, Any]
    deletion_policy: str
    replace_policy: str
    depends_on: frozenset[str]
    #: What this machine lacks that it may need.
    lacking: str | None

    @property
    def at(self) -> str:
        """Return the place of its properties in the template, for errors."""
        return f"{self.logical_id}.Properties"


@dataclass(frozen=True)
class StackPlan:
    """A whole checked template; ``order`` lists its resources, each after those that it depends on."""

    text: str
    template: Mapping[str, Any]
    scope: Scope
    resources: Mapping[str, Planned]
    order: tuple[str, ...]
    parameters: Mapping[str, GivenParameter]


def read_template(text: str, *, stack: str) -> dict[str, Any]:
    """Return the template in ``text`` (JSON or YAML)."""
    try:
        template = json.loads(text) if text.lstrip().startswith("{") else read_yaml(text)
    except (ValueError, yaml.YAMLError) as error:
        raise TemplateError(f"{stack}: the template is neither JSON nor YAML: {error}") from None
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise TemplateError(f"{stack}: the template has no Resources section")
    return template


def plan_stack(text: str, scope: Scope, *, parameters: Mapping[str, str], ssm: Callable[[str], str]) -> StackPlan:
    """Return the plan of a template: its resources, checked and in order.

    ``scope`` has the stack's name, id, account and region. Raises TemplateError, UnknownResourceType or
    UnknownProperty, naming stack, resource and property path; nothing is created.
    """
    template = read_template(text, stack=scope.stack)
    check_sections(template, stack=scope.stack)
    values = parameter_values(template.get("Parameters", {}), parameters, stack=scope.stack, ssm=ssm)
    scope = replace(
        scope,
        parameters=values,
        mappings=template.get("Mappings", {}),
        conditions=template.get("Conditions", {}),
    )
    check_rules(template.get("Rules", {}), scope)
    chosen = {
        name: body
        for name, body in template["Resources"].items()
        if "Condition" not in body or condition(body["Condition"], scope, at=name)
    }
    declared = frozenset(template["Resources"])
    resources = {name: _planned(name, body, chosen, declared, scope) for name, body in chosen.items()}
    order = in_order({name: planned.depends_on for name, planned in resources.items()}, stack=scope.stack)
    given = given_parameters(template.get("Parameters", {}), parameters, values)
    plan = StackPlan(text, template, scope, resources, tuple(order), given)
    outputs_of(plan, _watching(scope, chosen, set()))
    return plan


def outputs_of(plan: StackPlan, scope: Scope) -> dict[str, dict[str, Any]]:
    """Return the resolved outputs whose condition holds, each with Value, and Export and Description if declared."""
    return {
        name: resolve({k: v for k, v in body.items() if k != "Condition"}, scope, at=f"Outputs.{name}")
        for name, body in plan.template.get("Outputs", {}).items()
        if "Condition" not in body or condition(body["Condition"], scope, at=f"Outputs.{name}")
    }


def _planned(
    name: str, body: Mapping[str, Any], chosen: Mapping[str, Any], declared: frozenset[str], scope: Scope
) -> Planned:
    here = f"{scope.stack}/{name}"
    kind = body.get("Type")
    if not isinstance(kind, str):
        raise TemplateError(f"{here}: the resource has no Type")
    provider = provider_for(kind, at=here)
    for key in body:
        if key not in _RESOURCE_KEYS:
            raise UnknownIntrinsic(f"{here} ({kind}): the resource attribute {key} is not evaluated locally")
    policies = [body.get(key, "Delete") for key in ("DeletionPolicy", "UpdateReplacePolicy")]
    for policy in policies:
        if policy not in _POLICIES:
            raise UnknownProperty(f"{here} ({kind}): the policy {policy!r} is not known; known: {sorted(_POLICIES)}")
    explicit = body.get("DependsOn", [])
    explicit = [explicit] if isinstance(explicit, str) else explicit
    for other in explicit:
        if other not in declared:
            raise UnresolvedReference(f"{here}.DependsOn: the template declares no resource {other!r}")
    needs = {other for other in explicit if other in chosen}
    properties = body.get("Properties") or {}
    known = resolve(properties, _watching(scope, chosen, needs), at=f"{name}.Properties")
    provider.check(known, stack=scope.stack, logical_id=name)
    lacking = provider.lacking(known) if provider.lacking else None
    return Planned(name, kind, provider, properties, policies[0], policies[1], frozenset(needs), lacking)


def _watching(scope: Scope, chosen: Mapping[str, Any], seen: set[str]) -> Scope:
    """Return ``scope`` with every resource pending; each resource that is asked for is added to ``seen``."""

    def ref(logical_id: str) -> Any:
        if logical_id not in chosen:
            raise UnresolvedReference(f"the template declares no resource or parameter {logical_id!r}")
        seen.add(logical_id)
        return PENDING

    def get_att(logical_id: str, attribute: str) -> Any:
        ref(logical_id)
        provider = provider_for(chosen[logical_id].get("Type", ""), at=f"{scope.stack}/{logical_id}")
        if provider.attributes is not None and attribute not in provider.attributes:
            raise UnresolvedReference(
                f"{logical_id} ({provider.type}) has no attribute {attribute!r}; known: {sorted(provider.attributes)}"
            )
        return PENDING

    return replace(
        scope, ref=ref, get_att=get_att, import_value=lambda name: PENDING, stack_output=lambda stack, output: PENDING
    )
