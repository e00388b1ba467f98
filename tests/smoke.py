"""``make smoke``: a small project goes the whole way in an account of AWS, each step told, and is destroyed again.

It has stacks, names and databases of its own (``sluice-smoke-…``, ``sluice_smoke_…``), so nothing that is deployed is
touched. Region, account, tags and boundary are those of the environment that is named.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3

from sluice.cli.account_deploying import cdk_command, credentials_needed
from sluice.cli.assembly import NODE
from sluice.cli.starting import start_project
from sluice.environments import Environment, declared_environment
from sluice.errors import SluiceError
from sluice.folders import ProjectFolder
from tests.folders import CACHE, ROOT

ENV, STACKS, PREFIX = "smoke", "sluice-smoke-", "sluice_smoke_"
COST = """\
This deploys a project of one file dataset, one stream and one derived table to the account of your credentials, region
{region}, sends it a few rows, asks for them, and destroys all of it: some 15 minutes.
It costs less than 0.20 USD: one Kinesis shard (0.015 an hour), one KMS key (1.00 a month, by the hour), and cents for
functions, requests and bytes. Were it not destroyed, it would cost about 0.40 USD a day. Prices of us-east-1.
"""
PINGS = [{"visit_id": f"p{n}", "page": "/ping", "visited_at": "2026-01-03T08:00:00Z", "seconds": n} for n in range(20)]
#: What the sample holds: five visits, of which one has no number of seconds.
VISITS, BROKEN = 4, 1


class SmokeFailed(Exception):
    """A step came to something else than it must; the message says what."""


class Smoke:
    """The project, in a folder of its own, and the account of the environment's variables."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self.folder = folder / "sluice"
        start_project(self.folder, empty=False)
        self._declare(environment)
        visits = (self.folder / "contracts" / "visits.yaml").read_text()
        by_file = "server: landing\n    type: s3\n    location: s3://landing/visits/\n    format: csv"
        by_stream = "server: stream\n    type: kinesis\n    stream: pings\n    format: json"
        pings = visits.replace(by_file, by_stream).replace("visits", "pings")
        (self.folder / "contracts" / "pings.yaml").write_text(pings)
        (self.folder / "node_modules").symlink_to(ROOT / "node_modules")
        (self.folder / ".sluice" / "cache").mkdir(parents=True)
        for layer in CACHE.glob("layer-*"):
            (self.folder / ".sluice" / "cache" / layer.name).symlink_to(layer)
        self.region = environment.region

    def _declare(self, like: Environment) -> None:
        settings: dict[str, Any] = {
            "region": like.region, "account": like.account, "tags": like.tags,
            "permissions_boundary": like.permissions_boundary, "database_prefix": PREFIX, "keep_data": False,
            "stream_shards": 1, "log_days": 1, "vpc": like.vpc and asdict(like.vpc),
        }  # fmt: skip
        lines = [f"    {name}: {json.dumps(value)}" for name, value in settings.items() if value not in ("", None)]
        text = f"name_prefix: sluice\nenvironments:\n  {ENV}:\n" + "\n".join(lines) + "\n"
        (self.folder / "environments.yaml").write_text(text)

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=self.region)

    def run(self, *command: str) -> str:
        """Run a command in the project, and return what it said; raise `SmokeFailed` when it fails."""
        path = os.pathsep.join([str(Path(sys.executable).parent), str(NODE.parent), os.environ["PATH"]])
        done = subprocess.run(
            command, cwd=self.folder, env={**os.environ, "PATH": path, "JSII_NODE": str(NODE)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SmokeFailed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def sluice(self, *arguments: str) -> str:
        return self.run("sluice", *arguments, "--env", ENV)

    def left(self) -> list[str]:
        """Return what is in the account that has this project's names."""
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        found = [stack["StackName"] for page in pages for stack in page["Stacks"]]
        found += [bucket["Name"] for bucket in self.client("s3").list_buckets()["Buckets"]]
        databases = self.client("glue").get_paginator("get_databases").paginate()
        found += [database["Name"] for page in databases for database in page["DatabaseList"]]
        return [name for name in found if name.startswith((STACKS, PREFIX))]

    def begin(self) -> None:
        if left := self.left():
            raise SmokeFailed(f"an earlier try is still there: {', '.join(left)}; delete its stacks, then begin again")

    def deploy(self) -> None:
        self.run("sluice", "deploy", "--account", "--env", ENV, "--", "--require-approval", "never")

    def upload(self) -> None:
        bucket = json.loads(self.sluice("outputs", "--json"))["LandingBucketName"]
        sample = self.folder / "samples" / "visits.csv"
        self.client("s3").upload_file(str(sample), bucket, "visits/2026-01-01.csv")

    def stream(self) -> None:
        file = self.folder / "pings.ndjson"
        file.write_text("".join(f"{json.dumps(each)}\n" for each in PINGS))
        self.sluice("send", "pings", str(file))

    def wait(self) -> None:
        self.sluice("status", "--wait", "--timeout", "900")

    def query(self) -> None:
        for sql, expected in (
            (f"SELECT count(*) FROM {PREFIX}bronze.visits", VISITS),
            (f"SELECT count(*) FROM {PREFIX}quarantine.visits", BROKEN),
            (f"SELECT count(*) FROM {PREFIX}bronze.pings", len(PINGS)),
            (f"SELECT sum(visits) FROM {PREFIX}gold.daily_visits", VISITS),
        ):
            found = self.sluice("query", sql, "--format", "csv").split()[-1]
            if found != str(expected):
                raise SmokeFailed(f"{sql} gave {found}, not {expected}")

    def refresh(self) -> None:
        self.sluice("refresh", "--wait")

    def destroy(self) -> None:
        cdk = cdk_command(ProjectFolder(self.folder))
        self.run(*cdk, "destroy", "--all", "--force", "-c", f"env={ENV}")
        if left := self.left():
            raise SmokeFailed(f"it was destroyed, and this is left: {', '.join(left)}")


def _told(name: str, step: Callable[[], None]) -> None:
    sys.stdout.write(f"{name} …")
    sys.stdout.flush()
    began = time.perf_counter()
    step()
    sys.stdout.write(f" {time.perf_counter() - began:.0f} s\n")


def main(arguments: list[str] | None = None) -> int:
    """Go the whole way, and return 0 when each step came to what it must."""
    read = argparse.ArgumentParser(prog="make smoke", description=__doc__)
    read.add_argument("--env", default="dev", help="environment of environments.yaml whose region and account it is")
    read.add_argument("--yes", action="store_true", help="do not ask")
    given = read.parse_args(arguments)
    try:
        environment = declared_environment(ROOT / "environments.yaml", given.env)
        credentials_needed("smoke")
        sys.stdout.write(COST.format(region=environment.region))
        if not given.yes and input("Go on? Type `yes`: ") != "yes":
            sys.stdout.write("Nothing was done.\n")
            return 2
        with tempfile.TemporaryDirectory(prefix="sluice-smoke-") as folder:
            smoke = Smoke(Path(folder), environment)
            smoke.begin()
            try:
                for step in (smoke.deploy, smoke.upload, smoke.stream, smoke.wait, smoke.query, smoke.refresh):
                    _told(step.__name__, step)
            finally:
                _told("destroy", smoke.destroy)
    except (SluiceError, SmokeFailed) as error:
        sys.stdout.write(f"\n{error}\n")
        return 1
    sys.stdout.write("The whole way was gone, and nothing of it is left.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
