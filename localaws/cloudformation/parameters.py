"""A template's parameters: what they come to, and what was given for them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localaws.cloudformation.errors import TemplateError, UnknownIntrinsic, UnresolvedReference
from localaws.cloudformation.template import scalar_text


def parameter_values(
    declared: Mapping[str, Any], given: Mapping[str, str], *, stack: str, ssm: Callable[[str], str]
) -> dict[str, Any]:
    """Return the value of every declared parameter; ``ssm`` reads a Parameter Store value by its name."""
    for name in given:
        if name not in declared:
            raise UnresolvedReference(f"{stack}: the template declares no parameter {name!r}")
    return {name: _parameter(name, spec, given, stack, ssm) for name, spec in declared.items()}


@dataclass(frozen=True)
class GivenParameter:
    """A parameter's value as it was given; ``resolved`` is what Parameter Store holds under it, if it is read there.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
    """

    value: str
    resolved: str | None = None
    secret: bool = False

    def described(self, key: str) -> dict[str, str]:
        """Return it as the API describes a parameter: a secret one masked."""
        shown = {"ParameterKey": key, "ParameterValue": "****" if self.secret else self.value}
        return shown if self.resolved is None else {**shown, "ResolvedValue": self.resolved}


def given_parameters(
    declared: Mapping[str, Any], given: Mapping[str, str], values: Mapping[str, Any]
) -> dict[str, GivenParameter]:
    """Return every declared parameter as it was given, or by default; ``values`` are what they come to."""
    found = {}
    for name, spec in declared.items():
        stored = str(spec.get("Type", "")).startswith("AWS::SSM::Parameter::Value<")
        value = values[name]
        resolved = (",".join(value) if isinstance(value, list) else str(value)) if stored else None
        secret = str(spec.get("NoEcho", "")).lower() == "true"
        found[name] = GivenParameter(scalar_text(given.get(name, spec.get("Default"))), resolved, secret)
    return found


def _parameter(name: str, spec: Mapping[str, Any], given: Mapping[str, str], stack: str, ssm: Any) -> Any:
    kind = spec.get("Type", "String")
    if name not in given and "Default" not in spec:
        raise UnresolvedReference(f"{stack}: the parameter {name} ({kind}) has neither a value nor a default")
    value = scalar_text(given.get(name, spec.get("Default")))
    allowed = [scalar_text(each) for each in spec.get("AllowedValues", [])]
    if allowed and value not in allowed:
        raise TemplateError(f"{stack}: the parameter {name} is {value!r}; allowed: {', '.join(allowed)}")
    if kind.startswith("AWS::SSM::Parameter::Value<"):
        stored = ssm(value)
        return stored.split(",") if "<List<" in kind or "<CommaDelimitedList" in kind else stored
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [item.strip() for item in value.split(",")] if value else []
    if kind in ("String", "Number", "AWS::SSM::Parameter::Name"):
        return value
    raise UnknownIntrinsic(f"{stack}: the parameter {name} has the type {kind}, which localaws does not read")
