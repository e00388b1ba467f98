"""Evaluates JSONata and variables in workflows with ``jsonata-python``, instead of moto's unfinished stub.

Values are bound to names rather than written into the expression: moto's way fails on quotes, and parses the whole
state input for every expression.
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import jsonata
from jsonata.jexception import JException
from jsonata.utils import Utils
from moto.stepfunctions.parser.api import EvaluationFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.string.string_expression import (
    StringJSONata,
    StringVariableSample,
)

from localaws.moto_patches import replace


class EvaluationError(Exception):
    """An expression fails on its input, or returns nothing, or returns something that JSON cannot hold."""


def install() -> None:
    """Replace how moto evaluates ``{% … %}`` and variables."""
    replace(StringJSONata, "_eval_body", _eval_expression)
    replace(StringVariableSample, "_eval_body", _eval_expression)


def syntax_error(expression: str) -> str | None:
    """Return what is wrong with the syntax of ``expression``, or None."""
    try:
        jsonata.Jsonata(expression)
    except JException as error:
        return str(error)
    return None


def evaluate(expression: str, bindings: Mapping[str, Any]) -> Any:
    """Return the JSON value of ``expression``; ``bindings`` are by name, without ``$``. Raises `EvaluationError`."""
    try:
        compiled = jsonata.Jsonata(expression)
        compiled.output_convert_nulls = False  # otherwise null and an absent value would be the same
        for name, implementation in _FUNCTIONS.items():
            compiled.register_lambda(name, implementation)
        bound = {name: Utils.NULL_VALUE if value is None else value for name, value in bindings.items()}
        result = compiled.evaluate(None, bound)
    except (JException, RecursionError, TypeError, ValueError) as error:
        raise EvaluationError(f"The JSONata expression '{expression}' failed: {error}") from error
    if result is None:
        raise EvaluationError(f"The JSONata expression '{expression}' returned nothing (undefined).")
    return _plain(result, expression)


def _plain(value: Any, expression: str) -> Any:
    """Return a copy without JSONata's own types of list and null."""
    if value is Utils.NULL_VALUE or value is None:
        return None
    if isinstance(value, str | bool | int | float):
        return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, Mapping):
        return {str(name): _plain(item, expression) for name, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(item, expression) for item in value]
    raise EvaluationError(f"The JSONata expression '{expression}' returned an unsupported result type.")


def _eval_expression(self: Any, env: Any) -> None:
    variables = {**env.variable_store._outer_scope, **env.variable_store._inner_scope}
    try:
        result = evaluate(self.expression, {**variables, "states": env.states._states_data})
    except EvaluationError as error:
        raise _failure(env, str(error)) from error
    env.stack.append(result)


def _failure(env: Any, cause: str) -> FailureEventException:
    name = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
    failed = EvaluationFailedEventDetails(cause=cause, error=name.error_name)
    details: Any = {"evaluationFailedEventDetails": failed}
    kind = HistoryEventType.EvaluationFailed
    env.event_manager.add_event(context=env.event_history_context, event_type=kind, event_details=details)
    return FailureEventException(FailureEvent(env=env, error_name=name, event_type=kind, event_details=details))


# ---- the functions that Step Functions adds to JSONata
# https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html


def _partition(values: list[Any], size: float) -> list[list[Any]]:
    step = int(size)
    return [list(values[start : start + step]) for start in range(0, len(values), step)]


def _range(first: float, last: float, step: float) -> list[int]:
    return list(range(int(first), int(last) + (1 if step > 0 else -1), int(step)))


def _hash(text: str, algorithm: str) -> str:
    return hashlib.new(algorithm.replace("-", "").lower(), text.encode()).hexdigest()


def _parse(text: str) -> Any:
    return json.loads(text)


def _random(seed: float | None = None) -> float:
    return random.Random(seed).random()


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "partition": _partition,
    "range": _range,
    "hash": _hash,
    "random": _random,
    "uuid": lambda: str(uuid.uuid4()),
    "parse": _parse,
}
