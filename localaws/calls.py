"""The API calls that have code behind them, by service: found in moto's classes and in our own, none is made."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Iterator
from typing import Final

import botocore.session
from moto.core.base_backend import BaseBackend
from moto.core.responses import BaseResponse
from moto.core.utils import camelcase_to_underscores

from localaws.apigateway import declared, declared_rest
from localaws.athena import api as athena
from localaws.cloudformation import api as cloudformation
from localaws.functions import account_settings
from localaws.glue import jobs as glue
from localaws.logs import keys as logs

#: The services that localaws stands behind, as boto3 calls them, and moto's package of each.
SERVICES: Final = {
    "apigateway": "apigateway", "apigatewayv2": "apigatewayv2", "athena": "athena", "cloudformation": "cloudformation",
    "cloudwatch": "cloudwatch", "dynamodb": "dynamodb", "events": "events", "glue": "glue", "iam": "iam",
    "kinesis": "kinesis", "kms": "kms", "lambda": "awslambda", "logs": "logs", "s3": "s3", "scheduler": "scheduler",
    "sns": "sns", "sqs": "sqs", "ssm": "ssm", "stepfunctions": "stepfunctions", "sts": "sts",
}  # fmt: skip

#: What localaws answers itself, of which moto need not have anything: it is put into moto's classes at a start.
_OWN: Final = {
    "apigatewayv2": declared.OPERATIONS, "athena": athena.OPERATIONS, "cloudformation": cloudformation.OPERATIONS,
    "glue": glue.OPERATIONS, "lambda": (account_settings.get_account_settings,), "logs": logs.OPERATIONS,
}  # fmt: skip


@functools.cache
def calls(service: str) -> tuple[list[str], list[str]]:
    """Return the calls of a service that have code behind them, and those that have none; ``KeyError`` for no service.

    Code is no promise: it may do less than AWS does.
    """
    classes = list(_classes(SERVICES[service]))
    own = {operation.__name__ for operation in _OWN.get(service, ())}
    names = {
        name: camelcase_to_underscores(name)
        for name in botocore.session.get_session().get_service_model(service).operation_names
    }
    refused = {"apigateway": declared_rest.REFUSED, "apigatewayv2": declared.REFUSED}.get(service, {})
    there = [
        name
        for name, ours in names.items()
        if ours in own or (ours not in refused and any(hasattr(each, ours) for each in classes))
    ]
    return there, [name for name in names if name not in there]


def _classes(package: str) -> Iterator[type]:
    """Yield what answers the calls, and what stands behind it: S3's calls are found by their paths, not by a name."""
    for module, base in (("responses", BaseResponse), ("models", BaseBackend)):
        found = importlib.import_module(f"moto.{package}.{module}")
        for each in vars(found).values():
            if inspect.isclass(each) and issubclass(each, base) and each is not base:
                yield each


def told() -> str:
    """Return, as Markdown, the calls of each service."""
    lines = [
        "# API calls", "",
        "A call has code behind it, or is answered with an error. Code is no promise: a call may do less than AWS",
        "does, as moto has it where localaws has nothing of its own.",
    ]  # fmt: skip
    for service in SERVICES:
        there, missing = calls(service)
        lines += ["", f"## {service}", "", f"{len(there)} of {len(there) + len(missing)} calls: {', '.join(there)}."]
    return "\n".join(lines) + "\n"
