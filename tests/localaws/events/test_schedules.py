"""EventBridge Scheduler: when schedules fire, what their targets get, retries and dead letters."""

# ruff: noqa: F811  `ctx` is a fixture

import datetime
import json
import time
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError

from localaws.context import Context
from localaws.events import bus as events
from localaws.events import targets
from localaws.events.timetables import Timetable
from tests.localaws.functions.streaming import Source
from tests.localaws.running import EVERYTHING, ctx, function, messages, queue, role, until  # noqa: F401

OFF = {"Mode": "OFF"}


@pytest.fixture(autouse=True)
def _no_schedule_stays(ctx: Context) -> Iterator[None]:
    yield
    for each in ctx.client("scheduler").list_schedules()["Schedules"]:
        ctx.client("scheduler").delete_schedule(Name=each["Name"], GroupName=each["GroupName"])


def schedule(ctx: Context, name: str, arn: str, expression: str = "rate(1 hour)", **options: Any) -> str:
    target = {"Arn": arn, "RoleArn": role(ctx, "everything", EVERYTHING), **options.pop("target", {})}
    settings = {"FlexibleTimeWindow": OFF, **options}
    made = ctx.client("scheduler").create_schedule(Name=name, ScheduleExpression=expression, Target=target, **settings)
    return str(made["ScheduleArn"])


class Fired(list[str]):
    """Takes the deliveries of a timetable with a clock of the test's own, for one schedule."""

    def __init__(self, ctx: Context, arn: str) -> None:
        self._arn = arn
        self._timetable = Timetable(ctx, self)

    def deliver(self, rule: str, target: Any, event: dict[str, Any]) -> None:
        if rule == self._arn:
            self.append(event["time"])

    def at(self, moment: float) -> list[str]:
        """What has fired by a moment."""
        self._timetable.tick(moment)
        return list(self)


def iso(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


FAR = time.time() + 10**7
"""A time at which the running local AWS fires nothing that a test here makes."""


# ---- when


def test_a_rate_fires_at_once_and_then_by_its_rate(ctx: Context, stack_name: str) -> None:
    url, arn = queue(ctx, stack_name)
    fired = Fired(ctx, schedule(ctx, stack_name, arn))
    until(lambda: messages(ctx, url))
    now = time.time()
    assert len(fired.at(now)) == 1
    assert len(fired.at(now + 3590)) == 1
    assert len(fired.at(now + 3601)) == 2


def test_a_rate_starts_at_its_start_and_stops_at_its_end(ctx: Context, stack_name: str) -> None:
    start, end = (datetime.datetime.fromtimestamp(FAR + plus, datetime.UTC) for plus in (0, 7200))
    _, arn = queue(ctx, stack_name)
    fired = Fired(ctx, schedule(ctx, stack_name, arn, StartDate=start, EndDate=end))
    assert fired.at(FAR - 1) == []
    assert fired.at(FAR + 1) == [iso(FAR)]
    assert fired.at(FAR + 3601) == [iso(FAR), iso(FAR + 3600)]
    assert len(fired.at(FAR + 7201)) == 3
    assert len(fired.at(FAR + 10801)) == 3


def test_a_cron_fires_by_the_clock_of_its_time_zone(ctx: Context, stack_name: str) -> None:
    _, arn = queue(ctx, stack_name)
    zone = ZoneInfo("America/New_York")
    midnight = datetime.datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    first, second = ((midnight + datetime.timedelta(days=days, hours=3)).timestamp() for days in (30, 31))
    fired = Fired(
        ctx, schedule(ctx, stack_name, arn, "cron(0 3 * * ? *)", ScheduleExpressionTimezone="America/New_York",
                      StartDate=datetime.datetime.fromtimestamp(first - 60, datetime.UTC))
    )  # fmt: skip
    assert fired.at(first - 61) == []
    assert fired.at(first - 1) == []
    assert fired.at(first + 1) == [iso(first)]
    assert fired.at(second + 1) == [iso(first), iso(second)]


def test_a_one_time_schedule_fires_once_whatever_its_start(ctx: Context, stack_name: str) -> None:
    _, arn = queue(ctx, stack_name)
    moment = datetime.datetime.fromtimestamp(FAR, ZoneInfo("Asia/Tokyo")).replace(microsecond=0)
    fired = Fired(
        ctx, schedule(ctx, stack_name, arn, f"at({moment:%Y-%m-%dT%H:%M:%S})", ScheduleExpressionTimezone="Asia/Tokyo",
                      StartDate=moment + datetime.timedelta(days=1))
    )  # fmt: skip
    assert fired.at(FAR - 10) == []
    assert fired.at(FAR + 10) == [iso(moment.timestamp())]
    assert len(fired.at(FAR + 10**6)) == 1


def test_a_disabled_schedule_fires_when_it_is_enabled(ctx: Context, stack_name: str) -> None:
    url, arn = queue(ctx, stack_name)
    fired = Fired(ctx, schedule(ctx, stack_name, arn, State="DISABLED"))
    assert fired.at(FAR) == []
    assert messages(ctx, url) == []
    kept = ctx.client("scheduler").get_schedule(Name=stack_name)
    ctx.client("scheduler").update_schedule(
        Name=stack_name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF, Target=kept["Target"],
        State="ENABLED",
    )  # fmt: skip
    until(lambda: messages(ctx, url))


# ---- what


def test_the_context_attributes_are_filled_in(ctx: Context, stack_name: str) -> None:
    url, arn = queue(ctx, stack_name)
    names = ("schedule-arn", "scheduled-time", "execution-id", "attempt-number")
    given = json.dumps({name: f"<aws.scheduler.{name}>" for name in names})
    made = schedule(ctx, stack_name, arn, target={"Input": given})
    (message,) = until(lambda: messages(ctx, url))
    body = json.loads(message["Body"])
    assert (body["schedule-arn"], body["attempt-number"]) == (made, "1")
    assert abs(datetime.datetime.fromisoformat(body["scheduled-time"]).timestamp() - time.time()) < 60
    assert len(body["execution-id"]) == 36


def test_without_input_a_target_gets_the_event(ctx: Context, stack_name: str) -> None:
    url, arn = queue(ctx, stack_name)
    made = schedule(ctx, stack_name, arn)
    (message,) = until(lambda: messages(ctx, url))
    body = json.loads(message["Body"])
    shown = (body["source"], body["detail-type"], body["resources"], body["detail"])
    assert shown == ("aws.scheduler", "Scheduled Event", [made], "{}")


def test_a_fifo_queue_gets_its_group(ctx: Context, stack_name: str) -> None:
    url, arn = queue(ctx, f"{stack_name}.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    schedule(ctx, stack_name, arn, target={"Input": "x", "SqsParameters": {"MessageGroupId": "g"}})
    (message,) = until(lambda: messages(ctx, url))
    assert (message["Body"], message["Attributes"]["MessageGroupId"]) == ("x", "g")


def test_a_stream_gets_its_partition_key(ctx: Context, stack_name: str) -> None:
    source = Source(ctx, stack_name)
    schedule(
        ctx, stack_name, source.arn, target={"Input": "x", "KinesisParameters": {"PartitionKey": "mine"}}
    )  # fmt: skip
    (record,) = until(lambda: source.moto.shards["shardId-000000000000"].log)
    assert (record.partition_key, source.read()) == ("mine", ["x"])


def test_a_bus_gets_an_event(ctx: Context, stack_name: str) -> None:
    url, arn = queue(ctx, stack_name)
    ctx.client("events").put_rule(Name=stack_name, EventPattern=json.dumps({"source": [f"app.{stack_name}"]}))
    ctx.client("events").put_targets(Rule=stack_name, Targets=[{"Id": "1", "Arn": arn}])
    bus = f"arn:aws:events:us-east-1:{ctx.account}:event-bus/default"
    parameters = {"DetailType": "Tick", "Source": f"app.{stack_name}"}
    # An input that looks like an event is still only the detail.
    detail = {"source": "a", "detail-type": "b", "detail": {}}
    schedule(ctx, stack_name, bus, target={"Input": json.dumps(detail), "EventBridgeParameters": parameters})
    (message,) = until(lambda: messages(ctx, url))
    body = json.loads(message["Body"])
    assert (body["source"], body["detail-type"], body["detail"]) == (f"app.{stack_name}", "Tick", detail)


@pytest.mark.slow
def test_a_function_and_a_workflow_are_started(ctx: Context, stack_name: str) -> None:
    url, _ = queue(ctx, stack_name)
    arn = function(
        ctx, stack_name, "import boto3, json\ndef handler(event, c):\n"
        f"  boto3.client('sqs').send_message(QueueUrl='{url}', MessageBody=json.dumps(event))\n"
    )  # fmt: skip
    states = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    machine = ctx.client("stepfunctions").create_state_machine(
        name=stack_name, definition=json.dumps(states), roleArn=role(ctx, "everything", EVERYTHING)
    )["stateMachineArn"]
    schedule(ctx, f"{stack_name}-f", arn, target={"Input": '{"to": "function"}'})
    schedule(ctx, f"{stack_name}-m", machine, target={"Input": '{"to": "workflow"}'})
    (message,) = until(lambda: messages(ctx, url))
    assert json.loads(message["Body"]) == {"to": "function"}
    client = ctx.client("stepfunctions")
    (run,) = until(lambda: client.list_executions(stateMachineArn=machine, statusFilter="SUCCEEDED")["executions"])
    assert json.loads(client.describe_execution(executionArn=run["executionArn"])["output"]) == {"to": "workflow"}


# ---- failures


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(ctx: Context, stack_name: str) -> None:
    _, arn = queue(ctx, stack_name)
    dead_url, dead = queue(ctx, f"{stack_name}-dead")
    may = role(ctx, stack_name, {"Action": "sqs:SendMessage", "Resource": dead})
    made = schedule(
        ctx, stack_name, arn, target={"Input": "x", "RoleArn": may, "DeadLetterConfig": {"Arn": dead}}
    )  # fmt: skip
    (message,) = until(lambda: messages(ctx, dead_url))
    given = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert message["Body"] == "x"
    assert len(given.pop("EXECUTION_ID")) == 36
    assert given.pop("SCHEDULED_TIME").endswith("Z")
    assert "sqs:SendMessage" in given.pop("ERROR_MESSAGE")
    assert given == {
        "ERROR_CODE": "NO_PERMISSIONS",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "0",
        "SCHEDULE_ARN": made,
        "TARGET_ARN": arn,
    }


def test_a_failing_delivery_is_tried_again_so_often(
    ctx: Context, stack_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, arn = queue(ctx, stack_name)
    dead_url, dead = queue(ctx, f"{stack_name}-dead")
    monkeypatch.setattr(events, "_FIRST_RETRY_SECONDS", 0.01)
    tried: list[str] = []
    send = targets.send

    def flaky(ctx: Context, to: str, payload: str, **options: Any) -> None:
        if to != arn:
            return send(ctx, to, payload, **options)
        tried.append(payload)
        raise targets.DeliveryError("Busy", "try again", permanent=False)

    monkeypatch.setattr(targets, "send", flaky)
    schedule(
        ctx, stack_name, arn,
        target={"Input": "<aws.scheduler.attempt-number>", "DeadLetterConfig": {"Arn": dead},
                "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600}},
    )  # fmt: skip
    (message,) = until(lambda: messages(ctx, dead_url))
    assert tried == ["1", "2", "3"]
    given = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (given["RETRY_ATTEMPTS"], given["EXHAUSTED_RETRY_CONDITION"]) == ("2", "MaximumRetryAttempts")


BUS = "arn:aws:events:us-east-1:123456789012:event-bus/default"


@pytest.mark.parametrize(
    ("arn", "target", "named"),
    [
        ("arn:aws:scheduler:::aws-sdk:sqs:sendMessage", {"Input": "{}"}, "aws-sdk"),
        ("arn:aws:sqs:us-east-1:123456789012:q", {"EcsParameters": {"TaskDefinitionArn": "a"}}, "EcsParameters"),
        (
            "arn:aws:sqs:us-east-1:123456789012:q",
            {"DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:123456789012:d.fifo"}},
            "FIFO|DeadLetterConfig|deadLetterConfig",
        ),
        (BUS, {"Input": "{}"}, "EventBridgeParameters"),
        (BUS, {"Input": "{}", "EventBridgeParameters": {"DetailType": "d", "Source": "aws.s3"}}, "aws"),
        (BUS, {"Input": "x", "EventBridgeParameters": {"DetailType": "d", "Source": "s"}}, "JSON object"),
    ],
)
def test_what_is_not_delivered_to_is_refused(
    ctx: Context, stack_name: str, arn: str, target: dict[str, Any], named: str
) -> None:
    with pytest.raises(ClientError, match=named):
        schedule(ctx, stack_name, arn, target=target)
