"""What tests of streams share: a stream, and a function that runs in this process and remembers what it was given."""

import base64
import json
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto.kinesis.models import kinesis_backends

from localaws.context import Context
from localaws.functions import kinesis_batches
from localaws.functions import runtime as lambda_runtime
from localaws.functions.sandbox import InvocationOutcome
from localaws.functions.throttled import TooManyRequests
from tests.localaws.running import function, until

#: The shard of a stream that has one.
FIRST = "shardId-000000000000"
WAIT = float(os.environ.get("LOCALAWS_TEST_WAIT", "15"))

Handler = Callable[[list[dict[str, Any]]], Any]


def numbers(count: int, start: int = 0) -> list[str]:
    """Return so many texts that are told apart, in order."""
    return [str(n) for n in range(start, start + count)]


class Throttle(Exception):
    """What a handler raises to have its invocation refused."""


class InProcess:
    """Stands in for the Lambda runtime: functions of these names are Python functions of the test."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[bytes], Any]] = {}
        self.versions: list[str] = []

    def invoke(self, function: Any, payload: bytes, request_id: str | None = None) -> InvocationOutcome:
        handler = self.handlers.get(function.function_name)
        if handler is None:
            return lambda_runtime.runtime().invoke(function, payload, request_id)
        self.versions.append(str(function.version))
        identifier = str(uuid.uuid4())
        try:
            return InvocationOutcome(identifier, json.dumps(handler(payload)).encode(), False, "")
        except Throttle:
            raise TooManyRequests from None
        except ValueError as error:
            return InvocationOutcome(identifier, json.dumps({"errorMessage": str(error)}).encode(), True, "")


class Consumer:
    """A function of this process; ``batches`` are the data it was given, by invocation."""

    def __init__(self, ctx: Context, runtime: InProcess, name: str, handler: Handler, **options: Any) -> None:
        self.ctx, self.name, self._handler = ctx, name, handler
        self.batches: list[list[str]] = []
        self.payloads: list[bytes] = []
        self._lock = threading.Lock()
        self.runtime = runtime
        self.function_arn = function(ctx, name, "def handler(e, c): pass", **options)
        runtime.handlers[name] = self._invoke

    def _invoke(self, payload: bytes) -> Any:
        records = json.loads(payload)["Records"]
        with self._lock:
            self.payloads.append(payload)
            self.batches.append([text(record) for record in records])
        return self._handler(records)

    @property
    def seen(self) -> list[str]:
        with self._lock:
            return [data for batch in self.batches for data in batch]

    def map(self, arn: str, **settings: Any) -> str:
        """Map a stream to the function; returns the mapping's UUID."""
        settings.setdefault("StartingPosition", "TRIM_HORIZON")
        client = self.ctx.client("lambda")
        return str(client.create_event_source_mapping(FunctionName=self.name, EventSourceArn=arn, **settings)["UUID"])

    def update(self, mapping: str, **settings: Any) -> None:
        self.ctx.client("lambda").update_event_source_mapping(UUID=mapping, **settings)

    def saw(self, count: int) -> list[list[str]]:
        """The batches, as soon as they hold ``count`` records."""
        until(lambda: len(self.seen) >= count, WAIT)
        return list(self.batches)


Consume = Callable[..., Consumer]


@pytest.fixture
def consume(ctx: Context, monkeypatch: pytest.MonkeyPatch, stack_name: str) -> Iterator[Consume]:
    """Makes a function from a handler of the records; its mappings end with the test."""
    runtime = InProcess()
    monkeypatch.setattr(kinesis_batches, "runtime", lambda: runtime)
    made: list[Consumer] = []

    def make(handler: Handler = lambda records: None, **options: Any) -> Consumer:
        made.append(Consumer(ctx, runtime, f"{stack_name}-{len(made)}", handler, **options))
        return made[-1]

    yield make
    client = ctx.client("lambda")
    for consumer in made:
        for mapping in client.list_event_source_mappings(FunctionName=consumer.name)["EventSourceMappings"]:
            client.delete_event_source_mapping(UUID=mapping["UUID"])


class Source:
    """A Kinesis stream."""

    def __init__(self, ctx: Context, name: str, shards: int = 1) -> None:
        self.ctx, self.name, self.kinesis = ctx, name, ctx.client("kinesis")
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        self.arn = f"arn:aws:kinesis:us-east-1:{ctx.account}:stream/{name}"

    @property
    def moto(self) -> Any:
        return kinesis_backends[self.ctx.account]["us-east-1"].streams[self.name]

    def put(self, *data: str, key: str = "k", **options: Any) -> list[dict[str, Any]]:
        """Put records in one request."""
        records = [{"Data": each.encode(), "PartitionKey": key, **options} for each in data]
        return list(self.kinesis.put_records(StreamName=self.name, Records=records)["Records"])

    def put_into(self, shard: int, *data: str) -> list[dict[str, Any]]:
        """Put records into a shard by its hash keys."""
        return self.put(
            *data, key=f"s{shard}", ExplicitHashKey=str(list(self.moto.shards.values())[shard].starting_hash)
        )

    def read(self, shard: str = "shardId-000000000000", kind: str = "TRIM_HORIZON", **options: Any) -> list[str]:
        """What GetRecords gives from a position."""
        iterator = self.iterator(shard, kind, **options)
        found = self.kinesis.get_records(ShardIterator=iterator)["Records"]
        return [record["Data"].decode() for record in found]

    def iterator(self, shard: str = "shardId-000000000000", kind: str = "TRIM_HORIZON", **options: Any) -> str:
        given = {"StreamName": self.name, "ShardId": shard, "ShardIteratorType": kind, **options}
        return str(self.kinesis.get_shard_iterator(**given)["ShardIterator"])


@pytest.fixture
def source(ctx: Context, stack_name: str) -> Source:
    """A stream of one shard."""
    return Source(ctx, stack_name)


def text(record: dict[str, Any]) -> str:
    """The data of a record of an event."""
    return base64.b64decode(record["kinesis"]["data"]).decode("utf-8", "replace")
