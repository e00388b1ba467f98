"""Reads the outputs of the deployed stacks, and makes clients for the environment's account and endpoint."""

from __future__ import annotations

import re
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from sluice.errors import CommandError, Unreachable
from sluice.once import once
from sluice.settings import Settings

#: Codes of AWS that ask for a later call. https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
_THROTTLED = (
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "SlowDown",
)
#: HTTP statuses from here on are failures of the service, not of the request.
_SERVER_FAILS = 500
STACKS = ("storage", "ingestion", "processing", "serving")


@once
def client(service: str) -> Any:
    """Return a boto3 client for ``service`` at the environment's endpoint."""
    return boto3.client(service, config=Config(retries={"mode": "standard"}, read_timeout=900))


def refused_by_aws(error: ClientError | BotoCoreError) -> type[CommandError]:
    """Return the type of the error to raise for one of boto3: ``Unreachable`` when the same call may succeed later."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        later = status >= _SERVER_FAILS or error.response.get("Error", {}).get("Code") in _THROTTLED
    else:
        later = isinstance(error, ConnectionError | HTTPClientError)
    return Unreachable if later else CommandError


def stack_outputs(environment: str) -> dict[str, str]:
    """Return the outputs of all stacks of ``environment`` by name; ``CommandError`` when a stack is missing."""
    prefix = f"sluice-{environment}-"
    how = "start the local AWS with `sluice up` and run the export lines that it prints, or deploy with `cdk deploy`."
    try:
        pages = list(client("cloudformation").get_paginator("describe_stacks").paginate())
    except (ClientError, BotoCoreError) as error:
        raise refused_by_aws(error)(
            f"The stacks {prefix}… cannot be read: {error}",
            next_step=how,
            value=environment,
        ) from error
    stacks = {stack["StackName"]: stack for page in pages for stack in page["Stacks"]}
    there = sorted(name.split("-")[1] for name in stacks if re.fullmatch("sluice-[a-z0-9]+-storage", name))
    if environment not in there and there:
        raise CommandError(
            f"There is no environment {environment} here; deployed: {', '.join(there)}.",
            next_step=f"--env {there[0]}, or deploy {environment}.",
            value=environment,
        )
    if missing := [name for part in STACKS if (name := f"{prefix}{part}") not in stacks]:
        raise CommandError(
            f"There is no stack {', '.join(missing)}.",
            next_step=how,
            value=environment,
        )
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
