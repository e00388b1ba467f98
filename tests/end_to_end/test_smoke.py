"""``make smoke`` goes the whole way at a local AWS, as it would in an account, and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from tests.folders import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.proof]


def smoke(endpoint: str, tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it with an account that is the local AWS: by the configuration, since a shell's endpoint is refused."""
    (tmp_path / "config").write_text(f"[default]\nendpoint_url = {endpoint}\n")
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    given = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "tests.smoke", *options], cwd=ROOT, env=own | given, input="no\n",
        capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip


def test_the_whole_way_is_gone_and_nothing_is_left(endpoint: str, tmp_path: Path) -> None:
    asked = smoke(endpoint, tmp_path)
    assert (asked.returncode, asked.stdout.splitlines()[-1]) == (2, "Go on? Type `yes`: Nothing was done.")
    assert "It costs less than" in asked.stdout
    done = smoke(endpoint, tmp_path, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [line.partition(" …")[0] for line in done.stdout.splitlines() if " …" in line]
    assert steps == ["deploy", "upload", "stream", "wait", "query", "refresh", "destroy"]
    formation = boto3.client(
        "cloudformation", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    assert formation.describe_stacks()["Stacks"] == []
