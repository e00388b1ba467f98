"""Lets a command begin without pydantic, by which typer checks values: a third of what a short command takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from typer._coercion import RuntimeParam, TypeDescriptor, build_runtime_param
from typer.core import TyperArgument, TyperOption


@dataclass(frozen=True)
class _AsGiven(RuntimeParam):
    """Takes texts, and members of an enum or their values, as they are; leaves all other values to typer."""

    descriptor: TypeDescriptor

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        kind = self.annotation
        if self.parameter_info.parser is None and isinstance(kind, type):
            if type(value) is kind and issubclass(kind, str | Enum):
                return value
            if issubclass(kind, Enum) and value in [each.value for each in kind]:
                return kind(value)
        return build_runtime_param(self.descriptor)._coerce_value(value, param, ctx)


def taken_as_given(parameters: list[Any]) -> list[Any]:
    """Return the parameters of a command, which from now on check with pydantic only what is not of its type already.

    What typer makes of such a value, and of none, is the value itself.
    """
    for each in parameters:
        if isinstance(each, TyperArgument | TyperOption):
            told = each.type_descriptor
            each._runtime_param = _AsGiven(told.parameter_info, told.annotation, told)
    return parameters
