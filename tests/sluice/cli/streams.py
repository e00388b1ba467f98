"""The streams of a deployment, as commands that put records find them, and what arrived on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from sluice.cli import all_commands, deployment

COLUMNS = [("event_id", "string"), ("quantity", "int"), ("price", "decimal(12,2)"), ("note", "string")]


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@contextmanager
def deployed_streams(monkeypatch: pytest.MonkeyPatch, *names: str) -> Iterator[Any]:
    """Yield a Kinesis with streams of these names, and the tables of a deployment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        deployment.client.cache_clear()
        glue, kinesis = boto3.client("glue"), boto3.client("kinesis")
        glue.create_database(DatabaseInput={"Name": "dev_bronze"})
        columns = [{"Name": name, "Type": kind} for name, kind in [*COLUMNS, ("_source", "string")]]
        for name in names:
            kinesis.create_stream(StreamName=f"dev_{name}", ShardCount=1)
            glue.create_table(
                DatabaseName="dev_bronze", TableInput={"Name": name, "StorageDescriptor": {"Columns": columns}}
            )
        monkeypatch.setattr(
            deployment, "deployed", lambda environment: deployment.Deployment({"DatabasePrefix": f"{environment}_"})
        )
        yield kinesis
        deployment.client.cache_clear()


def arrived(kinesis: Any, stream: str) -> list[tuple[str, bytes]]:
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    found, iterator = [], iterator["ShardIterator"]
    while records := (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
        found += [(record["PartitionKey"], record["Data"]) for record in records]
        iterator = answer["NextShardIterator"]
    return found


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(all_commands(), [str(argument) for argument in arguments])
