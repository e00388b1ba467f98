"""Inline functions answer CloudFormation by the module that stands beside them, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from localaws.cloudformation.errors import StackFailed

ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    },
}
NODE = """
const response = require('cfn-response');
exports.handler = (event, context) => {
  const bad = event.ResourceProperties.Bad && event.RequestType === "Create";
  if (bad) return response.send(event, context, response.FAILED, {});
  return response.send(event, context, response.SUCCESS, {Said: 'node ' + event.ResourceProperties.Word}, 'mine');
};
"""
PYTHON = """
import cfnresponse
def handler(event, context):
    if event["ResourceProperties"].get("Bad") and event["RequestType"] == "Create":
        return cfnresponse.send(event, context, cfnresponse.FAILED, {})
    said = {"Said": "python " + event["ResourceProperties"]["Word"]}
    cfnresponse.send(event, context, cfnresponse.SUCCESS, said, "mine")
"""


def resources(runtime: str, code: str, **properties: str) -> dict[str, Any]:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": runtime,
            "Handler": "index.handler",
            "Code": {"ZipFile": code},
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        },
    }
    token = {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}}
    made = {"Type": "Custom::Made", "Properties": {**token, "Word": "hello", **properties}}
    return {"Role": ROLE, "Function": function, "Made": made}


@pytest.mark.parametrize(("runtime", "code"), [("nodejs22.x", NODE), ("nodejs24.x", NODE), ("python3.13", PYTHON)])
def test_inline_code_answers_with_cloudformations_own_module(
    deploy: Callable[..., Any], runtime: str, code: str
) -> None:
    stack = deploy(outputs={"Said": {"Value": {"Fn::GetAtt": ["Made", "Said"]}}}, **resources(runtime, code))
    language = "node" if runtime.startswith("node") else "python"
    assert stack.outputs["Said"].value == f"{language} hello"
    assert stack.resources["Made"].outcome.physical_id == "mine"


@pytest.mark.parametrize(("runtime", "code"), [("nodejs22.x", NODE), ("nodejs24.x", NODE), ("python3.13", PYTHON)])
def test_what_it_calls_failed_fails_the_resource(deploy: Callable[..., Any], runtime: str, code: str) -> None:
    with pytest.raises(StackFailed, match="See the details in CloudWatch Log Stream"):
        deploy(**resources(runtime, code, Bad="yes"))
