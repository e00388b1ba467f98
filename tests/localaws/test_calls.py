from __future__ import annotations

import ast
from pathlib import Path

import pytest

from localaws.calls import SERVICES, calls, told
from tests.folders import ROOT
from tests.infra.handler_calls import actions_of

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
