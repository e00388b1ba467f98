"""What a Kinesis mapping does with what fails: retries, ages, bisecting, partial answers, throttles, destinations."""

# ruff: noqa: F811  `ctx`, `source`, `consume` are fixtures

import json
import re
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.context import Context
from localaws.functions import kinesis_batches
from localaws.functions.kinesis_batches import Batch, after_failure
from tests.localaws.functions.streaming import FIRST, Consume, Source, Throttle, consume, source, text  # noqa: F401
from tests.localaws.running import ctx, function, messages, queue, role, until  # noqa: F401


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinesis_batches, "FIRST_RETRY_SECONDS", 0.005)
    monkeypatch.setattr(kinesis_batches, "LAST_RETRY_SECONDS", 0.02)


def failing(*bad: str) -> Any:
    """A handler that fails when one of these is among its records."""

    def handler(records: list[dict[str, Any]]) -> None:
        if set(bad) & set(map(text, records)):
            raise ValueError("bad")

    return handler


def reporting(*bad: str) -> Any:
    """A handler that reports these of its records as failed."""

    def handler(records: list[dict[str, Any]]) -> Any:
        failed = [record["kinesis"]["sequenceNumber"] for record in records if text(record) in bad]
        return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}

    return handler


def on_failure(arn: str) -> dict[str, Any]:
    return {"DestinationConfig": {"OnFailure": {"Destination": arn}}}


def one_message(ctx: Context, url: str) -> Any:
    (message,) = until(lambda: messages(ctx, url))
    return json.loads(message["Body"])


# ---- what comes after a failure


def steps(size: int, failed_from: int, failures: int = 0, **policy: Any) -> tuple[list[tuple[list[int], int]], Any]:
    again, lost = after_failure(Batch(list(range(size)), failures), failed_from, **policy)
    return [(each.records, each.failures) for each in again], lost and (lost.records, lost.failures)


@pytest.mark.parametrize(
    ("given", "again", "lost"),
    [
        ({"size": 4, "failed_from": 0, "bisect": False, "retries": -1}, [([0, 1, 2, 3], 1)], None),
        ({"size": 4, "failed_from": 0, "bisect": False, "retries": 0}, [], ([0, 1, 2, 3], 1)),
        ({"size": 4, "failed_from": 0, "failures": 1, "bisect": False, "retries": 2}, [([0, 1, 2, 3], 2)], None),
        ({"size": 4, "failed_from": 0, "failures": 2, "bisect": False, "retries": 2}, [], ([0, 1, 2, 3], 3)),
        ({"size": 4, "failed_from": 2, "bisect": False, "retries": 5}, [([2, 3], 1)], None),
        ({"size": 4, "failed_from": 2, "bisect": False, "retries": 0}, [], ([2, 3], 1)),
        ({"size": 5, "failed_from": 0, "bisect": True, "retries": 0}, [([0, 1], 0), ([2, 3, 4], 0)], None),
        ({"size": 4, "failed_from": 3, "bisect": True, "retries": 0}, [([3], 0)], None),
        ({"size": 1, "failed_from": 0, "bisect": True, "retries": 1}, [([0], 1)], None),
        ({"size": 1, "failed_from": 0, "failures": 1, "bisect": True, "retries": 1}, [], ([0], 2)),
    ],
)
def test_what_comes_after_a_failure(given: dict[str, Any], again: Any, lost: Any) -> None:
    assert steps(**given) == (again, lost)


# ---- retries


@pytest.mark.parametrize("retries", [0, 2])
def test_a_batch_is_tried_again_so_often_and_then_given_up(source: Source, consume: Consume, retries: int) -> None:
    consumer = consume(failing("bad"))
    source.put("fine", "bad")
    consumer.map(source.arn, BatchSize=2, MaximumRetryAttempts=retries)
    source.put("next")
    consumer.saw(2 * (1 + retries) + 1)
    assert consumer.batches == [["fine", "bad"]] * (1 + retries) + [["next"]]


def test_without_a_limit_nothing_is_given_up(source: Source, consume: Consume) -> None:
    def handler(records: list[dict[str, Any]]) -> None:
        if len(consumer.batches) < 8:
            raise ValueError("not yet")

    consumer = consume(handler)
    source.put("a")
    consumer.map(source.arn, MaximumRetryAttempts=-1, BatchSize=1)
    source.put("b")
    consumer.saw(9)
    assert consumer.seen == ["a"] * 8 + ["b"]


def test_a_changed_number_of_retries_frees_a_stuck_shard(source: Source, consume: Consume) -> None:
    consumer = consume(failing("bad"))
    source.put("bad")
    mapping = consumer.map(source.arn, BatchSize=1)
    source.put("behind")
    consumer.saw(3)
    assert "behind" not in consumer.seen
    consumer.update(mapping, MaximumRetryAttempts=0)
    until(lambda: "behind" in consumer.seen)


def test_pauses_between_retries_double_up_to_a_limit(
    source: Source, consume: Consume, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(kinesis_batches, "FIRST_RETRY_SECONDS", 0.1)
    monkeypatch.setattr(kinesis_batches, "LAST_RETRY_SECONDS", 5.0)

    class Gone:
        def wait(self, seconds: float) -> None:
            pauses.append(seconds)

    delivery = object.__new__(kinesis_batches.Delivery)
    delivery._gone = Gone()  # type: ignore[assignment]
    for failures in (1, 2, 3, 7, 10_000):
        delivery._pause(failures)
    assert pauses == [0.1, 0.2, 0.4, 5.0, 5.0]


def test_a_throttled_function_costs_no_retry(source: Source, consume: Consume) -> None:
    def handler(records: list[dict[str, Any]]) -> None:
        if len(consumer.batches) < 4:
            raise Throttle

    consumer = consume(handler)
    source.put("a")
    consumer.map(source.arn, MaximumRetryAttempts=0)
    consumer.saw(4)
    time.sleep(0.05)
    assert consumer.seen == ["a"] * 4


@pytest.mark.slow
def test_a_timeout_is_a_failure(ctx: Context, source: Source) -> None:
    url, arn = queue(ctx, f"{source.name}-failed")
    function(ctx, source.name, "import time\ndef handler(e, c): time.sleep(9)", Timeout=1)
    source.put("a")
    ctx.client("lambda").create_event_source_mapping(
        FunctionName=source.name, EventSourceArn=source.arn, StartingPosition="TRIM_HORIZON", MaximumRetryAttempts=0,
        **on_failure(arn),
    )  # fmt: skip
    assert one_message(ctx, url)["responseContext"]["functionError"] == "Unhandled"


# ---- age


def test_records_that_become_too_old_are_given_up(ctx: Context, source: Source, consume: Consume) -> None:
    url, arn = queue(ctx, f"{source.name}-failed")

    def handler(records: list[dict[str, Any]]) -> None:
        if len(consumer.batches) == 3:
            for record in source.moto.shards[FIRST].log[:2]:
                record.created_at -= 61
        if text(records[0]) == "a":
            raise ValueError("bad")

    consumer = consume(handler)
    source.put("a", "b", "c")
    consumer.map(source.arn, MaximumRecordAgeInSeconds=60, **on_failure(arn))
    until(lambda: ["c"] in consumer.batches)
    assert consumer.batches == [["a", "b", "c"]] * 3 + [["c"]]
    record = one_message(ctx, url)
    assert record["requestContext"]["condition"] == "RecordAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["KinesisBatchInfo"]["batchSize"] == 2


def test_records_too_old_to_begin_with_reach_no_function(ctx: Context, source: Source, consume: Consume) -> None:
    url, arn = queue(ctx, f"{source.name}-failed")
    source.put("old", "new")
    source.moto.shards[FIRST].log[0].created_at -= 61
    consumer = consume()
    consumer.map(source.arn, MaximumRecordAgeInSeconds=60, **on_failure(arn))
    assert consumer.saw(1) == [["new"]]
    record = one_message(ctx, url)
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in record


# ---- bisecting and partial answers


def test_bisecting_isolates_the_bad_record_in_order(ctx: Context, source: Source, consume: Consume) -> None:
    url, arn = queue(ctx, f"{source.name}-failed")
    consumer = consume(failing("2"))
    source.put("0", "1", "2", "3")
    consumer.map(source.arn, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1, **on_failure(arn))
    until(lambda: ["3"] in consumer.batches)
    assert consumer.batches == [["0", "1", "2", "3"], ["0", "1"], ["2", "3"], ["2"], ["2"], ["3"]]
    info = one_message(ctx, url)["KinesisBatchInfo"]
    assert info["batchSize"] == 1
    assert info["startSequenceNumber"] == info["endSequenceNumber"]


PARTIAL = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


def test_reading_goes_on_at_the_lowest_reported_record(source: Source, consume: Consume) -> None:
    consumer = consume(reporting("3", "1"))
    source.put("0", "1", "2", "3")
    consumer.map(source.arn, MaximumRetryAttempts=2, BatchSize=4, **PARTIAL)
    source.put("next")
    until(lambda: "next" in consumer.seen)
    assert consumer.batches == [["0", "1", "2", "3"], ["1", "2", "3"], ["1", "2", "3"], ["next"]]


def test_a_batch_is_bisected_at_the_reported_record(source: Source, consume: Consume) -> None:
    consumer = consume(reporting("2"))
    source.put("0", "1", "2", "3")
    consumer.map(source.arn, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True, **PARTIAL)
    until(lambda: ["3"] in consumer.batches)
    assert consumer.batches == [["0", "1", "2", "3"], ["2", "3"], ["2"], ["3"]]


def test_reports_mean_nothing_unless_they_are_asked_for(source: Source, consume: Consume) -> None:
    consumer = consume(reporting("0"))
    source.put("0")
    consumer.map(source.arn, BatchSize=1)
    source.put("1")
    consumer.saw(2)
    assert consumer.batches == [["0"], ["1"]]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_empty_report_is_a_success(source: Source, consume: Consume, answer: Any) -> None:
    consumer = consume(lambda records: answer)
    source.put("a")
    consumer.map(source.arn, BatchSize=1, **PARTIAL)
    source.put("b")
    consumer.saw(2)
    assert consumer.batches == [["a"], ["b"]]


@pytest.mark.parametrize(
    "failure", [{"itemIdentifier": ""}, {"itemIdentifier": None}, {"itemIdentifier": "1"}, {"id": "1"}, "x",
                {"itemIdentifier": ["1"]}]
)  # fmt: skip
def test_a_report_that_makes_no_sense_fails_the_whole_batch(source: Source, consume: Consume, failure: Any) -> None:
    consumer = consume(lambda records: {"batchItemFailures": [failure]} if len(consumer.batches) == 1 else None)
    source.put("a", "b")
    consumer.map(source.arn, **PARTIAL)
    consumer.saw(4)
    assert consumer.batches == [["a", "b"], ["a", "b"]]


# ---- destinations

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_a_queue_gets_the_metadata_only(ctx: Context, source: Source, consume: Consume) -> None:
    url, arn = queue(ctx, f"{source.name}-failed")
    consumer = consume(failing("b"))
    put = source.put("a", "b")
    consumer.map(source.arn, MaximumRetryAttempts=1, **on_failure(arn))
    record = one_message(ctx, url)
    identifier, timestamp = record["requestContext"].pop("requestId"), record.pop("timestamp")
    times = [record["KinesisBatchInfo"].pop(f"approximateArrivalOf{which}Record") for which in ("First", "Last")]
    assert re.fullmatch(r"[0-9a-f-]{36}", identifier)
    assert all(re.fullmatch(TIME, each) for each in (timestamp, *times))
    assert record == {
        "requestContext": {
            "functionArn": consumer.function_arn,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "KinesisBatchInfo": {
            "shardId": FIRST,
            "startSequenceNumber": put[0]["SequenceNumber"],
            "endSequenceNumber": put[1]["SequenceNumber"],
            "batchSize": 2,
            "streamArn": source.arn,
        },
    }


def test_a_topic_gets_the_metadata(ctx: Context, source: Source, consume: Consume) -> None:
    url, arn = queue(ctx, f"{source.name}-failed")
    topic = ctx.client("sns").create_topic(Name=source.name)["TopicArn"]
    ctx.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    source.put("a")
    consume(failing("a")).map(source.arn, MaximumRetryAttempts=0, **on_failure(topic))
    record = json.loads(one_message(ctx, url)["Message"])
    assert (record["KinesisBatchInfo"]["batchSize"], "payload" in record) == (1, False)


def test_a_bucket_gets_the_payload_too(ctx: Context, source: Source, consume: Consume) -> None:
    ctx.client("s3").create_bucket(Bucket=source.name)
    consumer = consume(failing("b"))
    source.put("a", "b")
    mapping = consumer.map(source.arn, MaximumRetryAttempts=0, **on_failure(f"arn:aws:s3:::{source.name}"))
    (found,) = until(lambda: ctx.client("s3").list_objects_v2(Bucket=source.name).get("Contents"))
    day, moment = r"\d{4}/\d\d/\d\d", r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d"
    assert re.fullmatch(rf"aws/lambda/{mapping}/{FIRST}/{day}/{moment}-[0-9a-f-]{{36}}", found["Key"])
    record = json.loads(ctx.client("s3").get_object(Bucket=source.name, Key=found["Key"])["Body"].read())
    assert record["KinesisBatchInfo"]["batchSize"] == 2
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["payload"] == consumer.payloads[0].decode()


def test_a_partial_answer_shows_no_function_error(ctx: Context, source: Source, consume: Consume) -> None:
    url, arn = queue(ctx, f"{source.name}-failed")
    source.put("a")
    consume(reporting("a")).map(source.arn, MaximumRetryAttempts=0, **PARTIAL, **on_failure(arn))
    assert "functionError" not in one_message(ctx, url)["responseContext"]


@pytest.mark.parametrize(
    ("destination", "needed"),
    [
        ("arn:aws:sqs:us-east-1:123456789012:q", ["sqs:SendMessage"]),
        ("arn:aws:sns:us-east-1:123456789012:t", ["sns:Publish"]),
        ("arn:aws:s3:::some-bucket", ["s3:PutObject", "s3:ListBucket"]),
    ],
)
def test_a_destination_that_the_role_may_not_write_to_is_refused(
    ctx: Context, source: Source, consume: Consume, destination: str, needed: list[str]
) -> None:
    read, name = {"Action": "kinesis:*", "Resource": source.arn}, f"{source.name}-role"
    consumer = consume(Role=role(ctx, name, read))
    for missing in needed:
        others = [action for action in needed if action != missing]
        role(ctx, name, read, *[{"Action": action, "Resource": "*"} for action in others])
        with pytest.raises(ClientError, match=f"does not have permissions to call {missing.split(':')[1]} on"):
            consumer.map(source.arn, **on_failure(destination))
    role(ctx, name, read, *[{"Action": action, "Resource": "*"} for action in needed])
    consumer.map(source.arn, **on_failure(destination))


@pytest.mark.parametrize("kind", ["sqs", "s3"])
def test_a_grant_taken_away_later_is_missed_when_sending(
    ctx: Context, source: Source, consume: Consume, kind: str
) -> None:
    url, arn = queue(ctx, f"{source.name}-failed")
    ctx.client("s3").create_bucket(Bucket=source.name)
    bucket = f"arn:aws:s3:::{source.name}"
    name, read = f"{source.name}-role", {"Action": "kinesis:*", "Resource": source.arn}
    consumer = consume(failing("a"), Role=role(ctx, name, read, {"Action": ["sqs:*", "s3:*"], "Resource": "*"}))
    consumer.map(source.arn, MaximumRetryAttempts=0, BatchSize=1, **on_failure(arn if kind == "sqs" else bucket))
    role(ctx, name, read)
    source.put("a", "b")
    consumer.saw(2)
    assert messages(ctx, url) == []
    assert ctx.client("s3").list_objects_v2(Bucket=source.name)["KeyCount"] == 0
