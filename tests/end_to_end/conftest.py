"""One local AWS for all tests of this folder, started and ended the product's own way."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.running import CONTRACTS, Deployment, aws, sluice, started
from tests.real_data import real_data


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a local AWS in which nothing is deployed; it ends with the module."""
    data = tmp_path_factory.mktemp("data")
    command = [sys.executable, "-m", "localaws", "serve", "--port", "0", "--data", str(data), "--with-stdin"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout
        said = served.stdout.readline()
        assert said.startswith("ready at "), said
        yield said.removeprefix("ready at ").strip()
        served.terminate()


@pytest.fixture(scope="package")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The stacks, deployed with the tests' own contracts beside the project's."""
    with started(tmp_path_factory.mktemp("aws"), CONTRACTS) as deployment:
        yield deployment


@pytest.fixture(scope="package")
def retail(deployed: Deployment) -> Path:
    """The folder of 68 day files of real invoice lines, after their upload with the plain AWS CLI and its end."""
    folder = real_data("uci-online-retail") / "by-day"
    aws("s3", "cp", "--recursive", "--quiet", folder, f"s3://{deployed.landing}/online_retail/")
    waited = sluice("status", "--wait", "--timeout", "240")
    assert waited.returncode == 0, waited.stderr
    return folder
