"""Reads the outputs of the deployed stacks, and makes clients for the environment's account and endpoint."""

from __future__ import annotations

import re
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sluice.errors import CommandError, Unreachable
from sluice.once import once
from sluice.settings import Settings

STACKS = ("storage", "ingestion", "processing", "serving")


@once
def client(service: str) -> Any:
    """Return a boto3 client for ``service`` at the environment's endpoint."""
    return boto3.client(service, config=Config(retries={"mode": "standard"}, read_timeout=900))


def stack_outputs(environment: str) -> dict[str, str]:
    """Return the outputs of all stacks of ``environment`` by name; ``CommandError`` when a stack is missing."""
    prefix = f"sluice-{environment}-"
    how = "start the local AWS with `sluice up` and run the export lines that it prints, or deploy with `cdk deploy`."
    try:
        pages = list(client("cloudformation").get_paginator("describe_stacks").paginate())
    except (ClientError, BotoCoreError) as error:
        raise Unreachable(f"The stacks {prefix}… cannot be read: {error}", next_step=how) from error
    stacks = {stack["StackName"]: stack for page in pages for stack in page["Stacks"]}
    there = sorted(name.split("-")[1] for name in stacks if re.fullmatch("sluice-[a-z0-9]+-storage", name))
    if environment not in there and there:
        raise CommandError(
            f"There is no environment {environment} here; deployed: {', '.join(there)}.",
            next_step=f"--env {there[0]}, or deploy {environment}.",
            value=environment,
        )
    if missing := [name for part in STACKS if (name := f"{prefix}{part}") not in stacks]:
        raise CommandError(f"There is no stack {', '.join(missing)}.", next_step=how)
    return {
        output["OutputKey"]: output["OutputValue"]
        for name, stack in stacks.items()
        if name.startswith(prefix)
        for output in stack.get("Outputs", [])
        if not output["OutputKey"].startswith("PublishOutput")
    }


def deployed_settings(outputs: dict[str, str]) -> Settings:
    """Return the settings of this deployment, as its functions have them."""
    prefix = outputs.get("DatabasePrefix", "-")
    return Settings(
        landing_bucket=outputs["LandingBucketName"],
        lake_bucket=outputs["LakeBucketName"],
        ledger_table=outputs["LedgerTableName"],
        commit_queue_url=outputs["CommitQueueUrl"],
        database_prefix="" if prefix == "-" else prefix,
    )
