"""What these tests share: a deployment on a local AWS of its own, and words for what is done to it and asked of it."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pyarrow as pa
import pyarrow.compute as pc
from botocore.config import Config

from sluice.cli import deployment
from sluice.cli import deployment as cli
from sluice.cli.planning import bring_forward
from sluice.cli.status import Status
from sluice.cli.wait import wait
from sluice.ingestion.landing import Notice
from sluice.ledger import FINAL, Delivery, Ledger
from sluice.tables.catalog import glue_catalog
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
SLUICE = Path(sys.executable).with_name("sluice")
CONTRACTS = (ROOT / "contracts", Path(__file__).with_name("contracts"))
Found = TypeVar("Found")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run(*command: str | Path, timeout: float = 300.0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command from the project's root and return what it said."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def sluice(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the product's command as a user does."""
    return run(SLUICE, *arguments, **environment)


def aws(*arguments: str | Path, **environment: str) -> str:
    """Run the plain AWS CLI and return its answer; a test fails clearly where there is none."""
    command = shutil.which("aws")
    assert command, "these tests talk to the local AWS with the plain AWS CLI, and there is no `aws` on the PATH"
    nobody = {"AWS_PAGER": "", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    done = run(command, *arguments, **nobody, **environment)
    assert done.returncode == 0, f"aws {' '.join(map(str, arguments))}: {done.stderr}"
    return done.stdout


def as_csv(rows: Iterable[tuple[Any, ...]], header: str = "parcel_id,grams,note") -> bytes:
    """Return a small file of parcels."""
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode()


@dataclass(frozen=True)
class Deployment:
    """The stacks as they run on one local AWS."""

    endpoint: str
    data: Path
    outputs: Mapping[str, str]
    clients: dict[str, Any] = field(default_factory=dict)
    #: Which file of tests uploaded under a key: another one would find its rows among its own.
    uploaded: dict[str, str] = field(default_factory=dict)
    #: When something was last brought forward.
    hurried: list[float] = field(default_factory=lambda: [0.0])

    def client(self, service: str) -> Any:
        if service not in self.clients:
            config = Config(max_pool_connections=32, read_timeout=600, retries={"mode": "standard", "max_attempts": 2})
            self.clients[service] = boto3.client(service, config=config)
        return self.clients[service]

    @property
    def landing(self) -> str:
        return self.outputs["LandingBucketName"]

    def put(self, key: str, body: bytes) -> Notice:
        """Upload one file; return what identifies its delivery. A key that another file of tests took is refused."""
        here = os.environ.get("PYTEST_CURRENT_TEST", "").partition("::")[0]
        first = self.uploaded.setdefault(key, here)
        assert first == here, f"{first} uploads {key}, too: both would count the rows of either"
        answer = self.client("s3").put_object(Bucket=self.landing, Key=key, Body=body)
        return Notice(self.landing, key, answer["VersionId"], len(body))

    def put_all(self, files: Mapping[str, bytes]) -> list[Notice]:
        """Upload many files, eight at a time."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda item: self.put(*item), files.items()))

    def versions(self, prefix: str) -> list[Notice]:
        """Return all object versions in landing under ``prefix``."""
        pages = self.client("s3").get_paginator("list_object_versions").paginate(Bucket=self.landing, Prefix=prefix)
        found = [version for page in pages for version in page.get("Versions", [])]
        return [Notice(self.landing, v["Key"], v["VersionId"], v["Size"]) for v in found]

    def announce(self, notices: Iterable[Notice], *, shuffled: int) -> None:
        """Put S3's event for each notice on the landing queue, as EventBridge does, in an order of that seed."""
        messages = [json.dumps(_object_created(notice)) for notice in notices]
        random.Random(shuffled).shuffle(messages)
        for start in range(0, len(messages), 10):
            entries = [
                {"Id": str(number), "MessageBody": body} for number, body in enumerate(messages[start : start + 10])
            ]
            answer = self.client("sqs").send_message_batch(QueueUrl=self.outputs["LandingQueueUrl"], Entries=entries)
            assert not answer.get("Failed")

    def depth(self, name: str) -> int:
        """Return how many messages a queue holds, seen and unseen ones."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client("sqs").get_queue_attributes(QueueUrl=self.outputs[f"{name}QueueUrl"], AttributeNames=names)
        return sum(int(answer["Attributes"][attribute]) for attribute in names)

    def quiet(self, seconds: float = 90.0) -> None:
        """Wait until no message is on its way to an ingestor or a committer."""

        def empty() -> bool:
            self.hurry()
            return not (self.depth("Landing") or self.depth("Commit"))

        until(empty, "both queues are empty", seconds)

    def hurry(self) -> None:
        """Have what is staged committed now, whatever the latencies say, as somebody who waits does."""
        if time.monotonic() >= self.hurried[0] + 1.0:
            bring_forward(cli.Deployment(self.outputs), datasets="*")
            self.hurried[0] = time.monotonic()

    def ended(self, notices: Iterable[Notice], seconds: float = 90.0) -> dict[str, Delivery]:
        """Wait until the ledger knows the end of each delivery; return what it says, by delivery id."""
        wanted = {(notice.dataset, notice.delivery_id) for notice in notices}
        ledger = Ledger(self.outputs["LedgerTableName"])

        def known() -> dict[str, Delivery]:
            self.hurry()
            found = {id_: d for id_, d in ledger.known(wanted).items() if d.status in FINAL}
            return found if len(found) == len(wanted) else {}

        return until(known, f"{len(wanted)} deliveries end", seconds)

    def settle(self, timeout: float = 300.0) -> Status:
        """Wait as ``sluice status --wait`` does; fails when something failed."""
        state, failures = wait(cli.Deployment(self.outputs), timeout=timeout)
        assert not failures, failures
        return state

    def ledger_entries(self, dataset: str) -> list[Delivery]:
        return list(Ledger(self.outputs["LedgerTableName"]).deliveries(dataset))

    def redeliveries(self, dataset: str) -> Counter[str]:
        """Return how many events came again for each delivery of a dataset that had ended."""
        return Ledger(self.outputs["LedgerTableName"]).recorded(dataset).redeliveries

    def ledger_item(self, notice: Notice) -> dict[str, Any]:
        """Return the ledger's raw item of one delivery."""
        key = {"dataset": {"S": notice.dataset}, "entry": {"S": f"delivery#{notice.delivery_id}"}}
        answer = self.client("dynamodb").get_item(
            TableName=self.outputs["LedgerTableName"], Key=key, ConsistentRead=True
        )
        return dict(answer.get("Item", {}))

    def table(self, name: str) -> Any:
        """Return an Iceberg table by ``database.table``, as it is now."""
        return glue_catalog().load_table(tuple(name.split(".")))

    def rows(self, name: str, prefix: str = "") -> list[dict[str, Any]]:
        """Return a table's whole content in a fixed order; with ``prefix``, of files under that key only."""
        rows: pa.Table = self.table(name).scan().to_arrow()
        if prefix:
            rows = rows.filter(pc.starts_with(rows["_source"], f"s3://{self.landing}/{prefix}"))
        listed = rows.drop_columns(["_ingested_at"]).to_pylist()
        return sorted(listed, key=lambda row: (row["_delivery_id"], row["_position"] or 0, repr(row)))

    def function(self, part: str) -> str:
        """Return the name of the deployed function whose construct is called ``part``; CDK adds a hash to it."""
        pages = self.client("lambda").get_paginator("list_functions").paginate()
        names = [f["FunctionName"] for page in pages for f in page["Functions"]]
        names = [name for name in names if re.search(f"-{part}[0-9A-F]{{8}}", name)]
        assert len(names) == 1, names
        return str(names[0])

    def log_of(self, function: str, since: float) -> str:
        """Return what a function logged since ``since`` (seconds since the epoch)."""
        pages = (
            self.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=self.log_group(function), startTime=int(since * 1000))
        )
        return "\n".join(event["message"] for page in pages for event in page["events"])

    def log_group(self, function: str) -> str:
        answer = self.client("lambda").get_function_configuration(FunctionName=function)
        return str(answer.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}")

    def localaws(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the local AWS itself; what it refuses is raised as ``HTTPError``."""
        data = None if body is None else json.dumps(body).encode()
        token = json.loads((self.data / "access.json").read_text())["token"]
        headers = {"X-Localaws-Token": token}
        request = urllib.request.Request(f"{self.endpoint}/_localaws/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.loads(answer.read())


@contextmanager
def started(data: Path, contracts: Iterable[Path]) -> Iterator[Deployment]:
    """A deployment of its own that this process talks to: ``sluice up`` first, ``sluice down`` at the end."""
    folders = [part for folder in contracts for part in ("--contracts", folder)]
    up = sluice("up", "--port", str(free_port()), "--data", data, *folders, "--detach")
    assert up.returncode == 0, up.stderr
    exports = exported(up.stdout)
    before = {name: os.environ.get(name) for name in exports}
    os.environ.update(exports)
    forget_clients()
    try:
        outputs = json.loads(sluice("outputs", "--json").stdout)
        yield Deployment(exports["AWS_ENDPOINT_URL"], data, outputs)
    finally:
        sluice("down", "--data", data)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        forget_clients()


def exported(said: str) -> dict[str, str]:
    """Return the variables of the ``export`` lines that ``sluice up`` prints."""
    lines = [line.removeprefix("export ") for line in said.splitlines() if line.startswith("export ")]
    return dict(line.split("=", 1) for line in lines)


def forget_clients() -> None:
    """Let this process connect anew: clients and catalogs are kept per process, endpoints are not."""
    from sluice import storage

    for kept in (deployment.client, storage.client, glue_catalog):
        kept.cache_clear()


def _object_created(notice: Notice) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{notice.bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": notice.bucket},
            "object": {
                "key": notice.key,
                "size": notice.size,
                "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": notice.version_id,
                "sequencer": "00617F08299329D189",
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "source-ip-address": "127.0.0.1",
            "reason": "PutObject",
        },
    }
