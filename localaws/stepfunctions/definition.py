"""Finds the problems of a workflow's definition: what AWS would refuse, and what is not supported here."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session

from localaws.stepfunctions.jsonata import syntax_error
from localaws.stepfunctions.tasks import SDK_TO_BOTO

_TOP = {"Comment", "StartAt", "States", "QueryLanguage", "Version", "TimeoutSeconds"}
_PROCESSOR = {"Comment", "StartAt", "States", "QueryLanguage", "ProcessorConfig"}
_COMMON = {"Type", "Comment", "QueryLanguage", "Next", "End"}
_JSONPATH = {"InputPath", "OutputPath", "Parameters", "ResultPath", "ResultSelector"}
_JSONPATH_ONLY = _JSONPATH | {
    "ItemsPath", "SecondsPath", "TimestampPath", "ErrorPath", "CausePath", "TimeoutSecondsPath", "HeartbeatSecondsPath",
    "MaxConcurrencyPath",
}  # fmt: skip
_JSONATA_ONLY = {"Arguments", "Output", "Items", "Condition"}
_SHARED = {"Assign", "Output"}
_FIELDS: Mapping[str, set[str]] = {
    "Task": _COMMON | _JSONPATH | _SHARED | {"Resource", "Arguments", "Credentials", "Retry", "Catch", "TimeoutSeconds",
                                             "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"},
    "Pass": _COMMON | _JSONPATH | _SHARED | {"Result"},
    "Choice": _COMMON | _SHARED | {"InputPath", "OutputPath", "Choices", "Default"},
    "Wait": _COMMON | _SHARED | {"InputPath", "OutputPath", "Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": {"Type", "Comment", "QueryLanguage", "InputPath", "OutputPath", "Output"},
    "Fail": {"Type", "Comment", "QueryLanguage", "Error", "ErrorPath", "Cause", "CausePath"},
    "Parallel": _COMMON | _JSONPATH | _SHARED | {"Branches", "Arguments", "Retry", "Catch"},
    "Map": _COMMON | _JSONPATH | _SHARED | {"ItemProcessor", "Iterator", "Items", "ItemsPath", "ItemSelector",
                                            "MaxConcurrency", "MaxConcurrencyPath", "Retry", "Catch"},
}  # fmt: skip
_RETRIER = {
    "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment",
}  # fmt: skip
_CATCHER = {"ErrorEquals", "Next", "ResultPath", "Output", "Assign", "Comment"}

#: Optimised integrations that are carried out, by ``<service>:<action>``; which ``.suffix`` each may have.
_INTEGRATIONS: Mapping[str, set[str]] = {
    "lambda:invoke": {"", "waitForTaskToken"},
    "dynamodb:getItem": {""},
    "dynamodb:putItem": {""},
    "dynamodb:updateItem": {""},
    "dynamodb:deleteItem": {""},
    "sqs:sendMessage": {"", "waitForTaskToken"},
    "sns:publish": {"", "waitForTaskToken"},
    "events:putEvents": {"", "waitForTaskToken"},
    "states:startExecution": {"", "sync", "sync:2", "waitForTaskToken"},
    "athena:startQueryExecution": {"", "sync"},
    "athena:stopQueryExecution": {""},
    "athena:getQueryExecution": {""},
    "athena:getQueryResults": {""},
    "glue:startJobRun": {"", "sync"},
}
_BOTO_SERVICES = {"states": "stepfunctions"}


def problems(definition: str) -> list[str]:
    """Return every problem of ``definition`` (ASL as JSON), each naming state and field; empty if it can run."""
    try:
        machine = json.loads(definition)
    except ValueError as error:
        return [f"the definition is no JSON: {error}"]
    return list(_machine(machine, "the state machine", _TOP, "JSONPath"))


def _machine(machine: Any, where: str, known: set[str], language: str) -> Iterator[str]:
    if not isinstance(machine, dict) or not isinstance(machine.get("States"), dict):
        yield f"{where}: it has no States"
        return
    yield from _unknown(machine, where, known)
    language = machine.get("QueryLanguage", language)
    states = machine["States"]
    if machine.get("StartAt") not in states:
        yield f"{where}, StartAt: there is no state {machine.get('StartAt')!r}"
    for name, state in states.items():
        yield from _state(name, state, set(states), language)


def _state(name: str, state: Mapping[str, Any], states: set[str], language: str) -> Iterator[str]:
    where, kind = f"state {name}", str(state.get("Type"))
    if kind not in _FIELDS:
        yield f"{where}, Type: localaws does not know {kind!r}, only {sorted(_FIELDS)}"
        return
    language = state.get("QueryLanguage", language)
    yield from _unknown(state, where, _FIELDS[kind])
    yield from _wrong_language(state, where, language)
    yield from _targets(state, where, states)
    for field, known in (("Retry", _RETRIER), ("Catch", _CATCHER)):
        for each in state.get(field, ()):
            yield from _unknown(each, f"{where}, {field}", known)
    if language == "JSONata":
        yield from _expressions(state, where)
    if kind == "Task":
        yield from _task(state, where)
    for branch in state.get("Branches", ()):
        yield from _machine(branch, f"{where}, Branches", _PROCESSOR, language)
    if kind == "Map":
        yield from _map(state, where, language)


def _unknown(given: Mapping[str, Any], where: str, known: set[str]) -> Iterator[str]:
    for field in given:
        if field not in known:
            yield f"{where}, {field}: localaws does not know this field here"


def _wrong_language(state: Mapping[str, Any], where: str, language: str) -> Iterator[str]:
    for field in state:
        if language == "JSONata" and field in _JSONPATH_ONLY:
            yield f"{where}, {field}: not with QueryLanguage JSONata"
        if language != "JSONata" and field in _JSONATA_ONLY:
            yield f"{where}, {field}: only with QueryLanguage JSONata"


def _targets(state: Mapping[str, Any], where: str, states: set[str]) -> Iterator[str]:
    ends = state["Type"] in {"Succeed", "Fail", "Choice"}
    if not ends and ("Next" in state) == bool(state.get("End")):
        yield f"{where}: it needs either Next or End"
    for field, part in (("Next", state), ("Default", state), *(("Choices", rule) for rule in state.get("Choices", ()))):
        wanted = part.get("Next" if field == "Choices" else field)
        if wanted is not None and wanted not in states:
            yield f"{where}, {field}: there is no state {wanted!r}"
    for catcher in state.get("Catch", ()):
        if catcher.get("Next") not in states:
            yield f"{where}, Catch: there is no state {catcher.get('Next')!r}"


def _expressions(value: Any, where: str) -> Iterator[str]:
    """Yield the errors in the ``{% … %}`` of a state; states inside it are checked by themselves."""
    if isinstance(value, str) and value.startswith("{%") and value.endswith("%}"):
        if error := syntax_error(value[2:-2].strip()):
            yield f"{where}: {value}: {error}"
    elif isinstance(value, dict):
        for field, inner in value.items():
            if field not in {"ItemProcessor", "Iterator", "Branches"}:
                yield from _expressions(inner, f"{where}, {field}")
    elif isinstance(value, list):
        for inner in value:
            yield from _expressions(inner, where)


def _map(state: Mapping[str, Any], where: str, language: str) -> Iterator[str]:
    processor = state.get("ItemProcessor") or state.get("Iterator") or {}
    if (processor.get("ProcessorConfig") or {}).get("Mode", "INLINE") != "INLINE":
        yield f"{where}, ProcessorConfig: localaws runs Map states INLINE only"
    yield from _machine(processor, f"{where}, ItemProcessor", _PROCESSOR, language)


def _task(state: Mapping[str, Any], where: str) -> Iterator[str]:
    resource = str(state.get("Resource", ""))
    if resource.startswith("arn:aws:lambda:"):
        return
    if not resource.startswith("arn:aws:states:::"):
        yield f"{where}, Resource: localaws does not know {resource!r}"
        return
    name, _, suffix = resource.removeprefix("arn:aws:states:::").partition(".")
    service, _, action = name.partition(":")
    if service == "aws-sdk":
        sdk_service, _, action = action.partition(":")
        members = _members(SDK_TO_BOTO.get(sdk_service, sdk_service), action)
        supported = members is not None and suffix in {"", "waitForTaskToken"}
    else:
        supported = suffix in _INTEGRATIONS.get(name, set())
        members = _members(_BOTO_SERVICES.get(service, service), action) if supported else None
    if not supported:
        yield f"{where}, Resource: localaws does not carry out {resource}"
        return
    arguments = state.get("Arguments", state.get("Parameters"))
    for argument in arguments if isinstance(arguments, dict) else ():
        plain = argument.removesuffix(".$")
        if plain.lower() not in (members or ()) and plain != "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID":
            yield f"{where}, {plain}: {name} has no such parameter"
        elif not _is_passed_on(service, action, plain):
            yield f"{where}, {plain}: localaws does not pass this parameter of {name} on"


@functools.lru_cache(maxsize=256)
def _members(service: str, action: str) -> frozenset[str] | None:
    """Return the parameters of an API action in lower case; None if there is no such action."""
    session = botocore.session.get_session()
    if service not in session.get_available_services():
        return None
    model = session.get_service_model(service)
    operation = next((name for name in model.operation_names if name.lower() == action.lower()), None)
    if operation is None:
        return None
    shape = model.operation_model(operation).input_shape
    return frozenset(name.lower() for name in shape.members) if shape else frozenset()


def _is_passed_on(service: str, action: str, argument: str) -> bool:
    """Return whether moto passes on this parameter of an optimised integration; it drops others silently."""
    if service in {"aws-sdk", "athena"}:
        return True
    import importlib

    package = "moto.stepfunctions.parser.asl.component.state.exec.state_task.service"
    module = {"states": "sfn"}.get(service, service)
    bindings = importlib.import_module(f"{package}.state_task_service_{module}")._SUPPORTED_API_PARAM_BINDINGS
    return argument in bindings.get(action.lower(), ())
