"""Reads the outputs of the deployed stacks, and makes clients for the environment's account and endpoint."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
from botocore.session import Session

from sluice.cli.api_models import models
from sluice.environments import Environment, read_environments
from sluice.errors import CommandError, Unreachable, WrongArgument
from sluice.folders import ProjectFolder, meant_project, present_folder
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
#: Which output tells which setting.
_SETTINGS = {
    "landing_bucket": "LandingBucketName",
    "lake_bucket": "LakeBucketName",
    "ledger_table": "LedgerTableName",
    "commit_queue_url": "CommitQueueUrl",
    "commit_dead_letters_url": "CommitDeadLetterQueueUrl",
    "landing_dead_letters_url": "LandingDeadLetterQueueUrl",
    "ingest_alone_function": "IngestFileAloneFunctionName",
    "refresh_machine": "RefreshStateMachineArn",
}
STACKS = ("storage", "ingestion", "processing", "serving")
#: Outputs that name the roles that ask in the workgroup for people.
_ASKING_ROLES = ("AnalystRoleArn", "StewardRoleArn")
#: What the name of each of Sluice's stacks ends with, behind the name prefix and the environment.
PART = r"(storage|ingestion|processing|recovery|serving|streams\d*)"


@once
def client(service: str) -> Any:
    """Return a client for ``service`` at the environment's endpoint: boto3's, where a command imports that anyway.

    Else it is botocore's, of which boto3 makes its own: importing boto3 takes a tenth of a second.
    """
    config = Config(retries={"mode": "standard"}, read_timeout=900)
    if (boto3 := sys.modules.get("boto3")) is not None:
        return boto3.client(service, config=config)
    return session().create_client(service, config=config)


def session() -> Any:
    """Return botocore's session for the credentials that the environment names."""
    return _session(tuple(os.environ.get(name, "") for name in _GIVEN))


#: What of the environment decides whose credentials a session has.
_GIVEN = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@once
def _session(_given: tuple[str, ...]) -> Any:
    session = Session()
    session.register_component("data_loader", models(session.get_config_variable("data_path")))
    return session


def refused_by_aws(error: ClientError | BotoCoreError) -> type[CommandError]:
    """Return the type of the error to raise for one of boto3: ``Unreachable`` when the same call may succeed later."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        later = status >= _SERVER_FAILS or error.response.get("Error", {}).get("Code") in _THROTTLED
    else:
        later = isinstance(error, ConnectionError | HTTPClientError)
    return Unreachable if later else CommandError


@dataclass(frozen=True)
class Deployment:
    """The deployed stacks of one environment; ``outputs`` are theirs by name, as `sluice outputs` prints them.

    ``name_prefix`` and ``environment`` are what the names of its ``stacks`` begin with.
    """

    outputs: Mapping[str, str]
    name_prefix: str = ""
    environment: str = ""
    stacks: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        """Return the settings of this deployment, as far as its functions and the command line share them."""
        prefix = self.outputs.get("DatabasePrefix", "-")
        given: dict[str, Any] = {field: self.outputs[name] for field, name in _SETTINGS.items() if name in self.outputs}
        return Settings(**given, database_prefix="" if prefix == "-" else prefix)

    @property
    def workgroup(self) -> str:
        """Return the name of Athena's workgroup."""
        return self._named("AthenaWorkGroupName")

    def workgroup_of(self, caller: Mapping[str, str]) -> tuple[str, str]:
        """Return the workgroup in which ``caller`` (STS's answer) asks, and the place for results that the query names.

        The place is empty where the workgroup has one. A session of people's roles has its own: no other may read it.
        """
        role = caller["Arn"].split("/")[1] if ":assumed-role/" in caller["Arn"] else ""
        asking = {self.outputs[name].rpartition("/")[2] for name in _ASKING_ROLES if name in self.outputs}
        if role not in asking:
            return self.workgroup, ""
        results = f"s3://{self._named('ResultsBucketName')}/people/{caller['UserId']}/"
        return self._named("PeopleWorkGroupName"), results

    @property
    def plan_function(self) -> str:
        """Return the name of the function that plans refreshes."""
        return self._named("PlanFunctionName")

    @property
    def run_function(self) -> str:
        """Return the name of the function that runs transforms on DuckDB, and rolls tables back."""
        return self._named("RunFunctionName")

    @property
    def dead_letter_queues(self) -> dict[str, str]:
        """Return the addresses of the queues of dead letters, by output."""
        return {name: url for name, url in self.outputs.items() if name.endswith("DeadLetterQueueUrl")}

    def _named(self, output: str) -> str:
        if output not in self.outputs:
            raise CommandError(
                f"The deployed stacks have no output {output}: an earlier Sluice deployed them.",
                next_step="deploy again, then ask again.",
                value=output,
            )
        return self.outputs[output]


def in_region_of(environment: Environment) -> Environment:
    """Have this process ask in the region of ``environment``, which is returned: its stacks are in no other.

    A local AWS is in one region alone, which the shell's export lines name.
    """
    if not os.environ.get("AWS_ENDPOINT_URL"):
        os.environ.update(AWS_REGION=environment.region, AWS_DEFAULT_REGION=environment.region)
    return environment


def refuse_other_account(environment: Environment) -> None:
    """Raise ``CommandError`` where the environment belongs to another account than the credentials.

    Raises boto3's errors where that cannot be asked. A local AWS stands for any account.
    """
    if not environment.account or os.environ.get("AWS_ENDPOINT_URL"):
        return
    account = client("sts").get_caller_identity()["Account"]
    if environment.account != account:
        raise CommandError(
            f"{environment.name} belongs to the account {environment.account}, the credentials to {account}.",
            safe="nothing was deployed or changed.",
            next_step=f"take credentials of {environment.account}, or mend `account` in environments.yaml.",
            value=account,
        )


def deployed(environment: str, contracts: Iterable[Path] = ()) -> Deployment:
    """Return what is deployed in ``environment`` of the project that ``contracts`` are in, by default the present one.

    Raise ``CommandError`` when a stack is missing.
    """
    how = "start the local AWS with `sluice up` and run the export lines that it prints, or deploy with `cdk deploy`."
    project = meant_project(contracts)
    if project and (declared := read_environments(project.environments).get(environment)):
        in_region_of(declared)
    try:
        stacks = _visible_stacks(environment, project)
    except (ClientError, BotoCoreError) as error:
        if project is None and _may_not(error):
            how = "give the command in the project's folder: a role for people reads its environment's stacks by name."
        raise refused_by_aws(error)(
            f"The stacks of {environment} cannot be read: {error}",
            next_step=how,
            value=environment,
        ) from error
    title = _name_prefix(stacks, environment, project)
    prefix = f"{title}-{environment}-"
    there = sorted(name for of, name in whole_deployments(stacks) if of == title)
    if there and environment not in there and f"{prefix}storage" not in stacks:
        raise _no_environment(environment, there)
    for name in (f"{prefix}{part}" for part in STACKS):
        if name in stacks and (refused := _not_made(name, stacks[name]["StackStatus"], environment)):
            raise refused
    if missing := [name for part in STACKS if (name := f"{prefix}{part}") not in stacks]:
        raise CommandError(
            f"There is no stack {', '.join(missing)}.",
            next_step=how,
            value=environment,
        )
    # Whole names: another project may be called shop-dev, and stacks of one's own are called as one likes.
    own = tuple(name for name in stacks if re.fullmatch(re.escape(prefix) + PART, name))
    outputs = {
        output["OutputKey"]: output["OutputValue"]
        for name in own
        for output in stacks[name].get("Outputs", [])
        if not output["OutputKey"].startswith("PublishOutput")
    }
    return Deployment(outputs, title, environment, own)


def _visible_stacks(environment: str, project: ProjectFolder | None) -> dict[str, dict[str, Any]]:
    """Return all stacks by name; for a role that may not list them, those of ``environment`` of the project.

    Roles for people read the stacks of their own environment alone, and their names are known in the project's folder.
    """
    try:
        pages = list(client("cloudformation").get_paginator("describe_stacks").paginate())
    except ClientError as error:
        if project is None or not _may_not(error):
            raise
        prefix = f"{_declared_prefix(project)}-{environment}-"
        names = (f"{prefix}{part}" for part in (*STACKS, "recovery"))
        streams = takewhile(bool, (_stack(f"{prefix}streams{number or ''}") for number in count()))
        return {stack["StackName"]: stack for stack in (*filter(None, map(_stack, names)), *streams) if stack}
    return {stack["StackName"]: stack for page in pages for stack in page["Stacks"]}


def _may_not(error: ClientError | BotoCoreError) -> bool:
    denied = ("AccessDenied", "AccessDeniedException")
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in denied


def _stack(name: str) -> dict[str, Any] | None:
    """Return the stack of that name, or None."""
    try:
        (stack,) = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return dict(stack)


def _declared_prefix(project: ProjectFolder) -> str:
    return next(iter(read_environments(project.environments).values())).name_prefix


def _name_prefix(stacks: Mapping[str, Mapping[str, Any]], environment: str, project: ProjectFolder | None) -> str:
    """Return what the stacks' names begin with: as the project says, without one as the only ones there say."""
    if project:
        return _declared_prefix(project)
    whole = whole_deployments(stacks)
    found = sorted(title for title, name in whole if name == environment)
    if len(found) > 1:
        raise CommandError(
            f"The projects {', '.join(found)} are deployed here, and {present_folder()} is in none.",
            next_step="give the command in the folder of the project that is meant.",
            value=environment,
        )
    if whole and not found:
        raise _no_environment(environment, sorted({name for _, name in whole}))
    return found[0] if found else "sluice"


def whole_deployments(stacks: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return name prefix and environment of each deployment that has all its stacks, so that no other's is taken."""
    found = (re.fullmatch("(.+)-([a-z0-9]+)-storage", name) for name in stacks)
    names = [(each[1], each[2]) for each in found if each]
    parts = {each: [f"{'-'.join(each)}-{part}" for part in STACKS] for each in names}
    return [each for each in names if all(name in stacks and not _never_made(stacks[name]) for name in parts[each])]


def _never_made(stack: Mapping[str, Any]) -> bool:
    """Return whether making the stack failed."""
    return stack.get("StackStatus") in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")


def _not_made(name: str, status: str, environment: str) -> CommandError | None:
    """Return the error of a stack that is not there yet, or was never wholly there; None for one that is."""
    # A stack in review is one that this very deployment may be making.
    if status in ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"):
        what, step = f"{name} is not ready: it is {status}.", "wait until the deployment has ended, then ask again."
    elif status == "ROLLBACK_COMPLETE":
        what, step = f"{name} was never made: it is {status}, and holds nothing.", "`sluice deploy` makes it anew."
    elif status in ("ROLLBACK_FAILED", "CREATE_FAILED"):
        what = f"{name} was never wholly made: it is {status}, and may hold some of its resources."
        step = (
            f"look at them with `aws cloudformation describe-stack-resources --stack-name {name}`, delete it, deploy."
        )
    else:
        return None
    return CommandError(what, next_step=step, value=environment)


def _no_environment(environment: str, there: list[str]) -> WrongArgument:
    return WrongArgument(
        f"There is no environment {environment} here; deployed: {', '.join(there)}.",
        next_step=f"--env {there[0]}, or deploy {environment}.",
        value=environment,
    )
