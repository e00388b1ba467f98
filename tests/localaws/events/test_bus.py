"""EventBridge: which events reach which targets, with what input, and what becomes of those that cannot."""

# ruff: noqa: F811  `ctx` is a fixture

import dataclasses
import datetime
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError
from moto.events.models import events_backends

from localaws.context import Context
from localaws.events.inputs import target_input
from localaws.events.schedule_expressions import ExpressionError, parse
from localaws.events.timetables import Timetable
from tests.localaws.running import EVERYTHING, ctx, function, messages, queue, role, until  # noqa: F401


def rule(ctx: Context, name: str, pattern: dict[str, Any], *targets: dict[str, Any], **options: Any) -> None:
    ctx.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern), **options)
    ctx.client("events").put_targets(Rule=name, Targets=[{"Id": str(n), **target} for n, target in enumerate(targets)])


def put(ctx: Context, source: str, detail: dict[str, Any]) -> None:
    entry = {"Source": source, "DetailType": "thing", "Detail": json.dumps(detail)}
    answer = ctx.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0, answer


def bucket(ctx: Context, name: str) -> Any:
    s3 = ctx.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    return s3


def test_an_object_put_reaches_the_queue_with_the_version_written(ctx: Context) -> None:
    s3 = bucket(ctx, "one")
    url, arn = queue(ctx, "one")
    rule(ctx, "one", {"source": ["aws.s3"], "detail": {"bucket": {"name": ["one"]}}}, {"Arn": arn})
    written = s3.put_object(Bucket="one", Key="a b/ü.csv", Body=b"xyz")
    (message,) = until(lambda: messages(ctx, url))
    event = json.loads(message["Body"])
    thing = event["detail"]["object"]
    assert (event["source"], event["detail-type"], event["resources"]) == (
        "aws.s3",
        "Object Created",
        ["arn:aws:s3:::one"],
    )
    assert (thing["key"], thing["size"], thing["version-id"]) == ("a b/ü.csv", 3, written["VersionId"])
    assert thing["etag"] == written["ETag"].strip('"')
    assert event["detail"]["reason"] == "PutObject"
    assert event["time"].endswith("Z")


def test_each_way_of_writing_and_deleting_is_announced_once(ctx: Context) -> None:
    s3 = bucket(ctx, "ways")
    url, arn = queue(ctx, "ways")
    rule(ctx, "ways", {"source": ["aws.s3"], "detail": {"bucket": {"name": ["ways"]}}}, {"Arn": arn})
    upload = s3.create_multipart_upload(Bucket="ways", Key="big")["UploadId"]
    part = s3.upload_part(Bucket="ways", Key="big", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    done = s3.complete_multipart_upload(
        Bucket="ways", Key="big", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]}
    )
    copied = s3.copy_object(Bucket="ways", Key="copy", CopySource={"Bucket": "ways", "Key": "big"})
    marker = s3.delete_object(Bucket="ways", Key="copy")
    seen: list[dict[str, Any]] = []
    until(lambda: seen.extend(json.loads(message["Body"]) for message in messages(ctx, url)) or len(seen) >= 3)
    assert sorted((event["detail"]["reason"], event["detail"]["object"]["version-id"]) for event in seen) == sorted(
        [
            ("CompleteMultipartUpload", done["VersionId"]),
            ("CopyObject", copied["VersionId"]),
            ("DeleteObject", marker["VersionId"]),
        ]
    )
    deleted = next(event for event in seen if event["detail-type"] == "Object Deleted")
    assert deleted["detail"]["deletion-type"] == "Delete Marker Created"


@pytest.mark.slow
def test_many_puts_at_once_all_arrive_and_sequencers_differ(ctx: Context) -> None:
    s3 = bucket(ctx, "many")
    url, arn = queue(ctx, "many")
    rule(ctx, "many", {"source": ["aws.s3"], "detail": {"bucket": {"name": ["many"]}}}, {"Arn": arn})
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda n: s3.put_object(Bucket="many", Key=str(n), Body=b""), range(100)))
    seen: list[dict[str, Any]] = []
    until(lambda: seen.extend(messages(ctx, url)) or len(seen) >= 100)
    things = [json.loads(message["Body"])["detail"]["object"] for message in seen]
    assert len({thing["sequencer"] for thing in things}) == len({thing["key"] for thing in things}) == 100


def test_a_disabled_rule_and_another_pattern_deliver_nothing(ctx: Context) -> None:
    url, arn = queue(ctx, "quiet")
    rule(ctx, "off", {"source": ["mine"]}, {"Arn": arn, "Input": "off"}, State="DISABLED")
    rule(ctx, "other", {"source": ["mine"], "detail": {"a": [2]}}, {"Arn": arn, "Input": "other"})
    rule(ctx, "on", {"source": ["mine"], "detail": {"a": [1]}}, {"Arn": arn, "Input": "on"})
    put(ctx, "mine", {"a": 1})
    assert [message["Body"] for message in until(lambda: messages(ctx, url))] == ["on"]


EVENT = {"id": "i", "source": "s", "detail-type": "t", "detail": {"key": 'a "b"', "n": 1, "list": [1, "x"]}}


@pytest.mark.parametrize(
    ("target", "given"),
    [
        ({"Input": '{"a": 1}'}, '{"a": 1}'),
        ({"InputPath": "$.detail.list"}, '[1, "x"]'),
        ({"InputPath": "$.detail-type"}, '"t"'),
        (
            {"InputTransformer": {"InputPathsMap": {"k": "$.detail.key"}, "InputTemplate": '{"k": <k>, "s": "x/<k>"}'}},
            '{"k": "a \\"b\\"", "s": "x/a \\"b\\""}',
        ),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"n": "$.detail.n", "l": "$.detail.list"},
                    "InputTemplate": "[<n>, <l>]",
                }
            },
            '[1, [1, "x"]]',
        ),
        ({"InputTransformer": {"InputTemplate": '{"rule": <aws.events.rule-name>}'}}, '{"rule": "r"}'),
    ],
)
def test_a_targets_input_is_made_from_the_event(target: dict[str, Any], given: str) -> None:
    assert target_input(target, EVENT, "arn:aws:events:us-east-1:1:rule/r") == given


@pytest.mark.slow
def test_a_function_and_a_fifo_queue_and_another_bus_are_targets(ctx: Context) -> None:
    url, arn = queue(ctx, "told")
    fifo_url, fifo = queue(ctx, "fan.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    source = (
        f"import boto3\ndef handler(e, c): boto3.client('sqs').send_message(QueueUrl='{url}', MessageBody=e['source'])"
    )
    teller = function(ctx, "teller", source)
    ctx.client("lambda").add_permission(
        FunctionName="teller", StatementId="rule", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    bus = ctx.client("events").create_event_bus(Name="second")["EventBusArn"]
    send = role(ctx, "bus", {"Action": "events:PutEvents", "Resource": bus})
    rule(
        ctx,
        "fan",
        {"source": ["fan"]},
        {"Arn": teller},
        {"Arn": fifo, "SqsParameters": {"MessageGroupId": "g"}},
        {"Arn": bus, "RoleArn": send},
    )
    ctx.client("events").put_rule(Name="far", EventBusName="second", EventPattern='{"source": ["fan"]}')
    ctx.client("events").put_targets(
        Rule="far", EventBusName="second", Targets=[{"Id": "1", "Arn": arn, "Input": "over the bus"}]
    )
    put(ctx, "fan", {})
    seen: list[str] = []
    until(lambda: seen.extend(message["Body"] for message in messages(ctx, url)) or len(seen) >= 2)
    assert sorted(seen) == ["fan", "over the bus"]
    assert until(lambda: messages(ctx, fifo_url))[0]["Attributes"]["MessageGroupId"] == "g"


def test_an_event_for_a_target_that_is_gone_goes_to_the_dead_letter_queue(ctx: Context) -> None:
    url, dead = queue(ctx, "undelivered")
    gone = f"arn:aws:sqs:us-east-1:{ctx.account}:gone"
    rule(ctx, "lost", {"source": ["lost"]}, {"Arn": gone, "DeadLetterConfig": {"Arn": dead}})
    put(ctx, "lost", {"a": 1})
    (message,) = until(lambda: messages(ctx, url))
    assert json.loads(message["Body"])["detail"] == {"a": 1}
    assert message["MessageAttributes"]["TARGET_ARN"]["StringValue"] == gone


def test_a_target_whose_role_may_not_gets_nothing(ctx: Context) -> None:
    url, dead = queue(ctx, "forbidden")
    bus = ctx.client("events").create_event_bus(Name="third")["EventBusArn"]
    nothing = role(ctx, "nothing", {"Action": "s3:GetObject", "Resource": "*"})
    rule(ctx, "no", {"source": ["no"]}, {"Arn": bus, "RoleArn": nothing, "DeadLetterConfig": {"Arn": dead}})
    put(ctx, "no", {})
    (message,) = until(lambda: messages(ctx, url))
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"


def test_what_is_not_delivered_to_is_refused_by_name(ctx: Context) -> None:
    ctx.client("events").put_rule(Name="bad", EventPattern='{"source": ["x"]}')
    target = f"arn:aws:ecs:us-east-1:{ctx.account}:cluster/c"
    with pytest.raises(ClientError, match="ecs"):
        ctx.client("events").put_targets(Rule="bad", Targets=[{"Id": "1", "Arn": target}])


def test_events_in_the_name_of_aws_are_refused(ctx: Context) -> None:
    entry = {"Source": "aws.s3", "DetailType": "Object Created", "Detail": "{}"}
    (answer,) = ctx.client("events").put_events(Entries=[entry])["Entries"]
    assert answer["ErrorCode"] == "NotAuthorizedForSourceException"


# ---- schedules


def at(text: str) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize(
    ("expression", "zone", "now", "due"),
    [
        ("rate(5 minutes)", "UTC", "2026-01-01T00:00:00", "2026-01-01T00:05:00"),
        ("cron(0 3 ? * MON-FRI *)", "UTC", "2026-01-03T00:00:00", "2026-01-05T03:00:00"),
        ("cron(15/30 * * * ? *)", "UTC", "2026-01-01T00:15:00", "2026-01-01T00:45:00"),
        ("cron(0 12 L * ? *)", "UTC", "2026-02-01T00:00:00", "2026-02-28T12:00:00"),
        ("cron(0 8 ? * 2#1 *)", "UTC", "2026-01-06T00:00:00", "2026-02-02T08:00:00"),
        ("cron(0 3 * * ? *)", "Europe/Zurich", "2026-07-01T00:00:00", "2026-07-01T01:00:00"),
        ("at(2026-01-01T12:00:00)", "UTC", "2026-01-01T00:00:00", "2026-01-01T12:00:00"),
    ],
)
def test_a_schedule_is_due(expression: str, zone: str, now: str, due: str) -> None:
    assert parse(expression, ZoneInfo(zone)).after(at(now), since=at(now)) == at(due)


@pytest.mark.parametrize("expression", [
        "cron(* * * * * *)", "cron(0 3 W * ? *)", "cron(*/0 * * * ? *)", "cron(61 * * * ? *)", "cron()",
        "rate(x minutes)", "rate(0 minutes)", "rate(-1 minutes)", "rate(1 minutes)", "rate(5 minute)",
        "rate(5 seconds)",
        "rate(1.5 hours)", "rate()", "at(tomorrow)", "every day", "",
    ])  # fmt: skip
def test_a_schedule_that_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        parse(expression, ZoneInfo("UTC"))


class Collected(list[tuple[str, str]]):
    def deliver(self, rule: str, target: Any, event: dict[str, Any]) -> None:
        if target["Arn"].endswith(":ticks"):
            self.append(("ticks", event["detail-type"]))


@pytest.mark.parametrize(
    "expression", ["rate(0 minutes)", "rate(1 minutes)", "cron(* * * * * *)", "at(2030-01-01T00:00:00)"]
)
def test_a_rule_whose_schedule_cannot_be_is_refused(ctx: Context, expression: str) -> None:
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        ctx.client("events").put_rule(Name="never", ScheduleExpression=expression)


@pytest.mark.parametrize(
    "pattern", [{"source": [{"prefix": 5}]}, {"source": "shop"}, {"source": []}, {"a": [{"b": 1}]}]
)
def test_a_rule_whose_pattern_cannot_be_is_refused(ctx: Context, pattern: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidEventPatternException"):
        ctx.client("events").put_rule(Name="broken", EventPattern=json.dumps(pattern))


def test_a_pattern_can_be_tried(ctx: Context) -> None:
    event = {
        "id": "1",
        "account": "1",
        "source": "shop",
        "time": "2026-01-01T00:00:00Z",
        "region": "r",
        "resources": [],
    }
    for source, result in (("shop", True), ("other", False)):
        pattern = json.dumps({"source": [source]})
        answer = ctx.client("events").test_event_pattern(EventPattern=pattern, Event=json.dumps(event))
        assert answer["Result"] is result


def test_a_rule_that_cannot_be_applied_stops_no_other_and_is_counted(ctx: Context) -> None:
    url, arn = queue(ctx, "after")
    rule(ctx, "a-broken", {"source": ["shop"]}, {"Arn": arn})
    rule(ctx, "b-sound", {"source": ["shop"]}, {"Arn": arn})
    broken = events_backends[ctx.account][ctx.region].event_buses["default"].rules["a-broken"]
    broken.event_pattern._raw_pattern = '{"source": [{"prefix": 5}]}'  # as an older version may have let it in
    put(ctx, "shop", {})
    (message,) = until(lambda: messages(ctx, url))
    assert json.loads(message["Body"])["source"] == "shop"
    assert failures(ctx, "AWS/Events", "FailedInvocations", RuleName="a-broken") == 1


@pytest.fixture
def elsewhere(ctx: Context) -> Iterator[Context]:
    """The same local AWS in a region whose schedules its own timetable does not look at: a test's clock is alone."""
    region = dataclasses.replace(ctx, region="eu-west-1", _clients={})
    yield region
    rules = region.client("events")
    for name in [rule["Name"] for rule in rules.list_rules()["Rules"]]:
        targets = rules.list_targets_by_rule(Rule=name)["Targets"]
        rules.remove_targets(Rule=name, Ids=[target["Id"] for target in targets])
        rules.delete_rule(Name=name)
    for each in region.client("scheduler").list_schedules()["Schedules"]:
        region.client("scheduler").delete_schedule(Name=each["Name"], GroupName=each["GroupName"])


def test_a_schedule_that_cannot_be_looked_at_stops_no_other(elsewhere: Context) -> None:
    ctx = elsewhere
    _, arn = queue(ctx, "ticks")
    for name in ("a-broken", "b-sound"):
        ctx.client("events").put_rule(Name=name, ScheduleExpression="rate(1 minute)")
        ctx.client("events").put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
    rules = events_backends[ctx.account][ctx.region].event_buses["default"].rules
    rules["a-broken"].scheduled_expression = "rate(0 minutes)"
    fired = Collected()
    timetable, now = Timetable(ctx, fired), time.time()
    for seconds in (0, 61, 122):
        timetable.tick(now + seconds)
    assert len(fired) == 2
    assert failures(ctx, "AWS/Events", "FailedInvocations", Arn=rules["a-broken"].arn) == 1


def failures(ctx: Context, namespace: str, name: str, **dimensions: str) -> float:
    """Return how often CloudWatch counted a failure within the hour."""
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)
    points = ctx.client("cloudwatch").get_metric_statistics(
        Namespace=namespace, MetricName=name, StartTime=end - datetime.timedelta(hours=1), EndTime=end, Period=3600,
        Statistics=["Sum"], Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
    )["Datapoints"]  # fmt: skip
    return sum(point["Sum"] for point in points)


def test_rules_and_schedules_fire_when_due_and_not_before(elsewhere: Context) -> None:
    ctx = elsewhere
    _, arn = queue(ctx, "ticks")
    now = time.time()
    ctx.client("events").put_rule(Name="tick", ScheduleExpression="rate(1 minute)")
    ctx.client("events").put_targets(Rule="tick", Targets=[{"Id": "1", "Arn": arn}])
    may = role(ctx, "ticker", {"Action": "sqs:SendMessage", "Resource": arn})
    ctx.client("scheduler").create_schedule(
        Name="hourly",
        ScheduleExpression=f"cron({(now // 60 + 30) % 60:.0f} * * * ? *)",  # half an hour from now
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": may, "Input": "x"},
    )
    fired = Collected()
    timetable = Timetable(ctx, fired)
    timetable.tick(now)
    timetable.tick(now + 59)
    assert not fired
    timetable.tick(now + 61)
    assert fired == [("ticks", "Scheduled Event")]
    timetable.tick(now + 3700)
    assert len(fired) == 3


def test_a_flexible_time_window_is_refused(ctx: Context) -> None:
    with pytest.raises(ClientError, match="FlexibleTimeWindow"):
        ctx.client("scheduler").create_schedule(
            Name="loose",
            ScheduleExpression="rate(1 hour)",
            FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5},
            Target={"Arn": f"arn:aws:sqs:us-east-1:{ctx.account}:q", "RoleArn": role(ctx, "everything", EVERYTHING)},
        )
