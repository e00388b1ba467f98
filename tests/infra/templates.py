"""One synthesized environment, and its templates with every reference resolved to the ARN or name it will have."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.bundle import Bundle
from sluice.environments import Environment
from sluice.project import Project
from tests.folders import ROOT

ACCOUNT = "111122223333"
_ARNS: dict[str, Callable[[str, str], str]] = {
    "AWS::S3::Bucket": lambda name, at: f"arn:aws:s3:::{name}",
    "AWS::SQS::Queue": lambda name, at: f"arn:aws:sqs:{at}:{name}",
    "AWS::DynamoDB::Table": lambda name, at: f"arn:aws:dynamodb:{at}:table/{name}",
    "AWS::KMS::Key": lambda name, at: f"arn:aws:kms:{at}:key/{name}",
    "AWS::Lambda::Function": lambda name, at: f"arn:aws:lambda:{at}:function:{name}",
    "AWS::Logs::LogGroup": lambda name, at: f"arn:aws:logs:{at}:log-group:{name}:*",
    "AWS::IAM::Role": lambda name, at: f"arn:aws:iam::{ACCOUNT}:role/{name}",
    "AWS::Events::Rule": lambda name, at: f"arn:aws:events:{at}:rule/{name}",
    "AWS::StepFunctions::StateMachine": lambda name, at: f"arn:aws:states:{at}:stateMachine:{name}",
    "AWS::Kinesis::Stream": lambda name, at: f"arn:aws:kinesis:{at}:stream/{name}",
    "AWS::SNS::Topic": lambda name, at: f"arn:aws:sns:{at}:{name}",
}
#: Types whose Ref is an ARN.
_REF_IS_ARN = {"AWS::StepFunctions::StateMachine", "AWS::SNS::Topic"}


@dataclass(frozen=True)
class Resource:
    """One resource; ``name`` is its logical id without CDK's hash, ``properties`` are resolved."""

    stack: str
    logical_id: str
    type: str
    body: dict[str, Any]
    properties: dict[str, Any]

    @property
    def name(self) -> str:
        return plain_name(self.logical_id)


@dataclass(frozen=True)
class Cloud:
    """The templates of one environment by stack (``storage``, …), where they lie, and what CDK's validation said."""

    environment: Environment
    folder: Path
    templates: dict[str, dict[str, Any]]
    report: dict[str, Any]
    _resources: list[Resource] = field(default_factory=list)

    def resources(self, *types: str) -> list[Resource]:
        if not self._resources:
            self._resources.extend(self._all())
        return [each for each in self._resources if not types or each.type in types]

    def resource(self, type_: str, name: str) -> Resource:
        (found,) = [each for each in self.resources(type_) if each.name == name]
        return found

    def arn(self, resource: Resource) -> str:
        return str(self.resolve(resource.stack, {"Fn::GetAtt": [resource.logical_id, "Arn"]}))

    def _all(self) -> Iterator[Resource]:
        for stack, template in self.templates.items():
            for logical_id, body in template["Resources"].items():
                properties = self.resolve(stack, body.get("Properties", {}))
                yield Resource(stack, logical_id, body["Type"], body, properties)

    def resolve(self, stack: str, value: Any) -> Any:
        """Return ``value`` with all intrinsic functions carried out; an unknown one is an error."""
        if isinstance(value, list):
            return [self.resolve(stack, each) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and (key := next(iter(value))) and (key == "Ref" or key.startswith("Fn::")):
            return self._function(stack, key, value[key])
        return {key: self.resolve(stack, inner) for key, inner in value.items()}

    def _function(self, stack: str, function: str, given: Any) -> Any:
        if function == "Fn::Join":
            return given[0].join(str(self.resolve(stack, each)) for each in given[1])
        if function == "Fn::GetStackOutput":
            other = given["StackName"].removeprefix(f"sluice-{self.environment.name}-")
            return self.resolve(other, self.templates[other]["Outputs"][given["OutputName"]]["Value"])
        if function == "Fn::Sub" and isinstance(given, str):
            return re.sub(r"\$\{([^}]+)\}", lambda found: self._reference(stack, found[1]), given)
        if function == "Ref":
            return self._reference(stack, given)
        if function == "Fn::GetAtt":
            return self._attribute(stack, *given)
        raise NotImplementedError(f"{function} in {stack}: {given}")

    def _reference(self, stack: str, name: str) -> str:
        pseudo = {
            "AWS::AccountId": ACCOUNT, "AWS::Region": self.environment.region, "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }  # fmt: skip
        if name in pseudo:
            return pseudo[name]
        if name == "AWS::StackId":
            whole = f"sluice-{self.environment.name}-{stack}"
            return f"arn:aws:cloudformation:{self.environment.region}:{ACCOUNT}:stack/{whole}/id"
        body = self.templates[stack]["Resources"][name]
        return self._attribute(stack, name, "Arn") if body["Type"] in _REF_IS_ARN else self._physical(stack, name)

    def _attribute(self, stack: str, name: str, attribute: str) -> str:
        kind = self.templates[stack]["Resources"][name]["Type"]
        if attribute != "Arn" or kind not in _ARNS:
            return f"{self._physical(stack, name)}.{attribute}"
        return _ARNS[kind](self._physical(stack, name), f"{self.environment.region}:{ACCOUNT}")

    def _physical(self, stack: str, name: str) -> str:
        body = self.templates[stack]["Resources"][name]
        properties = body.get("Properties", {})
        if body["Type"] == "AWS::Kinesis::Stream":
            return str(properties["Name"])
        for key in ("StateMachineName", "LogGroupName"):
            if key in properties:
                return str(properties[key])
        return plain_name(name)


def plain_name(logical_id: str) -> str:
    """Return a logical id without the hash at its end."""
    return re.sub("[0-9A-F]{8}$", "", logical_id)


def context() -> dict[str, Any]:
    """Return the context that the CDK CLI would pass."""
    given: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return given


def synthesize(environment: Environment, project: Project, bundle: Bundle, folder: Path, *, nag: bool = False) -> Cloud:
    """Synthesize one environment into ``folder``; a failed validation is left in the report."""
    # Here: CDK takes seconds to import, and every worker collects all tests. Ours first: it names the Node to use.
    from infra.synthesis import add_stacks

    from aws_cdk import App, Validations  # isort: skip

    app = App(context=context(), outdir=str(folder))
    add_stacks(app, environment, project, bundle)
    if nag:
        from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks, ServerlessChecks

        Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app), NIST80053R5Checks(app))
    try:
        app.synth()
    except RuntimeError as error:
        if "ValidationFailed" not in str(error):
            raise
    return read_cloud(environment, folder)


def read_cloud(environment: Environment, folder: Path) -> Cloud:
    """Return the environment that was synthesized into ``folder``."""
    prefix, suffix = f"sluice-{environment.name}-", ".template.json"
    templates = {
        path.name.removeprefix(prefix).removesuffix(suffix): json.loads(path.read_text())
        for path in sorted(folder.glob(f"*{suffix}"))
    }
    report = json.loads((folder / "validation-report.json").read_text())
    return Cloud(environment, folder, templates, report)
