"""Evaluates CloudFormation templates: intrinsic functions, parameters, conditions and the order of resources."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from localaws.cloudformation.errors import DependencyCycle, TemplateError, UnknownIntrinsic, UnresolvedReference


class _Pending:
    """A value that exists only once another resource does."""

    def __repr__(self) -> str:
        return "PENDING"


class _NoValue:
    """``AWS::NoValue``: the property that holds it is left out."""

    def __repr__(self) -> str:
        return "NO_VALUE"


PENDING: Final = _Pending()
NO_VALUE: Final = _NoValue()

_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
    }
)
_SUB = re.compile(r"\$\{(!?)([^}]+)\}")
_PSEUDO_ZONES = "abc"


def _refuse_ref(logical_id: str) -> Any:
    raise UnresolvedReference(f"{logical_id} is not a parameter or pseudo parameter")


def _refuse_pair(first: str, second: str) -> Any:
    raise UnresolvedReference(f"{first}.{second} cannot be used here")


@dataclass(frozen=True)
class Scope:
    """Resolves the names in the values of one stack.

    ``ref`` and ``get_att`` resolve resources (and may return :data:`PENDING`), ``import_value`` exports,
    ``stack_output`` ``Fn::GetStackOutput``.
    """

    stack: str
    stack_id: str
    account: str
    region: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    ref: Callable[[str], Any] = _refuse_ref
    get_att: Callable[[str, str], Any] = _refuse_pair
    import_value: Callable[[str], Any] = _refuse_ref
    stack_output: Callable[[str, str], Any] = _refuse_pair
    #: Gives a text that was put together its local form, where it is the address of something that is here.
    reached: Callable[[str], str] = str

    def pseudo(self) -> dict[str, Any]:
        """Return the pseudo parameters by name."""
        return {
            "AWS::AccountId": self.account,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.stack,
            "AWS::URLSuffix": "amazonaws.com",
        }


def resolve(value: Any, scope: Scope, *, at: str) -> Any:
    """Return ``value`` with every intrinsic function replaced by its value.

    ``at`` is the place of ``value`` in the template (``Queue.Properties.Tags``), for errors. The result is, or holds,
    :data:`PENDING` where ``scope`` does not know a resource yet.
    """
    if isinstance(value, str):
        if "{{resolve:" in value:
            raise UnknownIntrinsic(
                f"{scope.stack}/{at}: the dynamic reference {value!r} is not evaluated locally. "
                "Read the value when the code runs, or pass it as a parameter."
            )
        return value
    if isinstance(value, list):
        return [r for i, v in enumerate(value) if (r := resolve(v, scope, at=f"{at}[{i}]")) is not NO_VALUE]
    if not isinstance(value, dict):
        return value
    if name := intrinsic(value):
        function = _FUNCTIONS.get(name)
        if function is None:
            raise UnknownIntrinsic(
                f"{scope.stack}/{at}: {name} is not a function that localaws evaluates "
                f"(known: {', '.join(sorted(_FUNCTIONS))}). Nothing was created."
            )
        return function(value[name], scope, f"{at}.{name}")
    return {k: r for k, v in value.items() if (r := resolve(v, scope, at=f"{at}.{k}")) is not NO_VALUE}


def intrinsic(value: Any) -> str | None:
    """Return the name of the intrinsic function that ``value`` calls, or None if it is plain data."""
    if isinstance(value, dict) and len(value) == 1:
        name = next(iter(value))
        if isinstance(name, str) and (name == "Ref" or name.startswith("Fn::")):
            return name
    return None


def holds_pending(value: Any) -> bool:
    """Return whether ``value`` is, or holds anywhere, a value that is not known yet."""
    if isinstance(value, dict):
        return any(map(holds_pending, value.values()))
    if isinstance(value, list):
        return any(map(holds_pending, value))
    return value is PENDING


def scalar_text(value: object) -> str:
    """Return a scalar as the text that CloudFormation takes it for: YAML's and JSON's booleans in small letters."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(value: Any, scope: Scope, at: str) -> str:
    if isinstance(value, str | int | float):
        return scalar_text(value)
    raise TemplateError(f"{scope.stack}/{at}: expected text, got {value!r}")


def _arguments(value: Any, count: int, scope: Scope, at: str) -> list[Any]:
    if not isinstance(value, list) or len(value) != count:
        raise TemplateError(f"{scope.stack}/{at}: takes a list of {count}, got {value!r}")
    return value


def _ref(value: Any, scope: Scope, at: str) -> Any:
    if not isinstance(value, str):
        raise TemplateError(f"{scope.stack}/{at}: Ref takes a name, got {value!r}")
    pseudo = scope.pseudo()
    if value in pseudo:
        return pseudo[value]
    if value in scope.parameters:
        return scope.parameters[value]
    if value.startswith("AWS::"):
        raise UnknownIntrinsic(f"{scope.stack}/{at}: {value} is not a pseudo parameter that localaws knows")
    try:
        return scope.ref(value)
    except UnresolvedReference as error:
        raise UnresolvedReference(f"{scope.stack}/{at}: {error}") from None


def _get_att(value: Any, scope: Scope, at: str) -> Any:
    logical_id, attribute = value.split(".", 1) if isinstance(value, str) else _arguments(value, 2, scope, at)
    attribute = resolve(attribute, scope, at=at)
    try:
        return scope.get_att(logical_id, attribute)
    except UnresolvedReference as error:
        raise UnresolvedReference(f"{scope.stack}/{at}: {error}") from None


def _sub(value: Any, scope: Scope, at: str) -> Any:
    template, variables = (value, {}) if isinstance(value, str) else _arguments(value, 2, scope, at)
    given = {k: resolve(v, scope, at=f"{at}.{k}") for k, v in variables.items()}
    pieces: list[Any] = []
    end = 0
    for match in _SUB.finditer(template):
        pieces.append(template[end : match.start()])
        end = match.end()
        literal, name = match.group(1), match.group(2).strip()
        if literal:
            pieces.append("${" + name + "}")
        elif name in given:
            pieces.append(given[name])
        elif "." in name:
            pieces.append(_get_att(name, scope, at))
        else:
            pieces.append(_ref(name, scope, at))
    pieces.append(template[end:])
    if holds_pending(pieces):
        return PENDING
    return scope.reached("".join(_text(piece, scope, at) for piece in pieces))


def _join(value: Any, scope: Scope, at: str) -> Any:
    delimiter, parts = _arguments(value, 2, scope, at)
    resolved = resolve(parts, scope, at=at)
    if holds_pending(resolved):
        return PENDING
    if not isinstance(resolved, list):
        raise TemplateError(f"{scope.stack}/{at}: Fn::Join takes a list to join, got {resolved!r}")
    return scope.reached(str(delimiter).join(_text(part, scope, at) for part in resolved))


def _select(value: Any, scope: Scope, at: str) -> Any:
    index, items = (resolve(v, scope, at=at) for v in _arguments(value, 2, scope, at))
    if index is PENDING or items is PENDING:
        return PENDING
    if not isinstance(items, list) or not 0 <= int(index) < len(items):
        raise TemplateError(f"{scope.stack}/{at}: no item {index} in {items!r}")
    return items[int(index)]


def _split(value: Any, scope: Scope, at: str) -> Any:
    delimiter, text = (resolve(v, scope, at=at) for v in _arguments(value, 2, scope, at))
    return PENDING if holds_pending([delimiter, text]) else _text(text, scope, at).split(delimiter)


def _import_value(value: Any, scope: Scope, at: str) -> Any:
    name = resolve(value, scope, at=at)
    if name is PENDING:
        return PENDING
    try:
        return scope.import_value(name)
    except UnresolvedReference as error:
        raise UnresolvedReference(f"{scope.stack}/{at}: {error}") from None


def _get_stack_output(value: Any, scope: Scope, at: str) -> Any:
    given = resolve(value, scope, at=at)
    unknown = set(given) - {"StackName", "OutputName", "Region", "RoleArn"}
    if unknown:
        raise UnknownIntrinsic(f"{scope.stack}/{at}: Fn::GetStackOutput has no argument {sorted(unknown)}")
    region = given.get("Region", scope.region)
    if region != scope.region:
        raise UnresolvedReference(
            f"{scope.stack}/{at}: reads a stack in {region}, but this local AWS deploys to {scope.region} only"
        )
    if holds_pending(given):
        return PENDING
    try:
        return scope.stack_output(given["StackName"], given["OutputName"])
    except UnresolvedReference as error:
        raise UnresolvedReference(f"{scope.stack}/{at}: {error}") from None


def _if(value: Any, scope: Scope, at: str) -> Any:
    name, then, otherwise = _arguments(value, 3, scope, at)
    return resolve(then if condition(name, scope, at=at) else otherwise, scope, at=at)


def _equals(value: Any, scope: Scope, at: str) -> bool:
    left, right = (resolve(v, scope, at=at) for v in _arguments(value, 2, scope, at))
    if holds_pending([left, right]):
        raise TemplateError(f"{scope.stack}/{at}: a condition cannot depend on a resource")
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return bool(left == right)
    return _text(left, scope, at) == _text(right, scope, at)


def _and(value: Any, scope: Scope, at: str) -> bool:
    return all(_test(v, scope, at) for v in value)


def _or(value: Any, scope: Scope, at: str) -> bool:
    return any(_test(v, scope, at) for v in value)


def _not(value: Any, scope: Scope, at: str) -> bool:
    return not _test(_arguments(value, 1, scope, at)[0], scope, at)


def _contains(value: Any, scope: Scope, at: str) -> bool:
    items, item = (resolve(v, scope, at=at) for v in _arguments(value, 2, scope, at))
    return item in items


def _test(value: Any, scope: Scope, at: str) -> bool:
    if isinstance(value, dict) and set(value) == {"Condition"}:
        return condition(value["Condition"], scope, at=at)
    result = resolve(value, scope, at=at)
    if not isinstance(result, bool):
        raise TemplateError(f"{scope.stack}/{at}: expected a condition, got {value!r}")
    return result


def condition(name: str, scope: Scope, *, at: str) -> bool:
    """Return whether the condition ``name`` of the template holds."""
    if name not in scope.conditions:
        raise UnresolvedReference(f"{scope.stack}/{at}: the template declares no condition {name!r}")
    return _test(scope.conditions[name], scope, f"Conditions.{name}")


def _find_in_map(value: Any, scope: Scope, at: str) -> Any:
    if not isinstance(value, list) or len(value) not in (3, 4):
        raise TemplateError(f"{scope.stack}/{at}: takes map, key and key, got {value!r}")
    name, top, second = (resolve(v, scope, at=at) for v in value[:3])
    try:
        return scope.mappings[name][top][second]
    except KeyError:
        if len(value) == 4 and "DefaultValue" in value[3]:
            return resolve(value[3]["DefaultValue"], scope, at=at)
        raise UnresolvedReference(f"{scope.stack}/{at}: the map {name!r} has no [{top!r}][{second!r}]") from None


def _base64(value: Any, scope: Scope, at: str) -> Any:
    text = resolve(value, scope, at=at)
    return PENDING if text is PENDING else base64.b64encode(_text(text, scope, at).encode()).decode()


def _get_azs(value: Any, scope: Scope, at: str) -> list[str]:
    region = resolve(value, scope, at=at) or scope.region
    return [f"{region}{zone}" for zone in _PSEUDO_ZONES]


_FUNCTIONS: Final[Mapping[str, Callable[[Any, Scope, str], Any]]] = {
    "Fn::And": _and,
    "Fn::Base64": _base64,
    "Fn::Contains": _contains,
    "Fn::Equals": _equals,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::GetStackOutput": _get_stack_output,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Not": _not,
    "Fn::Or": _or,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Ref": _ref,
}


def check_sections(template: Mapping[str, Any], *, stack: str) -> None:
    """Raise for a template with a section that localaws does not evaluate, such as ``Transform``."""
    for section in template:
        if section not in _SECTIONS:
            raise UnknownIntrinsic(f"{stack}: the template section {section!r} is not evaluated locally")


def check_rules(rules: Mapping[str, Any], scope: Scope) -> None:
    """Raise TemplateError for the first assertion among the template's ``Rules`` that does not hold."""
    for name, rule in rules.items():
        if "RuleCondition" in rule and not _test(rule["RuleCondition"], scope, f"Rules.{name}"):
            continue
        for assertion in rule.get("Assertions", ()):
            if not _test(assertion["Assert"], scope, f"Rules.{name}"):
                raise TemplateError(
                    f"{scope.stack}: rule {name}: {assertion.get('AssertDescription', 'does not hold')}"
                )


def in_order(dependencies: Mapping[str, Iterable[str]], *, stack: str) -> list[str]:
    """Return the names of ``dependencies``, each after those that it depends on; DependencyCycle if impossible."""
    sorter = TopologicalSorter({name: sorted(needs) for name, needs in dependencies.items()})
    try:
        return list(sorter.static_order())
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise DependencyCycle(
            f"{stack}: these resources wait for each other: {circle}. Nothing was created. "
            "Break the circle, for instance with a separate policy resource."
        ) from None
