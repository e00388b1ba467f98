"""Workflows that run: moto's interpreter of the Amazon States Language, switched on and corrected.

Corrected are: JSONata and variables (moto's evaluation is an unfinished stub), calls with the state machine's own role,
clients kept from task to task, the Athena, Glue and nested-workflow integrations, answers with dates in them, and the
size limit of 256 KiB. A definition that uses what is not supported here is refused when it is created.
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from moto.core import config
from moto.core.exceptions import AWSError
from moto.stepfunctions.parser import api, quotas
from moto.stepfunctions.parser import models as parser_models
from moto.stepfunctions.parser.api import ExecutionStatus, InvalidDefinition, InvalidExecutionInput
from moto.stepfunctions.parser.asl.parse import preprocessor
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.responses import StepFunctionResponse, get_backend

from localaws.context import Context
from localaws.events import targets
from localaws.moto_patches import extend, original, replace, replace_everywhere
from localaws.stepfunctions import clients, executions, jsonata, tasks
from localaws.stepfunctions.definition import problems

_current: Context | None = None
_Backend = parser_models.StepFunctionsParserBackend
_starting = threading.Lock()


def install(ctx: Context) -> None:
    """Execute the state machines of this process's moto in ``ctx``, which replaces any earlier context."""
    global _current  # noqa: PLW0603  moto's classes are process-wide
    _current = ctx
    clients.install(ctx)
    targets.register("states", "states:StartExecution", _send_event)
    extend(config, "default_user_config", {"stepfunctions": {"execute_state_machine": True}})
    replace(Preprocessor, "__init__", _own_query_languages)
    replace(Preprocessor, "_inner_string_of", staticmethod(_unquoted))
    replace(preprocessor, "from_string_literal", _unquoted)
    for error in vars(api).values():
        if isinstance(error, type) and issubclass(error, AWSError) and error is not AWSError and not error.TYPE:
            replace(error, "TYPE", error.__name__)  # otherwise clients get an error without a code
    replace(_Backend, "_validate_definition", staticmethod(_validate_definition))
    replace(_Backend, "start_execution", _start_execution)
    replace(StepFunctionResponse, "describe_execution", _describe_execution)
    executions.install()
    tasks.install()
    jsonata.install()
    replace_everywhere(boto_client, "boto_client_for", clients.client_for, within="moto.stepfunctions")
    replace_everywhere(quotas, "is_within_size_quota", _is_within_size_quota, within="moto.stepfunctions")
    ctx.on_close(_abort_executions)


def _send_event(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    del options
    get_backend(account, region).start_execution(arn, str(uuid.uuid4()), payload)


def _own_query_languages(self: Any, *args: Any, **kwargs: Any) -> None:
    """Give each parse its own scopes: moto shares one list, so one bad definition spoils all later ones."""
    original(Preprocessor, "__init__")(self, *args, **kwargs)
    self._query_language_per_scope = []


def _unquoted(parser_rule_context: Any) -> str | None:
    """Return the text of a JSON string in a definition; moto keeps its escapes, or reads them as Python's."""
    text = parser_rule_context.getText()
    if text == "null":
        return None
    return str(json.loads(text)) if text.startswith('"') else str(text)


def _validate_definition(definition: str) -> None:
    found = problems(definition)
    if not found:
        try:
            original(_Backend, "_validate_definition")(definition=definition)
        except InvalidDefinition as error:
            found = [str(error.message)]
    if found:
        raise InvalidDefinition("Invalid State Machine Definition: " + "; ".join(found))


def _start_execution(
    self: Any,
    state_machine_arn: str,
    name: str | None = None,
    execution_input: str | None = None,
    trace_header: Any = None,
) -> Any:
    if not _is_within_size_quota(execution_input or ""):
        raise InvalidExecutionInput(f"The input is larger than {quotas.MAX_STATE_SIZE_UTF8_BYTES} bytes")
    with _starting:  # otherwise two starts with the same name could both begin
        start = original(_Backend, "start_execution")
        return start(self, state_machine_arn, name or str(uuid.uuid4()), execution_input or "{}", trace_header)


def _describe_execution(self: Any) -> Any:
    """Return a description as moto does, but with an output that is a string encoded as JSON, like any other output."""
    answer = original(StepFunctionResponse, "describe_execution")(self)
    described: Any = answer.result
    execution = self.stepfunction_backend.describe_execution(described["executionArn"])
    if isinstance(execution.output, str) and "output" in described:
        described["output"] = json.dumps(execution.output)
    executions.describe_end(described, execution)
    return answer


def _is_within_size_quota(value: Any) -> bool:
    """Return whether ``value`` is within 256 KiB as compact UTF-8 JSON; moto counts blanks and escapes as well."""
    text = (
        value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
    )
    return len(text.encode()) <= int(quotas.MAX_STATE_SIZE_UTF8_BYTES)


def _abort_executions() -> None:
    """Stop running executions, so that no thread calls a server that is gone."""
    ctx = _current
    if ctx is None:
        return
    backend = parser_models.stepfunctions_parser_backends[ctx.account][ctx.region]
    for execution in backend._get_executions(ExecutionStatus.RUNNING):
        backend.stop_execution(execution.execution_arn)
