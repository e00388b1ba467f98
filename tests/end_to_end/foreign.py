"""Apps that know nothing of Sluice, and CDK's own CLI, which deploys them as their users do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3

from sluice.cli.assembly import NODE
from tests.folders import ROOT

APPS = Path(__file__).parent / "foreign_apps"
CDK = ROOT / "node_modules" / ".bin" / "cdk"
REGION = "us-east-1"


class App:
    """A foreign app in ``folder``, and the local AWS that it is deployed to."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder, self.endpoint = folder, endpoint

    def cdk(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the CLI as its user does, in the app's folder."""
        own = {name: value for name, value in os.environ.items() if name not in ("AWS_PROFILE", "AWS_SESSION_TOKEN")}
        given = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "JSII_NODE": str(NODE),
            "CI": "1",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(NODE.parent), os.environ["PATH"]]),
        }
        command = [str(NODE), str(CDK), *arguments, "--no-notices"]
        return subprocess.run(
            command, cwd=self.folder, env={**own, **given, **variables}, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip

    def client(self, service: str) -> Any:
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=REGION,
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip

    def outputs(self) -> dict[str, str]:
        (stack,) = self.client("cloudformation").describe_stacks(StackName=self.folder.name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def copied(name: str, folder: Path, endpoint: str) -> App:
    """Return the app of that name, with a stack of the same name, in a folder of its own."""
    shutil.copytree(APPS / name, folder / name)
    return App(folder / name, endpoint)


def good(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr
