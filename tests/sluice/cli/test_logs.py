"""`sluice logs` shows what a function said, and of a run its own function's lines or its Spark job's, in order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from sluice.cli import deployment as deployment_module
from sluice.cli import logs
from sluice.cli.deployment import Deployment
from sluice.errors import WrongArgument
from sluice.ledger import Ledger
from sluice.storage import client as stored

NAMES = ["shop-dev-processing-RunTransform1A2B3C4D-x9Y", "shop-dev-ingestion-IngestFile0F0F0F0F-Zz1"]
STARTED = (datetime.now(UTC) - timedelta(hours=3)).isoformat()[:26]
RUN_ID = "arn:aws:states:us-east-1:1:execution:shop-dev-refresh:e-1"


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        deployment_module.client.cache_clear()
        stored.cache_clear()
        keys = [{"AttributeName": name, "KeyType": kind} for name, kind in (("dataset", "HASH"), ("entry", "RANGE"))]
        boto3.client("dynamodb").create_table(
            TableName="ledger", KeySchema=keys, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": each["AttributeName"], "AttributeType": "S"} for each in keys],
        )  # fmt: skip
        monkeypatch.setattr(logs, "function_names", lambda _: NAMES)
        monkeypatch.setattr(logs, "_group_of", lambda function: f"/aws/lambda/{function}")
        yield Deployment({"LedgerTableName": "ledger", "SparkJobName": "job"})
        deployment_module.client.cache_clear()
        stored.cache_clear()


def say(group: str, at: float, *texts: str, stream: str = "s") -> None:
    api: Any = boto3.client("logs")
    if not api.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        api.create_log_group(logGroupName=group)
    if not api.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
        api.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": int(at * 1000) + number, "message": text} for number, text in enumerate(texts)]
    api.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def said(deployment: Deployment, name: str, since: int = 3600) -> list[str]:
    return [line.message for line in logs.lines(logs.places(deployment, name, since))]


def test_the_lines_of_a_function_are_those_since_then_in_order(deployment: Deployment) -> None:
    say(f"/aws/lambda/{NAMES[1]}", time.time() - 7200, "old")
    say(f"/aws/lambda/{NAMES[1]}", time.time() - 60, "first", "second")
    assert said(deployment, "ingest_file") == said(deployment, NAMES[1]) == ["first", "second"]
    assert said(deployment, "ingest_file", 10_000) == ["old", "first", "second"]


def test_a_function_that_said_nothing_has_no_line(deployment: Deployment) -> None:
    assert said(deployment, "run_transform") == []


def test_a_run_has_the_lines_of_its_own_time_by_its_table_and_by_its_id(deployment: Deployment) -> None:
    began = datetime.fromisoformat(STARTED).replace(tzinfo=UTC).timestamp()
    run = {"status": "published", "engine": "duckdb", "seconds": {"read": 5.0}, "run_id": RUN_ID}
    Ledger("ledger").record_run(run, started=STARTED, table="gold.days")
    say(f"/aws/lambda/{NAMES[0]}", began - 600, "of another run")
    say(f"/aws/lambda/{NAMES[0]}", began + 1, "of this run")
    say(f"/aws/lambda/{NAMES[0]}", began + 600, "of a later run")
    assert said(deployment, "gold.days") == said(deployment, RUN_ID) == said(deployment, "e-1") == ["of this run"]


def test_a_run_on_spark_has_the_lines_of_its_own_job(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    run = {"status": "failed", "engine": "spark", "error": "it fails", "run_id": RUN_ID}
    Ledger("ledger").record_run(run, started=STARTED, table="gold.days")
    jobs = [
        {"Id": f"jr_{number}", "Arguments": {"--run": RUN_ID, "--table": table}}
        for number, table in enumerate(("gold.days", "gold.weeks"))
    ]

    class Glue:
        def get_paginator(self, _: str) -> Glue:
            return self

        def paginate(self, **_: str) -> list[dict[str, Any]]:
            return [{"JobRuns": jobs}]

    monkeypatch.setattr(logs, "client", lambda name: Glue() if name == "glue" else boto3.client(name))
    say("/aws-glue/jobs/error", time.time() - 60, "boom", stream="jr_0")
    say("/aws-glue/jobs/error", time.time() - 60, "another's", stream="jr_1")
    assert said(deployment, "gold.days") == ["boom"]


@pytest.mark.slow
def test_what_is_no_function_and_no_run_is_refused_with_what_was_meant(deployment: Deployment) -> None:
    with pytest.raises(WrongArgument, match=r"did you mean ingest_file\? functions: run_transform, ingest_file"):
        said(deployment, "ingst_file")
    with pytest.raises(WrongArgument, match=r"gold\.nothing is no function"):
        said(deployment, "gold.nothing")


def test_lines_that_come_are_followed_each_once(deployment: Deployment) -> None:
    group, shown = f"/aws/lambda/{NAMES[1]}", []
    say(group, time.time() - 2, "one")
    found = logs.places(deployment, "ingest_file", 3600)

    def ends() -> bool:
        if len(shown) == 1:
            say(group, time.time(), "two")
        return len(shown) == 2

    logs.follow(found, lambda line: shown.append(line.message), ends)
    assert shown == ["one", "two"]


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("2 h", 7200), ("1d", 86_400)])
def test_a_time_is_read(text: str, seconds: int) -> None:
    assert logs.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "0m", "-1h", "1w", "1.5h", "yesterday"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write one such as 90s"):
        logs.seconds_of(text)


def test_a_run_that_is_over_is_not_followed(deployment: Deployment) -> None:
    over = logs._Place("run_transform", "/aws/lambda/x", 0, last=1)
    with pytest.raises(WrongArgument, match="no line follows"):
        logs.follow([over], lambda line: None)


def test_a_time_before_all_times_is_the_first(deployment: Deployment) -> None:
    (place,) = logs.places(deployment, "ingest_file", logs.seconds_of("999999d"))
    assert place.first == 0
