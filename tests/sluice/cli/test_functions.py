"""Functions are those of the deployment's own stacks."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.cli import functions
from sluice.cli.deployment import Deployment


def test_functions_are_those_that_the_deployments_stacks_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    held = {
        "shop-dev-storage": [[("AWS::S3::Bucket", "lake")], [("AWS::Lambda::Function", "tables")]],
        "shop-dev-ingestion": [[("AWS::Lambda::Function", "ingest"), ("AWS::Lambda::LayerVersion", "layer")]],
        "shop-dev-x-ingestion": [[("AWS::Lambda::Function", "another's")]],
    }

    class CloudFormation:
        def get_paginator(self, call: str) -> Any:
            assert call == "list_stack_resources"
            return self

        def paginate(self, *, StackName: str) -> Any:  # noqa: N803 (boto3's name)
            for page in held[StackName]:
                yield {
                    "StackResourceSummaries": [
                        {"ResourceType": kind, "PhysicalResourceId": name} for kind, name in page
                    ]
                    # One that is being made has no name yet.
                    + [{"ResourceType": "AWS::Lambda::Function"}]
                }

    services: list[str] = []
    monkeypatch.setattr(functions, "client", lambda service: services.append(service) or CloudFormation())
    deployment = Deployment({}, "shop", "dev", ("shop-dev-storage", "shop-dev-ingestion"))
    assert functions.function_names(deployment) == ["ingest", "tables"]
    assert set(services) == {"cloudformation"}
