"""What executions tell of themselves: times, causes, histories in pages."""

# ruff: noqa: F811  `ctx` is a fixture

import datetime
import json
import re
from typing import Any

import pytest

from localaws.context import Context
from tests.localaws.running import EVERYTHING, ctx, queue, role, until  # noqa: F401
from tests.localaws.stepfunctions.test_machines import run, single

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def may(ctx: Context) -> str:
    return role(ctx, "everything", EVERYTHING)


def test_the_context_objects_times_are_text_in_both_languages(ctx: Context, may: str) -> None:
    inner = {"StartAt": "C", "States": {"C": {"Type": "Pass", "End": True}}}
    path = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Parameters": {"all.$": "$$", "started.$": "$$.Execution.StartTime"}, "Next": "B"},
            "B": {"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": inner, "ResultPath": None, "End": True},
        },
    }
    path["States"]["A"]["Parameters"]["list"] = [1, 2]  # type: ignore[index]
    done = run(ctx, "by-path", path, may, {"a": 1})
    assert done["status"] == "SUCCEEDED", done
    whole = done["output"]["all"]
    assert TIME.fullmatch(done["output"]["started"])
    assert TIME.fullmatch(whole["State"]["EnteredTime"])
    assert whole["Execution"]["Input"] == {"a": 1}
    output = {
        "started": "{% $states.context.Execution.StartTime %}",
        "millis": "{% $toMillis($states.context.Execution.StartTime) %}",
        "entered": "{% $states.context.State.EnteredTime %}",
        "all": "{% $states.context %}",
    }
    done = run(ctx, "by-jsonata", single({"Type": "Pass", "Output": output}), may)
    assert done["status"] == "SUCCEEDED", done
    assert TIME.fullmatch(done["output"]["started"])
    assert TIME.fullmatch(done["output"]["entered"])
    assert done["output"]["millis"] == int(done["startDate"].timestamp() * 1000)


def start(ctx: Context, name: str, may: str, definition: dict[str, Any]) -> str:
    client = ctx.client("stepfunctions")
    arn = client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=may)["stateMachineArn"]
    return str(client.start_execution(stateMachineArn=arn)["executionArn"])


def test_a_stopped_execution_keeps_error_and_cause(ctx: Context, may: str) -> None:
    client = ctx.client("stepfunctions")
    arn = start(ctx, "stopped", may, single({"Type": "Wait", "Seconds": 600}))
    until(lambda: len(client.get_execution_history(executionArn=arn)["events"]) > 1)
    client.stop_execution(executionArn=arn, error="Enough", cause="somebody said so")
    done = until(lambda: _ended(client.describe_execution(executionArn=arn)))
    assert (done["status"], done["error"], done["cause"]) == ("ABORTED", "Enough", "somebody said so")


def _ended(described: dict[str, Any]) -> dict[str, Any] | None:
    return None if described["status"] == "RUNNING" else described


def test_a_failed_callback_keeps_its_cause(ctx: Context, may: str) -> None:
    client, (url, _) = ctx.client("stepfunctions"), queue(ctx, "callbacks")
    body = {"token": "{% $states.context.Task.Token %}"}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": url, "MessageBody": body},
    }
    arn = start(ctx, "callback", may, single(task))
    message = until(lambda: ctx.client("sqs").receive_message(QueueUrl=url).get("Messages"))[0]
    token = json.loads(message["Body"])["token"]
    client.send_task_failure(taskToken=token, error="Refused", cause="no such parcel")
    done = until(lambda: _ended(client.describe_execution(executionArn=arn)))
    assert (done["status"], done["error"], done["cause"]) == ("FAILED", "Refused", "no such parcel")


def test_a_history_comes_in_pages_and_from_either_end(ctx: Context, may: str) -> None:
    client = ctx.client("stepfunctions")
    done = run(ctx, "told", single({"Type": "Pass"}), may)
    arn = done["executionArn"]
    events = client.get_execution_history(executionArn=arn)["events"]
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)
    assert client.get_execution_history(executionArn=arn, reverseOrder=True)["events"] == events[::-1]
    first = client.get_execution_history(executionArn=arn, maxResults=2)
    assert first["events"] == events[:2]
    second = client.get_execution_history(executionArn=arn, maxResults=2, nextToken=first["nextToken"])
    assert second["events"] == events[2:4]
    pages = client.get_paginator("get_execution_history").paginate(
        executionArn=arn, reverseOrder=True, PaginationConfig={"PageSize": 1}
    )
    assert [event for page in pages for event in page["events"]] == events[::-1]


@pytest.mark.slow
def test_an_execution_that_timed_out_says_when(ctx: Context, may: str) -> None:
    client = ctx.client("stepfunctions")
    arn = start(ctx, "slow", may, single({"Type": "Wait", "Seconds": 60}, TimeoutSeconds=1))
    done = until(lambda: _ended(client.describe_execution(executionArn=arn)))
    assert (done["status"], done["error"]) == ("TIMED_OUT", "States.Timeout")
    assert done["stopDate"] - done["startDate"] < datetime.timedelta(seconds=30)
    (listed,) = client.list_executions(stateMachineArn=done["stateMachineArn"], maxResults=1)["executions"]
    assert listed["stopDate"] == done["stopDate"]
