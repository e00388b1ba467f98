"""SQS event source mappings: batches, order, partial failures, redrive, filters, limits."""

# ruff: noqa: F811  `ctx` is a fixture

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.context import Context
from localaws.functions.sqs_poller import MalformedAnswer, reported_failures
from tests.localaws.running import ctx, function, messages, queue, role, until  # noqa: F401


def consumer(ctx: Context, name: str, body: str = "pass", *, fifo: bool = False, **mapping: Any) -> tuple[str, str]:
    """A queue, a function that reports its events into another queue, and a mapping: the two queues' URLs."""
    attributes = {"VisibilityTimeout": "10", **mapping.pop("attributes", {})}
    if fifo:
        attributes |= {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url, arn = queue(ctx, f"{name}.fifo" if fifo else name, **attributes)
    seen_url, _ = queue(ctx, f"{name}-seen")
    source = (
        "import boto3, json, time\nsqs = boto3.client('sqs')\n"
        "def handler(event, context):\n"
        f"  sqs.send_message(QueueUrl='{seen_url}', MessageBody=json.dumps(event))\n"
        "  bodies = [r['body'] for r in event['Records']]\n"
        "  ids = {r['body']: r['messageId'] for r in event['Records']}\n"
        f"  {body}\n"
    )
    function(ctx, name, source, Timeout=5)
    ctx.client("lambda").create_event_source_mapping(FunctionName=name, EventSourceArn=arn, **mapping)
    return url, seen_url


def seen(ctx: Context, url: str) -> list[list[dict[str, Any]]]:
    return [json.loads(message["Body"])["Records"] for message in messages(ctx, url)]


def collect(ctx: Context, url: str, count: int, seconds: float = 15) -> list[list[dict[str, Any]]]:
    """Batches until they hold ``count`` records."""
    batches: list[list[dict[str, Any]]] = []
    until(lambda: batches.extend(seen(ctx, url)) or sum(map(len, batches)) >= count, seconds)
    return batches


def is_empty(ctx: Context, url: str) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = ctx.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return all(value == "0" for value in found.values())


def send(ctx: Context, url: str, *bodies: str, **options: Any) -> None:
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(n), "MessageBody": body, **options} for n, body in enumerate(bodies[start : start + 10])]
        ctx.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)


@pytest.mark.slow
def test_a_message_arrives_as_aws_writes_it_and_is_deleted(ctx: Context) -> None:
    url, seen_url = consumer(ctx, "shape")
    ctx.client("sqs").send_message(
        QueueUrl=url, MessageBody="hi", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}}
    )
    ((record,),) = collect(ctx, seen_url, 1)
    assert set(record) == {
        "messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody", "eventSource",
        "eventSourceARN", "awsRegion",
    }  # fmt: skip
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["md5OfBody"] == "49f68a5c8493ec2c0bf489821c21fc3b"
    assert record["messageAttributes"]["a"]["stringValue"] == "b"
    until(lambda: is_empty(ctx, url))


@pytest.mark.slow
def test_a_batching_window_gathers_more_than_ten(ctx: Context) -> None:
    url, seen_url = consumer(ctx, "window", BatchSize=25, MaximumBatchingWindowInSeconds=5)
    send(ctx, url, *map(str, range(25)))
    assert [len(batch) for batch in collect(ctx, seen_url, 25)] == [25]


@pytest.mark.slow
def test_only_the_reported_messages_come_again(ctx: Context) -> None:
    body = "return {'batchItemFailures': [{'itemIdentifier': ids[b]} for b in bodies if b == 'bad']}"
    url, seen_url = consumer(
        ctx, "partial", body, attributes={"VisibilityTimeout": "5"}, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    send(ctx, url, "good", "bad", "fine")
    batches = collect(ctx, seen_url, 4)
    again = [record for batch in batches for record in batch if record["attributes"]["ApproximateReceiveCount"] == "2"]
    assert [record["body"] for record in again] == ["bad"]


@pytest.mark.slow
def test_a_message_that_fails_too_often_ends_in_the_dead_letter_queue(ctx: Context) -> None:
    dead_url, dead = queue(ctx, "poison-dead")
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    url, _ = consumer(ctx, "poison", "raise ValueError", attributes={"RedrivePolicy": policy, "VisibilityTimeout": "5"})
    send(ctx, url, "bad")
    assert [message["Body"] for message in until(lambda: messages(ctx, dead_url))] == ["bad"]
    assert is_empty(ctx, url)


@pytest.mark.slow
def test_a_group_keeps_its_order_and_another_group_does_not_wait_for_it(ctx: Context) -> None:
    url, seen_url = consumer(ctx, "ordered", "time.sleep(0.3 if bodies[0][0] == 'a' else 0)", fifo=True, BatchSize=2)
    for number in range(6):
        for group in "ab":
            send(ctx, url, f"{group}{number}", MessageGroupId=group)
    batches = collect(ctx, seen_url, 12)
    order = [record["body"] for batch in batches for record in batch]
    assert [body for body in order if body[0] == "a"] == [f"a{number}" for number in range(6)]
    assert [body for body in order if body[0] == "b"] == [f"b{number}" for number in range(6)]
    assert order.index("b5") < order.index("a5")
    assert all(len({record["attributes"]["MessageGroupId"] for record in batch}) == 1 for batch in batches)


def test_a_duplicate_within_five_minutes_is_not_delivered_even_after_the_first_is_gone(ctx: Context) -> None:
    url, _ = queue(ctx, "once.fifo", FifoQueue="true")
    options = {"QueueUrl": url, "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first = ctx.client("sqs").send_message(MessageBody="1", **options)["MessageId"]
    assert len(messages(ctx, url)) == 1
    assert ctx.client("sqs").send_message(MessageBody="1", **options)["MessageId"] == first
    assert messages(ctx, url) == []


@pytest.mark.slow
def test_messages_that_no_filter_wants_are_dropped(ctx: Context) -> None:
    filters = {"Filters": [{"Pattern": json.dumps({"body": {"kind": ["order"]}})}]}
    url, seen_url = consumer(ctx, "filtered", FilterCriteria=filters)
    send(ctx, url, '{"kind": "visit"}', "no JSON", '{"kind": "order"}')
    until(lambda: is_empty(ctx, url))
    assert [record["body"] for batch in seen(ctx, seen_url) for record in batch] == ['{"kind": "order"}']


@pytest.mark.slow
def test_a_disabled_mapping_does_nothing_until_it_is_enabled(ctx: Context) -> None:
    url, seen_url = consumer(ctx, "sleeper", Enabled=False)
    send(ctx, url, "x")
    time.sleep(0.4)
    assert seen(ctx, seen_url) == []
    (mapping,) = ctx.client("lambda").list_event_source_mappings(FunctionName="sleeper")["EventSourceMappings"]
    ctx.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    collect(ctx, seen_url, 1)


@pytest.mark.slow
def test_a_waiting_poller_wakes_at_once(ctx: Context) -> None:
    url, seen_url = consumer(ctx, "quick")
    send(ctx, url, "warm up")
    collect(ctx, seen_url, 1)
    send(ctx, url, "timed")
    ((record,),) = collect(ctx, seen_url, 1)
    attributes = record["attributes"]
    assert int(attributes["ApproximateFirstReceiveTimestamp"]) - int(attributes["SentTimestamp"]) < 20


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (b"null", set()),
        (b"{}", set()),
        (b'{"batchItemFailures": null}', set()),
        (b'{"batchItemFailures": []}', set()),
        (b'{"batchItemFailures": [{"itemIdentifier": "a"}]}', {"a"}),
    ],
)
def test_what_a_function_reports(answer: bytes, failed: set[str]) -> None:
    assert reported_failures(answer, {"a", "b"}) == failed


@pytest.mark.parametrize(
    "answer",
    [b"[]", b'"ok"', b'{"batchItemFailures": [{"id": "a"}]}', b'{"batchItemFailures": [{"itemIdentifier": ""}]}',
     b'{"batchItemFailures": [{"itemIdentifier": "other"}]}', b'{"batchItemFailures": {}}'],
)  # fmt: skip
def test_a_malformed_report_fails_the_whole_batch(answer: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        reported_failures(answer, {"a", "b"})


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("limits.fifo", {"MaximumBatchingWindowInSeconds": 1}, "FIFO"),
        ("limits.fifo", {"BatchSize": 11}, "BatchSize"),
        ("limits", {"BatchSize": 11}, "batch window"),
        ("limits", {"ScalingConfig": {"MaximumConcurrency": 1}}, "(?i)concurrency"),
        ("limits", {"MaximumRetryAttempts": 3}, "MaximumRetryAttempts"),
    ],
)
def test_what_sqs_does_not_allow_is_refused(ctx: Context, name: str, options: dict[str, Any], named: str) -> None:
    if not hasattr(test_what_sqs_does_not_allow_is_refused, "made"):
        function(ctx, "limited", "def handler(e, c): pass")
        test_what_sqs_does_not_allow_is_refused.made = True  # type: ignore[attr-defined]
    _, arn = queue(ctx, name, **({"FifoQueue": "true"} if name.endswith("fifo") else {}))
    with pytest.raises(Exception, match=named):
        ctx.client("lambda").create_event_source_mapping(FunctionName="limited", EventSourceArn=arn, **options)


def test_sources_that_are_not_polled_are_refused_by_name(ctx: Context) -> None:
    function(ctx, "streamed", "def handler(e, c): pass")
    arn = f"arn:aws:dynamodb:us-east-1:{ctx.account}:table/t/stream/2026-01-01T00:00:00.000"
    with pytest.raises(ClientError, match="does not poll dynamodb"):
        ctx.client("lambda").create_event_source_mapping(FunctionName="streamed", EventSourceArn=arn)


def test_a_role_that_may_not_receive_is_refused(ctx: Context) -> None:
    _, arn = queue(ctx, "unreadable")
    may = role(ctx, "reads-no-queue", {"Action": "sqs:DeleteMessage", "Resource": arn})
    function(ctx, "unreadable", "def handler(e, c): pass", Role=may)
    with pytest.raises(ClientError, match="permissions to call ReceiveMessage"):
        ctx.client("lambda").create_event_source_mapping(FunctionName="unreadable", EventSourceArn=arn)


def test_a_visibility_shorter_than_the_functions_timeout_is_refused(ctx: Context) -> None:
    _, arn = queue(ctx, "hasty", VisibilityTimeout="5")
    function(ctx, "hasty", "def handler(e, c): pass", Timeout=6)
    with pytest.raises(ClientError, match="visibility timeout"):
        ctx.client("lambda").create_event_source_mapping(FunctionName="hasty", EventSourceArn=arn)
