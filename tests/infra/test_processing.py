"""Functions, workflow and job run where their code was built for, log for a bounded time, and wait for nothing."""

from __future__ import annotations

import json
import re

import pytest

from infra.bundle import LOCK
from infra.config import PYTHON, WHEEL_PLATFORM
from tests.folders import ROOT
from tests.infra.templates import Cloud

_ARCHITECTURES = {"aarch64": "arm64", "x86_64": "x86_64"}


def test_runtime_and_wheels_are_for_the_same_python_and_processor(cloud: Cloud) -> None:
    architecture = _ARCHITECTURES[WHEEL_PLATFORM.split("-")[0]]
    for function in cloud.resources("AWS::Lambda::Function"):
        assert function.properties["Runtime"] == f"python{PYTHON}"
        assert function.properties["Architectures"] == [architecture]
    for layer in cloud.resources("AWS::Lambda::LayerVersion"):
        assert layer.properties["CompatibleRuntimes"] == [f"python{PYTHON}"]
        assert layer.properties["CompatibleArchitectures"] == [architecture]


def test_the_layers_lock_was_resolved_for_that_python() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert f"--python-version {PYTHON}" in makefile
    assert f"--python-platform {WHEEL_PLATFORM}" in makefile
    assert LOCK.read_text().count("--hash=sha256:") > 0


def test_every_function_has_its_handler_its_role_and_its_log(cloud: Cloud) -> None:
    functions = cloud.resources("AWS::Lambda::Function")
    folders = {path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py")}
    folders -= {"empty_buckets"} if cloud.environment.keep_data else set()
    assert {each.properties["Handler"] for each in functions} == {f"lambdas.{name}.handler.handler" for name in folders}
    for part in ("Role", "LoggingConfig"):
        assert len({str(each.properties[part]) for each in functions}) == len(functions)


def test_every_log_group_has_a_retention(cloud: Cloud) -> None:
    for group in cloud.resources("AWS::Logs::LogGroup"):
        assert group.properties["RetentionInDays"] == cloud.environment.log_days


def test_functions_are_told_only_what_settings_know(cloud: Cloud) -> None:
    from sluice.settings import Settings

    known = {f"SLUICE_{name.upper()}" for name in Settings.__struct_fields__}
    for function in cloud.resources("AWS::Lambda::Function"):
        assert set(function.properties.get("Environment", {}).get("Variables", {})) <= known


def test_the_workflow_logs_everything_and_ends_by_itself(cloud: Cloud) -> None:
    (machine,) = cloud.resources("AWS::StepFunctions::StateMachine")
    assert machine.properties["LoggingConfiguration"]["Level"] == "ALL"
    assert machine.properties["TracingConfiguration"] == {"Enabled": True}
    # In the definition itself: CDK ignores its `timeout` for a definition given as text.
    assert json.loads(machine.properties["DefinitionString"])["TimeoutSeconds"] <= 86_400


def test_every_placeholder_of_a_workflow_is_filled(cloud: Cloud) -> None:
    for machine in cloud.resources("AWS::StepFunctions::StateMachine"):
        wanted = set(re.findall(r"\$\{(\w+)\}", machine.properties["DefinitionString"]))
        assert wanted == set(machine.properties["DefinitionSubstitutions"])


@pytest.mark.parametrize("property_", ["Timeout", "GlueVersion", "MaxRetries", "ExecutionProperty"])
def test_the_spark_job_is_bounded_and_pinned(cloud: Cloud, property_: str) -> None:
    (job,) = cloud.resources("AWS::Glue::Job")
    assert property_ in job.properties
    assert job.properties["GlueVersion"] == "5.1"
