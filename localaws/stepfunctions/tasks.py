"""Service integrations of workflows that moto lacks or gets wrong.

https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any, cast

import botocore.session
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_callback,
    state_task_service_factory,
    state_task_service_glue,
    state_task_service_sfn,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService

from localaws.moto_patches import extend, original, replace
from localaws.stepfunctions.clients import client_for

#: How often a ``.sync`` task looks whether its work is done.
_POLL_SECONDS = 0.05

#: Services whose name in ``aws-sdk:<name>`` is not boto3's.
SDK_TO_BOTO = {"eventbridge": "events", "cloudwatchlogs": "logs", "sfn": "stepfunctions", "states": "stepfunctions"}
_PATTERNS: set[Any] = {ResourceCondition.Sync, ResourceCondition.WaitForTaskToken}
_SDK_ERROR_NAMES = {
    "athena": "Athena", "cloudwatch": "CloudWatch", "cloudwatchlogs": "CloudWatchLogs", "eventbridge": "EventBridge",
    "glue": "Glue", "kinesis": "Kinesis", "lambda": "Lambda", "s3": "S3", "secretsmanager": "SecretsManager",
    "sns": "Sns", "sqs": "Sqs", "ssm": "Ssm", "sts": "Sts",
}  # fmt: skip


def install() -> None:
    """Replace and add integrations in moto's interpreter; safe to repeat."""
    replace(state_task_service_callback, "_DELAY_SECONDS_SYNC_CONDITION_CHECK", _POLL_SECONDS)
    extend(StateTaskService, "_SERVICE_NAME_SFN_TO_BOTO_OVERRIDES", SDK_TO_BOTO)
    replace(StateTaskService, "_after_eval_execution", _after_eval_execution)
    # moto declares less than the base class needs to find out that the task is not a callback
    extend(state_task_service_glue, "_SUPPORTED_INTEGRATION_PATTERNS", _PATTERNS)
    extend(state_task_service_aws_sdk, "_SERVICE_ERROR_NAMES", _SDK_ERROR_NAMES)
    for service in (state_task_service_aws_sdk.StateTaskServiceAwsSdk, state_task_service_sfn.StateTaskServiceSfn):
        replace(service, "_normalise_parameters", _normalise_parameters)
        replace(service, "_normalise_response", _normalise_response)
    replace(state_task_service_factory, "state_task_service_for", _service_for)
    replace(state_task_factory, "state_task_service_for", _service_for)


def _service_for(service_name: str) -> Any:
    if service_name == "athena":
        return AthenaTask()
    return original(state_task_service_factory, "state_task_service_for")(service_name)


def _after_eval_execution(self: Any, env: Any, *args: Any, **kwargs: Any) -> None:
    """Convert a service's answer to JSON values: moto fails on the dates and streams in it."""
    env.stack[-1] = to_plain(env.stack[-1])
    original(StateTaskService, "_after_eval_execution")(self, env, *args, **kwargs)


def to_plain(value: Any) -> Any:
    """Return ``value`` as JSON values: dates as ISO 8601, streams and bytes as text."""
    return json.loads(json.dumps(value, default=_plain))


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    if hasattr(value, "read"):
        value = value.read()
    return value.decode() if isinstance(value, bytes) else str(value)


def _shape(task: Any, action: str | None, which: str) -> Any:
    service = task._get_boto_service_name()
    model = botocore.session.get_session().get_service_model(service)
    wanted = (action or task._get_boto_service_action()).replace("_", "").lower()
    name = next(name for name in model.operation_names if name.lower() == wanted)
    return getattr(model.operation_model(name), which)


def _normalise_parameters(
    self: Any, parameters: dict[str, Any], boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    """Spell parameters as boto3 does: workflows have ``ExecutionArn``, the API ``executionArn``."""
    del boto_service_name
    if self._get_boto_service_name() == "stepfunctions" and self._get_boto_service_action() == "start_execution":
        parameters["Input"] = _as_text(parameters.get("Input", {}))
        parameters.setdefault("Name", str(uuid.uuid4()))
    shape = _shape(self, service_action_name, "input_shape")
    if shape is not None:
        self._to_boto_request(parameters, shape)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _normalise_response(
    self: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    del boto_service_name
    shape = _shape(self, service_action_name, "output_shape")
    if shape is not None:
        self._from_boto_response(response, shape)


class AthenaTask(state_task_service_callback.StateTaskServiceCallback):
    """A task of ``arn:aws:states:::athena:*``; ``startQueryExecution`` may also be ``.sync``.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-athena.html
    """

    def __init__(self) -> None:
        super().__init__(supported_integration_patterns=_PATTERNS)

    def _get_supported_parameters(self) -> set[str]:
        return set(_shape(self, None, "input_shape").members)

    def _from_error(self, env: Any, ex: Exception) -> Any:
        if isinstance(ex, ClientError):
            error = ex.response["Error"]
            return self._failed(env, CustomErrorName(f"Athena.{error['Code']}"), error["Message"])
        return super()._from_error(env=env, ex=ex)

    def _failed(self, env: Any, name: Any, cause: str) -> Any:
        details = TaskFailedEventDetails(
            resource=self._get_sfn_resource(), resourceType="athena", error=name.error_name, cause=cause
        )
        return FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.TaskFailed,
            event_details=cast(Any, {"taskFailedEventDetails": details}),
        )

    def _eval_service_task(
        self, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
    ) -> None:
        client = client_for(resource_runtime_part.region, "athena", state_credentials)
        answer = getattr(client, self._get_boto_service_action())(**normalised_parameters)
        answer.pop("ResponseMetadata", None)
        env.stack.append(to_plain(answer))

    def _build_sync_resolver(
        self, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
    ) -> Callable[[], Any]:
        del normalised_parameters
        query = env.stack.pop()["QueryExecutionId"]
        client = client_for(resource_runtime_part.region, "athena", state_credentials)

        def resolve() -> Any:
            execution = to_plain(client.get_query_execution(QueryExecutionId=query)["QueryExecution"])
            state = execution["Status"]["State"]
            if state in {"QUEUED", "RUNNING"}:
                return None
            if state == "SUCCEEDED":
                return {"QueryExecution": execution}
            name = StatesErrorName(typ=StatesErrorNameType.StatesTaskFailed)
            raise FailureEventException(self._failed(env, name, json.dumps({"QueryExecution": execution})))

        return resolve
