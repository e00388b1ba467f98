"""Two environments in one account and region; one is deleted with its data, the other comes back with its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.end_to_end.running import SLUICE, exported
from tests.folders import CACHE

pytestmark = [pytest.mark.slow, pytest.mark.proof]

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


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The project with the same file delivered to both of its environments."""
    parent = tmp_path_factory.mktemp("deleted")
    made = Shop(parent, {"AWS_REGION": "us-east-1"})
    made.run("init", "shop")
    folder = parent / "shop"
    (folder / ".sluice" / "cache").mkdir(parents=True)
    for layer in CACHE.glob("layer-*"):  # its wheels are not what is tried here
        (folder / ".sluice" / "cache" / layer.name).symlink_to(layer)
    project = Shop(folder, {})
    found = Shop(folder, exported(project.run("up", "--port", "0", "--detach")))
    try:
        found.run("deploy", "--env", "prod")
        sample = (folder / "samples" / "visits.csv").read_text()
        for env in ("dev", "prod"):
            found.deliver(env, "one.csv", sample)
        yield found
    finally:
        project.run("down")


def test_two_environments_stand_side_by_side_and_one_that_keeps_nothing_goes_with_its_data(shop: Shop) -> None:
    for env in ("dev", "prod"):
        assert len(shop.rows(env, "bronze.visits")) == ACCEPTED
    assert all(shop.holding("dev").values())
    before, gold = shop.holding("prod"), shop.rows("prod", "gold.daily_visits")
    shop.delete("dev")
    assert shop.holding("dev") == {"buckets": [], "tables": [], "logs": [], "databases": []}
    assert shop.holding("prod") == before
    assert shop.rows("prod", "gold.daily_visits") == gold


def test_that_data_would_no_longer_be_kept_is_a_loss(shop: Shop) -> None:
    file = shop.folder / "environments.yaml"
    before = file.read_text()
    file.write_text(before.replace("keep_data: true", "keep_data: false"))
    try:
        losses = json.loads(shop.run("deploy", "--env", "prod", "--dry-run", "--json"))["losses"]
        refused = shop.run("deploy", "--env", "prod", status=1)
    finally:
        file.write_text(before)
    kinds = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table", "AWS::Glue::Database")
    assert [kind for kind in kinds if not any(f"({kind}) would go with its stack" in each for each in losses)] == []
    assert "would go with its stack" in refused


def test_one_that_keeps_its_data_is_taken_up_again_and_goes_on(shop: Shop) -> None:
    before, bronze, gold = (
        shop.holding("prod"),
        shop.rows("prod", "bronze.visits"),
        shop.rows("prod", "gold.daily_visits"),
    )
    cloudformation, storage = shop.client("cloudformation"), "shop-prod-storage"
    cloudformation.update_termination_protection(StackName=storage, EnableTerminationProtection=False)
    shop.delete("prod")
    assert shop.holding("prod") == before

    # Without it the next deployment finds its names taken, and is rolled back: that is no way out of it, and no harm.
    assert "already exists" in shop.run("deploy", "--env", "prod", status=1)
    told = json.loads(shop.run("adopt", "--env", "prod", "--dry-run", "--json"))
    assert told["adopted"] is False
    names = {each["type"] for stack in told["stacks"] for each in stack["resources"]}
    assert names == {
        "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table", "AWS::Glue::Database", "AWS::Logs::LogGroup",
    }  # fmt: skip
    assert json.loads(shop.run("adopt", "--env", "prod", "--json")) == {**told, "adopted": True}
    assert "Nothing to take up" in shop.run("adopt", "--env", "prod")
    shop.run("deploy", "--env", "prod")
    after = shop.holding("prod")
    # Buckets of the deployment that failed stay beside: they hold nothing, and nobody made their names.
    assert [name for kind, names in before.items() for name in names if name not in after[kind]] == []
    assert {**after, "buckets": []} == {**before, "buckets": []}
    assert shop.rows("prod", "bronze.visits") == bronze
    assert shop.rows("prod", "gold.daily_visits") == gold
    shop.deliver("prod", "two.csv", LATER)
    assert len(shop.rows("prod", "bronze.visits")) == ACCEPTED + 1
    delivered = json.loads(shop.run("status", "--json", "--env", "prod"))["delivered"]
    assert delivered == 2, "the ledger goes on where it was"
