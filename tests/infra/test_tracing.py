"""Functions are traced where the environment asks for it, with two permissions more and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.bundle import Bundle
from sluice.project import Project
from tests.infra.conftest import PEOPLED
from tests.infra.nag import accepted, open_findings
from tests.infra.permissions import granted
from tests.infra.templates import Cloud, synthesize

#: What Lambda does under a traced function's role; X-Ray knows no resources of it.
#: https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
SENDS = {("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*")}


@pytest.fixture(scope="module")
def traced(project: Project, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    folder = tmp_path_factory.mktemp("traced")
    return synthesize(replace(PEOPLED["dev"], tracing=True), project, bundle, folder, nag=True)


def functions(cloud: Cloud) -> dict[str, dict[str, Any]]:
    return {each.name: each.properties for each in cloud.resources("AWS::Lambda::Function")}


@pytest.mark.slow
def test_every_function_is_traced_where_it_is_asked_for(traced: Cloud, clouds: dict[str, Cloud]) -> None:
    assert len(functions(traced)) == 10
    for properties in functions(traced).values():
        assert properties["TracingConfig"] == {"Mode": "Active"}
    for properties in functions(clouds["dev"]).values():
        assert "TracingConfig" not in properties


def test_the_roles_of_functions_may_send_traces_and_nothing_else_more(traced: Cloud, clouds: dict[str, Cloud]) -> None:
    roles = {f"{name}Role" for name in functions(traced)}
    for role in (each.name for each in traced.resources("AWS::IAM::Role")):
        more = granted(traced, role) - granted(clouds["dev"], role)
        assert more == (SENDS if role in roles else set()), role
        assert granted(clouds["dev"], role) <= granted(traced, role)


def test_what_stands_of_it_is_accepted_by_role(traced: Cloud, clouds: dict[str, Cloud]) -> None:
    assert not open_findings(traced)
    found, before = ({(where, rule) for _, where, rule in accepted(each)} for each in (traced, clouds["dev"]))
    assert {rule for _, rule in before - found} == {"Serverless::Serverless-LambdaTracing"}
    assert {rule for _, rule in found - before} == {"AwsSolutions::AwsSolutions-IAM5[Resource::*]"}
