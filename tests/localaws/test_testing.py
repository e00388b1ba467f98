from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
import os
import boto3

def test_one(local_aws):
    boto3.client("s3").create_bucket(Bucket="shared")
    assert os.environ["AWS_ENDPOINT_URL"] == local_aws.endpoint

def test_another(local_aws):
    assert "shared" in [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]]
"""


def tried(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
def test_the_fixture_gives_one_local_aws_to_all_tests_of_a_session(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["localaws.testing"]\n')
    (tmp_path / "test_it.py").write_text(TEST)
    done = tried(tmp_path)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_whoever_does_not_ask_for_it_has_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n    assert not [n for n in sys.modules if n.startswith(('localaws', 'moto'))]\n"
    )
    done = tried(tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert "local_aws" not in tried(tmp_path, "--fixtures").stdout


def test_to_load_it_loads_no_server() -> None:
    code = (
        "import sys, localaws.testing; print([n for n in sys.modules if n.startswith(('localaws.s', 'moto', 'boto'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
