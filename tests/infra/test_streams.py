"""Streams: named as their datasets, encrypted, and read with an end to every retry."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.infra.templates import Cloud
from tests.infra.uses import STREAMS

#: Names that only their underscores and digits distinguish.
_LIKE = [
    "events1",
    "events_1",
    "events_1_",
    "events",
    "events_",
    "s3_events",
    "s_3_events",
    "s3events",
    "events__",
    "e1a",
    "e1_a",
    "a_b",
    "ab",
]


def test_every_stream_dataset_has_a_stream_of_its_name_and_one_consumer(cloud: Cloud) -> None:
    streams = {cloud.arn(each): each for each in cloud.resources("AWS::Kinesis::Stream")}
    assert sorted(each.properties["Name"] for each in streams.values()) == sorted(
        f"{cloud.environment.database_prefix}{name}" for name in STREAMS
    )
    sources = [each.properties["EventSourceArn"] for each in cloud.resources("AWS::Lambda::EventSourceMapping")]
    assert sorted(source for source in sources if source in streams) == sorted(streams)


@given(st.sets(st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True) | st.sampled_from(_LIKE), min_size=2))
def test_no_two_datasets_have_constructs_of_one_name(names: set[str]) -> None:
    from infra.streams import construct_title  # here: CDK takes seconds to import, and every worker collects all tests

    assert len({construct_title(name) for name in names}) == len(names)


_SETS = st.sets(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), min_size=1)


@given(_SETS, st.integers(1, 20))
def test_a_stream_keeps_its_stack_when_one_more_stack_is_there_or_moves_to_that(names: set[str], stacks: int) -> None:
    from infra.streams import stack_of  # as above

    for name in names:
        before, after = stack_of(name, stacks), stack_of(name, stacks + 1)
        assert 0 <= before < stacks
        assert after in {before, stacks}
    assert {stack_of(name, 1) for name in names} == {0}


def test_a_streams_stack_is_the_same_in_each_release() -> None:
    from infra.streams import stack_of  # as above

    assert [stack_of(name, 4) for name in ("clicks", "orders", "readings", "stock")] == [2, 1, 2, 0]


def test_streams_are_encrypted_and_kept_in_prod(cloud: Cloud) -> None:
    for stream in cloud.resources("AWS::Kinesis::Stream"):
        (key,) = [cloud.arn(each) for each in cloud.resources("AWS::KMS::Key")]
        named = key if cloud.environment.customer_key else "alias/aws/kinesis"
        assert stream.properties["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": named}
        kept = "RetainExceptOnCreate" if cloud.environment.keep_data else "Delete"
        assert stream.body["DeletionPolicy"] == kept


def test_nothing_is_tried_for_ever_and_a_batch_that_fails_to_the_end_is_kept_with_its_payload(cloud: Cloud) -> None:
    lake = cloud.arn(cloud.resource("AWS::S3::Bucket", "Lake"))
    hours = {each.properties["RetentionPeriodHours"] for each in cloud.resources("AWS::Kinesis::Stream")}
    for mapping in cloud.resources("AWS::Lambda::EventSourceMapping"):
        given = mapping.properties
        if ":kinesis:" not in given["EventSourceArn"]:
            continue
        assert given["StartingPosition"] == "TRIM_HORIZON"
        assert 0 < given["MaximumRetryAttempts"] < 100
        assert 3600 <= given["MaximumRecordAgeInSeconds"] < min(hours) * 3600, "given up before the stream forgets it"
        assert given["BisectBatchOnFunctionError"] is True
        assert given["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert given["DestinationConfig"]["OnFailure"]["Destination"] == lake


def test_findings_go_to_an_encrypted_topic_over_tls(cloud: Cloud) -> None:
    (topic,) = cloud.resources("AWS::SNS::Topic")
    own = cloud.environment.customer_key
    assert topic.properties["KmsMasterKeyId"].endswith(":alias/aws/sns") is not own
    (policy,) = cloud.resources("AWS::SNS::TopicPolicy")
    assert policy.properties["Topics"] == [cloud.arn(topic)]
    statement, *others = policy.properties["PolicyDocument"]["Statement"]
    assert [(each["Effect"], each["Principal"]) for each in others] == (
        [("Allow", {"Service": "cloudwatch.amazonaws.com"})] if own else []
    )
    assert (statement["Effect"], statement["Action"]) == ("Deny", "sns:Publish")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    (function,) = [each for each in cloud.resources("AWS::Lambda::Function") if each.name == "IngestStream"]
    assert function.properties["Environment"]["Variables"]["SLUICE_ALERT_TOPIC"] == cloud.arn(topic)
    outputs = cloud.templates["streams"]["Outputs"]
    assert cloud.resolve("streams", outputs["OperationalEventsTopicArn"]["Value"]) == cloud.arn(topic)
