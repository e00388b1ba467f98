"""Corrects how executions are described where moto drops or cannot serialize something.

The context object's times are text as on AWS, a stopped or timed out execution and a failed callback keep error and
cause, and a history can be read in pages, newest first.
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
"""

from __future__ import annotations

import datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.stepfunctions.parser.api import ExecutionStatus, InvalidToken
from moto.stepfunctions.parser.asl.component.state import state
from moto.stepfunctions.parser.backend import execution_worker
from moto.stepfunctions.responses import StepFunctionResponse

from localaws.moto_patches import original, replace

_MOST_EVENTS = 1000


def install() -> None:
    """Replace moto's answers by the corrected ones."""
    replace(execution_worker.ExecutionWorker, "_get_evaluation_environment", _environment)
    replace(state, "StateData", _state_data)
    replace(StepFunctionResponse, "stop_execution", _stop_execution)
    replace(StepFunctionResponse, "send_task_failure", _send_task_failure)
    replace(StepFunctionResponse, "get_execution_history", _get_execution_history)
    replace(StepFunctionResponse, "list_executions", _list_executions)


def describe_end(described: dict[str, Any], execution: Any) -> None:
    """Add to a description the fields that moto leaves out of executions that timed out."""
    if execution.status == ExecutionStatus.TIMED_OUT:
        described["stopDate"] = execution.stop_date
        described.setdefault("error", "States.Timeout")


def _iso(moment: datetime.datetime) -> str:
    """Return a time as the context object has it: ``2026-01-31T12:00:00.123Z``."""
    utc = moment.astimezone(datetime.UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


def _environment(self: Any) -> Any:
    environment = original(execution_worker.ExecutionWorker, "_get_evaluation_environment")(self)
    execution: Any = environment.states.context_object.context_object_data["Execution"]
    execution["StartTime"] = _iso(execution["StartTime"])
    execution["RedriveCount"] = 0
    return environment


def _state_data(*, EnteredTime: str, **more: Any) -> Any:  # noqa: N803 - as moto calls it
    entered = _iso(datetime.datetime.fromisoformat(EnteredTime))
    return original(state, "StateData")(EnteredTime=entered, **more)


def _stop_execution(self: Any) -> Any:
    arn, error, cause = (self._get_param(name) for name in ("executionArn", "error", "cause"))
    execution = self.stepfunction_backend.describe_execution(arn)
    running = execution.status == ExecutionStatus.RUNNING
    stopped = self.stepfunction_backend.stop_execution(arn)
    if running:
        stopped.error, stopped.cause = error, cause
    return ActionResult({"stopDate": stopped.stop_date or datetime.datetime.now(datetime.UTC)})


def _send_task_failure(self: Any) -> Any:
    token = self._get_param("taskToken")
    if not token:
        raise InvalidToken
    self.stepfunction_backend.send_task_failure(token, error=self._get_param("error"), cause=self._get_param("cause"))
    return EmptyResult()


def _get_execution_history(self: Any) -> Any:
    """Return one page of events; its token is the number of events on the pages before."""
    history: Any = self.stepfunction_backend.get_execution_history(self._get_param("executionArn"))
    events = list(history["events"])
    if self._get_param("reverseOrder"):
        events.reverse()
    start = int(self._get_param("nextToken") or 0)
    end = start + min(int(self._get_param("maxResults") or 0) or 100, _MOST_EVENTS)
    answer: dict[str, Any] = {"events": events[start:end]}
    if end < len(events):
        answer["nextToken"] = str(end)
    return ActionResult(answer)


def _list_executions(self: Any) -> Any:
    answer = original(StepFunctionResponse, "list_executions")(self)
    listed: Any = answer.result
    for item in listed["executions"]:
        if item["status"] == ExecutionStatus.TIMED_OUT:
            item["stopDate"] = self.stepfunction_backend.describe_execution(item["executionArn"]).stop_date
    return answer
