"""The resource types that localaws deploys: one module per service, one small provider per type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from localaws.cloudformation.errors import UnknownResourceType
from localaws.cloudformation.providers import (
    athena,
    cdk,
    cloudwatch,
    custom_resource,
    dynamodb,
    events,
    glue,
    iam,
    kinesis,
    kms,
    lambda_,
    logs,
    s3,
    scheduler,
    sns,
    sqs,
    ssm,
    stepfunctions,
)
from localaws.cloudformation.providers.provider import Provider

PROVIDERS: Final[Mapping[str, Provider]] = {
    provider.type: provider
    for module in (
        athena,
        cdk,
        cloudwatch,
        custom_resource,
        dynamodb,
        events,
        glue,
        iam,
        kinesis,
        kms,
        lambda_,
        logs,
        s3,
        scheduler,
        sns,
        sqs,
        ssm,
        stepfunctions,
    )
    for provider in module.PROVIDERS
}


def provider_for(resource_type: str, *, at: str) -> Provider:
    """Return the provider of a type; UnknownResourceType, naming ``at`` (stack and logical id), if there is none."""
    if resource_type.startswith("Custom::"):
        return PROVIDERS["AWS::CloudFormation::CustomResource"]
    if resource_type not in PROVIDERS:
        raise UnknownResourceType(
            f"{at}: the resource type {resource_type} has no provider in localaws. Nothing was created. "
            "`python -m localaws coverage` lists the known types."
        )
    return PROVIDERS[resource_type]
