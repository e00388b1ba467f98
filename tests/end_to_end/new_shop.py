"""A new project as `sluice init` makes it, and the local AWS that it runs on."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.end_to_end.running import SLUICE, exported
from tests.folders import CACHE

#: Sluice's stacks, so that each comes before those that it reads outputs of.
STACKS = ("recovery", "streams", "serving", "processing", "ingestion", "storage")
ACCEPTED = 4
LATER = "visit_id,page,visited_at,seconds\nv6,/shop,2026-01-02T11:00:00Z,30\n"


@dataclass(frozen=True)
class Shop:
    """A new project, and the local AWS that it is deployed to."""

    folder: Path
    variables: dict[str, str]

    def run(self, *arguments: str, status: int = 0) -> str:
        own = {name: value for name, value in os.environ.items() if "AWS_" not in name}
        done = subprocess.run(
            [str(SLUICE), *arguments], cwd=self.folder, env=own | self.variables, capture_output=True, text=True,
            timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == status, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout if status == 0 else done.stderr

    def client(self, service: str) -> Any:
        return boto3.client(
            service, endpoint_url=self.variables["AWS_ENDPOINT_URL"], region_name=self.variables["AWS_REGION"],
            aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip

    def deliver(self, env: str, name: str, text: str) -> None:
        bucket = self.run("outputs", "LandingBucketName", "--env", env).strip()
        self.client("s3").put_object(Bucket=bucket, Key=f"visits/{name}", Body=text.encode())
        self.run("status", "--wait", "--timeout", "300", "--env", env)

    def rows(self, env: str, table: str) -> list[dict[str, str]]:
        database, _, name = table.partition(".")
        prefix = "" if env == "dev" else f"{env}_"
        said = self.run("query", f"SELECT * FROM {prefix}{database}.{name}", "--format", "json", "--env", env)
        found: list[dict[str, str]] = json.loads(said)
        return sorted(found, key=str)

    def delete(self, env: str) -> None:
        cloudformation = self.client("cloudformation")
        for part in STACKS:
            stack = f"shop-{env}-{part}"
            cloudformation.delete_stack(StackName=stack)
            waiter = cloudformation.get_waiter("stack_delete_complete")
            waiter.wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 120})

    def holding(self, env: str) -> dict[str, list[str]]:
        """Return the names of all that holds data of an environment, whichever stack made it."""
        stacks, prefix = f"shop-{env}-", "" if env == "dev" else f"{env}_"
        groups = self.client("logs").describe_log_groups()["logGroups"]
        databases = [each["Name"] for each in self.client("glue").get_databases()["DatabaseList"]]
        mine = {f"{prefix}{name}" for name in ("bronze", "silver", "gold", "quarantine")}
        return {
            "buckets": [b["Name"] for b in self.client("s3").list_buckets()["Buckets"] if b["Name"].startswith(stacks)],
            "tables": [t for t in self.client("dynamodb").list_tables()["TableNames"] if t.startswith(stacks)],
            "logs": [g["logGroupName"] for g in groups if stacks in f"{g['logGroupName']}-"],
            "databases": sorted(mine & set(databases)),
        }


def take_layers(folder: Path) -> None:
    """Give a project this repository's layers: their wheels are not what is tried."""
    cache = folder / ".sluice" / "cache"
    cache.mkdir(parents=True)
    for layer in CACHE.glob("layer-*"):
        (cache / layer.name).symlink_to(layer)


@contextmanager
def running_shop(parent: Path) -> Iterator[Shop]:
    """Make a project below ``parent`` and run it, until the block ends."""
    Shop(parent, {"AWS_REGION": "us-east-1"}).run("init", "shop")
    folder = parent / "shop"
    take_layers(folder)
    project = Shop(folder, {})
    found = Shop(folder, exported(project.run("up", "--port", "0", "--detach")))
    try:
        yield found
    finally:
        project.run("down")
