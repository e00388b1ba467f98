"""One local AWS for all clients: the server that a user starts, a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.waiting import until

#: The buckets of tables and of answers.
LAKE, ANSWERS = "lake", "answers"


@pytest.fixture(scope="package")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a client of an empty local AWS with two buckets, and nothing else of AWS in it."""
    scratch = tmp_path_factory.mktemp("clients")
    said = scratch / "serve.txt"
    command = [sys.executable, "-m", "localaws", "serve", "--port", "0", "--data", str(scratch / "aws")]
    with said.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as server:
        try:
            endpoint = _endpoint(said, server)
            inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHON"))}
            environment = {
                **inherited,
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "HOME": str(scratch),
            }
            s3 = boto3.client(
                "s3", endpoint_url=endpoint, region_name="us-east-1",
                aws_access_key_id="test", aws_secret_access_key="test",
            )  # fmt: skip
            for bucket in (LAKE, ANSWERS):
                s3.create_bucket(Bucket=bucket)
            yield environment
        finally:
            server.terminate()


def _endpoint(said: Path, server: subprocess.Popen[bytes]) -> str:
    def ready() -> str | None:
        assert server.poll() is None, said.read_text()
        found = re.search(r"^ready at (\S+)$", said.read_text(), re.MULTILINE)
        return found[1] if found else None

    return str(until(ready, "the local AWS is ready", 60))
