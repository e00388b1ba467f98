"""No message is lost, and no queue brings more work than its consumer may have at once."""

from __future__ import annotations

from sluice.cli.doctor.quotas import MEMORY_OF_ALL
from sluice.environments import Environment
from tests.infra.templates import Cloud, Resource

#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
CALLS_OF_A_NEW_ACCOUNT = 10
KEPT = "ReservedConcurrentExecutions"
#: From a kill to the next try: with what follows (a commit, a refresh) it must be within three minutes.
LONGEST_WAIT_SECONDS = 120
FOURTEEN_DAYS = 14 * 86_400


def is_dead_letter_queue(queue: Resource) -> bool:
    return queue.name.endswith("DeadLetters")


def mapped(cloud: Cloud) -> list[tuple[Resource, Resource, Resource]]:
    """Return (mapping, queue, function) of every event source."""
    queues = {cloud.arn(queue): queue for queue in cloud.resources("AWS::SQS::Queue")}
    functions = {function.name: function for function in cloud.resources("AWS::Lambda::Function")}
    return [
        (each, queues[each.properties["EventSourceArn"]], functions[each.properties["FunctionName"]])
        for each in cloud.resources("AWS::Lambda::EventSourceMapping")
        if each.properties["EventSourceArn"] in queues
    ]


def test_every_queue_has_a_dead_letter_queue_of_its_own(cloud: Cloud) -> None:
    queues = {cloud.arn(queue): queue for queue in cloud.resources("AWS::SQS::Queue")}
    targets = []
    for queue in queues.values():
        if is_dead_letter_queue(queue):
            assert "RedrivePolicy" not in queue.properties
            continue
        redrive = queue.properties["RedrivePolicy"]
        dead = queues[redrive["deadLetterTargetArn"]]
        assert redrive["maxReceiveCount"] >= 5
        assert is_dead_letter_queue(dead)
        assert dead.properties.get("FifoQueue") == queue.properties.get("FifoQueue")
        targets.append(dead.name)
    # One takes only what EventBridge cannot deliver.
    dead = sorted(queue.name for queue in queues.values() if is_dead_letter_queue(queue))
    assert sorted([*targets, "RefreshDeadLetters"]) == dead


def test_an_event_that_cannot_be_delivered_waits_in_a_queue_that_takes_it(cloud: Cloud) -> None:
    """EventBridge gives up after a day; what asks for work again by itself, a schedule, needs no such queue."""
    queues = {cloud.arn(queue): queue for queue in cloud.resources("AWS::SQS::Queue")}
    policies = [each.properties for each in cloud.resources("AWS::SQS::QueuePolicy")]
    rules = [each for each in cloud.resources("AWS::Events::Rule") if "EventPattern" in each.properties]
    assert rules
    for rule in rules:
        for target in rule.properties["Targets"]:
            dead = target["DeadLetterConfig"]["Arn"]
            assert "FifoQueue" not in queues[dead].properties, "EventBridge sends to none"
            allowed = [
                statement["Condition"]["ArnEquals"]["aws:SourceArn"]
                for policy in policies
                for statement in policy["PolicyDocument"]["Statement"]
                if (statement["Effect"], statement["Action"], statement["Resource"])
                == ("Allow", "sqs:SendMessage", dead)
            ]
            assert cloud.arn(rule) in allowed, rule.name


def test_messages_wait_as_long_as_sqs_can_keep_them(cloud: Cloud) -> None:
    for queue in cloud.resources("AWS::SQS::Queue"):
        assert queue.properties["MessageRetentionPeriod"] == FOURTEEN_DAYS
        assert queue.properties.get("SqsManagedSseEnabled", False) is not cloud.environment.customer_key


def test_a_killed_consumers_messages_come_again_soon_and_a_living_ones_do_not(cloud: Cloud) -> None:
    """AWS refuses a visibility shorter than the timeout, and advises six times as long; a death then costs that."""
    assert len(mapped(cloud)) == 2
    for _, queue, function in mapped(cloud):
        assert function.properties["Timeout"] < queue.properties["VisibilityTimeout"] <= LONGEST_WAIT_SECONDS


def test_what_takes_longer_is_invoked_by_itself_and_kept_when_it_fails(cloud: Cloud) -> None:
    configs = {each.properties["FunctionName"]: each for each in cloud.resources("AWS::Lambda::EventInvokeConfig")}
    assert configs["Sweep"].properties["MaximumRetryAttempts"] == 0
    config = configs["IngestFileAlone"]
    assert config.properties["MaximumRetryAttempts"] == 2
    dead = config.properties["DestinationConfig"]["OnFailure"]["Destination"]
    assert dead == cloud.arn(cloud.resource("AWS::SQS::Queue", "LandingDeadLetters"))


def test_every_event_source_has_a_bound(cloud: Cloud) -> None:
    for mapping, _, _ in mapped(cloud):
        assert 2 <= mapping.properties["ScalingConfig"]["MaximumConcurrency"] <= 1000


def test_one_bad_message_does_not_bring_its_batch_back(cloud: Cloud) -> None:
    for mapping, _, _ in mapped(cloud):
        assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_every_queue_but_the_dead_has_a_consumer(cloud: Cloud) -> None:
    consumed = {queue.name for _, queue, _ in mapped(cloud)}
    assert consumed == {each.name for each in cloud.resources("AWS::SQS::Queue") if not is_dead_letter_queue(each)}


def test_landing_tells_eventbridge_of_every_file(cloud: Cloud) -> None:
    landing = cloud.resource("AWS::S3::Bucket", "Landing").properties
    assert landing["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    pattern = cloud.resource("AWS::Events::Rule", "FileLanded").properties["EventPattern"]
    assert pattern["source"] == ["aws.s3"]
    assert pattern["detail-type"] == ["Object Created"]
    assert pattern["detail"]["bucket"]["name"] == ["Landing"]


def test_what_stands_still_is_swept_up_each_minute(cloud: Cloud) -> None:
    sweep = cloud.resource("AWS::Events::Rule", "EachMinute").properties
    assert sweep["ScheduleExpression"] == "rate(1 minute)"
    (target,) = sweep["Targets"]
    assert target["Arn"] == cloud.arn(cloud.resource("AWS::Lambda::Function", "Sweep"))


def test_what_is_kept_free_for_commits_is_what_their_queue_may_ask_for(cloud: Cloud) -> None:
    functions = {function.name: function.properties for function in cloud.resources("AWS::Lambda::Function")}
    kept = {name: each["ReservedConcurrentExecutions"] for name, each in functions.items() if KEPT in each}
    environment = cloud.environment
    assert kept == ({"CommitTable": environment.commit_concurrency} if environment.reserve_commits else {})


def test_what_is_left_out_fits_a_new_account() -> None:
    new = Environment(name="dev", region="us-east-1", keep_data=False)
    others = new.stream_shards * new.stream_parallelization + 2  # the sweep, and a step of a refresh
    assert new.ingest_concurrency + new.commit_concurrency + others <= CALLS_OF_A_NEW_ACCOUNT
    sizes = (new.ingest_memory, new.commit_memory, new.transform_memory, new.transform_memory_large, new.stream_memory)
    assert max(sizes) <= MEMORY_OF_ALL
    assert not new.reserve_commits
