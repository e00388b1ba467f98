"""One local AWS for all tests of this folder, started and ended the product's own way."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.running import CONTRACTS, Deployment, aws, forget_clients, free_port, real_data, sluice


@pytest.fixture(scope="package")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The stacks, deployed with the tests' own contracts beside the project's."""
    data, port = tmp_path_factory.mktemp("aws"), free_port()
    folders = [part for folder in CONTRACTS for part in ("--contracts", folder)]
    up = sluice("up", "--port", str(port), "--data", data, *folders, "--detach")
    assert up.returncode == 0, up.stderr
    exports = dict(line.removeprefix("export ").split("=", 1) for line in up.stdout.splitlines() if "=" in line)
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


@pytest.fixture(scope="package")
def retail(deployed: Deployment) -> Path:
    """The folder of 68 day files of real invoice lines, after their upload with the plain AWS CLI and its end."""
    folder = real_data("uci-online-retail") / "by-day"
    aws("s3", "cp", "--recursive", "--quiet", folder, f"s3://{deployed.landing}/online_retail/")
    waited = sluice("status", "--wait", "--timeout", "240")
    assert waited.returncode == 0, waited.stderr
    return folder

