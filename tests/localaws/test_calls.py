from __future__ import annotations

import ast
from pathlib import Path

import pytest
from moto.core.utils import camelcase_to_underscores

from localaws.apigateway import declared, declared_rest
from localaws.athena import api
from localaws.calls import SERVICES, calls, told
from localaws.cloudformation.api import OPERATIONS
from localaws.moto_patches import ABSENT
from tests.folders import ROOT
from tests.infra.handler_calls import actions_of
from tests.localaws import patched

#: Imports moto's side of every service, which takes seconds.
pytestmark = pytest.mark.slow


def test_a_call_is_listed_or_missing_and_never_both() -> None:
    page = told()
    for service in SERVICES:
        there, missing = calls(service)
        assert there
        assert not {*there} & {*missing}
        assert f"{len(there)} of {len(there) + len(missing)} calls" in page


def test_what_moto_has_and_has_not_is_told_apart() -> None:
    there, _ = calls("s3")
    assert {"PutObject", "CreateMultipartUpload", "CompleteMultipartUpload", "ListObjectsV2"} <= {*there}
    there, missing = calls("stepfunctions")
    assert ("StartExecution" in there, "StartSyncExecution" in missing) == (True, True)


def test_what_localaws_answers_itself_is_listed() -> None:
    """What it adds to moto's classes stands in `moto_symbols.json`, which another law compares with a run."""
    package_of = {package: service for service, package in SERVICES.items()}
    absent = [symbol.split(".") for symbol, digest in patched.known().items() if digest == patched.digest(ABSENT)]
    added = [names for names in absent if names[2] == "responses"]
    answers = {(package_of[names[1]], names[-1]) for names in added if names[3].endswith("Response")}
    assert len(answers) == len(added) > 0
    answers |= {("athena", each.__name__) for each in api.OPERATIONS}
    answers |= {("cloudformation", each.__name__) for each in OPERATIONS}
    listed = {(service, camelcase_to_underscores(name)) for service in SERVICES for name in calls(service)[0]}
    refused = {("apigateway", name) for name in declared_rest.REFUSED}
    refused |= {("apigatewayv2", name) for name in declared.REFUSED}
    assert answers - refused - listed == set()
    assert not refused & listed


def test_every_service_that_a_provider_creates_in_is_listed() -> None:
    named = set()
    for file in (ROOT / "localaws" / "cloudformation" / "providers").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("client") and node.args:
                named |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    assert named
    assert named <= {*SERVICES}


@pytest.mark.parametrize("handler", sorted((ROOT / "lambdas").glob("*/handler.py")), ids=lambda each: each.parent.name)
def test_what_the_functions_call_has_code_behind_it(handler: Path) -> None:
    for action in actions_of(handler):
        service, _, name = action.partition(":")
        _, missing = calls("stepfunctions" if service == "states" else service)
        assert name not in missing, action
